"""``tallygate policy test``: whether the policies do what their tests say, by the code that decides real calls."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proxy.cli.places import ConfigOption, DirectoryOption
from proxy.cli.policy.findings import Format as FindingsFormat
from proxy.cli.policy.findings import Found, written
from proxy.cli.policy.validate import DOUBTFUL, REFUSED, FolderArgument
from proxy.cli.policy.verdicts import Format, Results, told, unfired
from proxy.config.problems import ConfigError, Problem

if TYPE_CHECKING:
    from proxy.app.trial.judge import Verdict
    from proxy.cli.policy.reading import Read
    from proxy.policy.case import Case

_MANY = 200  # tests; fewer are done before a bar could be seen


def test(
    *,
    folder: FolderArgument = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="For people or machines.")] = Format.TEXT,
    only: Annotated[
        str, typer.Option("--only", "-k", help="Tests with this in their name or file.", show_default=False)
    ] = "",
    coverage: Annotated[bool, typer.Option("--coverage", help="List rules that no test makes act.")] = False,
    every: Annotated[bool, typer.Option("--verbose", "-v", help="List tests that pass, too.")] = False,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
) -> None:
    """Run the tests of the policies: exit status 1 if one fails, 2 if the policies cannot be loaded.

    Examples:
    - `tallygate policy test`

    - `tallygate policy test policies --coverage -k research`
    """  # fmt: skip
    from proxy.cli.policy.reading import read_beside  # noqa: PLC0415 - other commands start faster without it

    try:
        read = read_beside(folder, directory, config)
        cases = _chosen(read.loaded.cases, only, folder)
    except ConfigError as error:
        shape = FindingsFormat(form.value)
        typer.echo(written([Found("error", one) for one in error.problems], shape, "nothing was tested"))
        raise typer.Exit(REFUSED) from None
    began = time.perf_counter()
    verdicts = _judged(read, cases)
    rules = unfired(read.loaded.policy.rules, verdicts) if coverage else None
    results = Results(verdicts, time.perf_counter() - began, rules)
    typer.echo(told(results, form, every=every))
    if results.failed:
        raise typer.Exit(DOUBTFUL)


def _chosen(cases: tuple[Case, ...], only: str, folder: Path | None) -> tuple[Case, ...]:
    """The tests to run. Raises ``ConfigError`` where there are none: nothing tested must not look like all is well."""
    wanted = only.lower()
    chosen = tuple(case for case in cases if wanted in case.name.lower() or wanted in case.place.lower())
    if not chosen:
        where = str(folder) if folder else "the policies"
        hint = "they are files of `kind: Tests` in folders named tests; see policies/README.md"
        told = f"no test has {only!r} in its name or file" if cases else "there are no tests here"
        raise ConfigError([Problem(where, 0, 0, "", told, "" if cases else hint)])
    return chosen


def _judged(read: Read, cases: tuple[Case, ...]) -> tuple[Verdict, ...]:
    from proxy.app.trial.ground import ground_of  # noqa: PLC0415 - other commands start faster without it
    from proxy.app.trial.judge import judge  # noqa: PLC0415 - as above
    from proxy.stores.errors import EngineFailed  # noqa: PLC0415 - as above
    from proxy.stores.virtual import virtual_meters  # noqa: PLC0415 - as above

    ground = ground_of(read.directory, read.loaded, read.upstreams, read.table)
    try:
        with virtual_meters() as meters, _progress(len(cases)) as done:
            return judge(cases, ground, meters, done=done)
    except EngineFailed as error:
        typer.echo(f"Tests need an engine of their own: {error}", err=True)
        raise typer.Exit(REFUSED) from None


@contextmanager
def _progress(count: int) -> Iterator[Callable[[int], None]]:
    """Show a bar to people who wait for many tests; it goes to stderr, so that results can be redirected."""
    if count <= _MANY or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("tests", total=count)
        yield lambda more: bar.advance(task, more)

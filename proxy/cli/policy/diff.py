"""``tallygate policy diff``: what new policies would have done to yesterday's calls, before they do it to tomorrow's."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proxy.cli.places import ConfigOption, config_path
from proxy.cli.records import StateOption, journal_of
from proxy.config.loader import load_settings

if TYPE_CHECKING:
    from proxy.app.replay.conditions import Condition
    from proxy.app.replay.replaying import Report

EXIT_HOLDS, EXIT_UNUSABLE = 1, 2


class Form(StrEnum):
    """How a report is written."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


SidesArgument = Annotated[
    str,
    typer.Argument(
        metavar="A..B",
        help="Two folders or git revisions, an empty one is the folder in force; one alone is compared with that folder.",
        show_default=False,
    ),
]
TrafficOption = Annotated[
    str, typer.Option("--traffic", "--since", help="From when on: 24h, 7d, today, 2026-11-01 (UTC).")
]
UntilOption = Annotated[str | None, typer.Option(help="As --traffic; else now.", show_default=False)]


def diff(
    sides: SidesArgument,
    *,
    traffic: TrafficOption = "24h",
    until: UntilOption = None,
    file: Annotated[
        Path | None,
        typer.Option("--from", help="Calls that `policy traffic` wrote, instead of the journal.", show_default=False),
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(help="Status 1 if it holds: 'newly_refused > 0.5%'; repeat it.", show_default=False),
    ] = None,
    form: Annotated[Form, typer.Option("--format", "-f", help="For people, programs or a pull request.")] = Form.TEXT,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Replay recorded calls through two generations of policies, and tell what would change.

    Exit status 0; 1 if a --fail-if holds; 2 if it could not be found out. Nothing is changed, and no call is made.

    Examples:
    - `tallygate policy diff policies-new --traffic 24h`

    - `tallygate policy diff main..HEAD --traffic 7d --format markdown --fail-if 'newly_refused > 0.5%'`

    - `tallygate policy diff HEAD..  # what is committed, and what lies in the folder`
    """  # fmt: skip
    from proxy.cli.policy import diff_json, diff_markdown, diff_text  # noqa: PLC0415 - other commands start faster without
    from proxy.cli.policy.diff_figures import holding  # noqa: PLC0415 - as above

    conditions = _conditions(fail_if or [])
    span = _span(traffic, until)
    report = _report(sides, span, file, config_path(config), state)
    if form is Form.JSON:
        typer.echo(diff_json.written(report))
    elif form is Form.MARKDOWN:
        typer.echo(diff_markdown.written(report))
    else:
        diff_text.show(report)
    found = holding(report, conditions)
    for one in found:
        typer.echo(f"--fail-if holds: {one}", err=True)
    if found:
        raise typer.Exit(EXIT_HOLDS)


def traffic(
    *,
    traffic: TrafficOption = "24h",
    until: UntilOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Write recorded calls as JSON lines, for `policy diff --from` on a machine without a journal.

    A line holds what policies saw of a call, how it ended and what it cost: pseudonyms and ids of keys, no names and no
    prompt.

    Example: `tallygate policy traffic --traffic 7d > calls.jsonl`
    """
    from proxy.app.replay.gathering import Gathering  # noqa: PLC0415 - other commands start faster without it
    from proxy.app.replay.recorded import line_of  # noqa: PLC0415 - as above
    from proxy.journal.traffic import calls  # noqa: PLC0415 - as above

    settings = load_settings(config_path(config), os.environ)
    out = typer.get_binary_stream("stdout")
    with _journal(journal_of(state, settings)) as db:
        for call in Gathering(None).of_rows(calls(db, *_span(traffic, until))):
            out.write(line_of(call))


def _report(sides: str, span: tuple[float, float], file: Path | None, config: Path, state: Path | None) -> Report:
    from proxy.app.replay.gathering import Gathering  # noqa: PLC0415 - other commands start faster without it
    from proxy.app.replay.house import directory_of  # noqa: PLC0415 - as above
    from proxy.app.replay.people import People  # noqa: PLC0415 - as above
    from proxy.app.replay.recorded import read  # noqa: PLC0415 - as above
    from proxy.app.replay.replaying import Report, Unusable, replayed  # noqa: PLC0415 - as above
    from proxy.app.replay.revisions import Sides  # noqa: PLC0415 - as above
    from proxy.cli.policy.diff_progress import progress  # noqa: PLC0415 - as above
    from proxy.journal.traffic import calls, count  # noqa: PLC0415 - as above

    settings = load_settings(config, os.environ)
    gathering = Gathering(People(directory_of(settings)))
    with tempfile.TemporaryDirectory(prefix="tg-") as folder:
        aside = Path(folder)
        both = Sides(settings.policies, aside / "revisions").of(sides)
        try:
            if file is not None:
                with progress(0) as moved:
                    tally, known = replayed(config, both, gathering.of_file(read(file)), aside, moved)
            else:
                with _journal(journal_of(state, settings)) as db, progress(count(db, *span)) as moved:
                    tally, known = replayed(config, both, gathering.of_rows(calls(db, *span)), aside, moved)
        except Unusable as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(EXIT_UNUSABLE) from None
    return Report(
        names=(both[0].name, both[1].name),
        since=tally.first_at if file else span[0],
        until=tally.last_at if file else span[1],
        tally=tally,
        left=gathering.left,
        rules={rule.id: rule for rule in known.rules},
        is_timed=known.is_timed,
        is_running=both[0].folder.absolute() == settings.policies.absolute(),
    )


def _conditions(said: list[str]) -> list[Condition]:
    from proxy.app.replay.conditions import condition  # noqa: PLC0415 - other commands start faster without it

    try:
        return [condition(text) for text in said]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--fail-if") from None


def _span(since: str, until: str | None) -> tuple[float, float]:
    from proxy.journal.span import instant  # noqa: PLC0415 - other commands start faster without it

    now = time.time()
    try:
        return instant(since, now), instant(until, now) if until else now
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@contextmanager
def _journal(path: Path) -> Iterator[sqlite3.Connection]:
    """The journal, read only. Ends with status 2 and a sentence where there is none."""
    from proxy.journal.schema import connect_readonly  # noqa: PLC0415 - other commands start faster without it

    try:
        db = connect_readonly(path)
        try:
            yield db
        finally:
            db.close()
    except sqlite3.Error as error:
        hint = "name its folder by --state, or a file by --from" if not path.exists() else str(error)
        typer.echo(f"{path} cannot be read: {hint}", err=True)
        raise typer.Exit(EXIT_UNUSABLE) from None

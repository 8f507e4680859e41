"""``tallygate policy validate``: whether the policies load, and what in them was perhaps not meant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from proxy.cli.places import ConfigOption, DirectoryOption
from proxy.cli.policy.findings import Format, Found, written
from proxy.config.problems import ConfigError
from proxy.policy.loaded import Level, Loaded

REFUSED, DOUBTFUL = 2, 1
FolderArgument = Annotated[
    Path | None,
    typer.Argument(help="Folder of policies, or one file; else the configuration's.", show_default=False),
]


def validate(
    *,
    folder: FolderArgument = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="For people or machines.")] = Format.TEXT,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings end with status 1.")] = False,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
) -> None:
    """Check policies: every mistake at once with its line (exit status 2), warnings and notes beside.

    Their tests are run by `tallygate policy test`.

    Examples:
    - `tallygate policy validate`

    - `tallygate policy validate policies --format github`, as a step of CI
    """  # fmt: skip
    from proxy.cli.policy.reading import read_policies  # noqa: PLC0415 - other commands start faster without it

    try:
        loaded = read_policies(folder, directory, config)
    except ConfigError as error:
        found = [Found("error", problem) for problem in error.problems]
        typer.echo(written(found, form, f"{_many(len(found), 'problem')}: these policies cannot be used"))
        raise typer.Exit(REFUSED) from None
    found = [Found(one.level, one.problem) for one in loaded.warnings]
    typer.echo(written(found, form, _summary(loaded)))
    if loaded.cases and form is Format.TEXT:
        typer.echo(f"{_many(len(loaded.cases), 'test')} not run; run them: tallygate policy test")
    if strict and any(one.level is Level.WARNING for one in loaded.warnings):
        raise typer.Exit(DOUBTFUL)


def _summary(loaded: Loaded) -> str:
    policy = loaded.policy
    owners = len({rule.id.partition("/")[0] for rule in policy.rules})
    warnings = sum(one.level is Level.WARNING for one in loaded.warnings)
    notes = len(loaded.warnings) - warnings
    has = f"{_many(len(policy.rules), 'rule')} in {_many(owners, 'policy', 'policies')}"
    beside = f"{_many(len(policy.exemptions), 'exemption')}, {_many(len(loaded.cases), 'test')}"
    return f"good: {has}, {beside}; {_many(warnings, 'warning')}, {_many(notes, 'note')}"


def _many(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or one + 's'}"

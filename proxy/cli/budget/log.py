"""``tallygate budget log``: who granted and corrected what, and why."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proxy.cli.budget.options import EXIT_STOPPED, opened, stopping
from proxy.cli.places import ConfigOption, config_path
from proxy.config.directory_loader import load_directory
from proxy.config.loader import load_settings
from proxy.config.problems import did_you_mean
from proxy.config.pseudonym import pseudonym_secret
from proxy.journal.span import instant

if TYPE_CHECKING:
    from proxy.domain.amendment import Amendment


def show_log(
    *,
    rule: Annotated[str | None, typer.Argument(help="One budget's rule only; else all.", show_default=False)] = None,
    since: Annotated[
        str | None, typer.Option(help="24h, 30d, 2w, today or 2026-11-01 (UTC); else all.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs, with exact figures.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show grants and adjustments, oldest first: who did what, when, to which budget, and why. Works without the proxy.

    They lie in this machine's journal, where nothing changes or removes them; each machine shows its own.

    Examples:
    - `tallygate budget log --since 30d`

    - `tallygate budget log org/person-day --json | jq -r '.[] | [.at, .by, .amount_usd, .reason] | @tsv'`
    """  # fmt: skip
    from proxy.app.budgets.house import JOURNAL, enter, people  # noqa: PLC0415 - other commands start faster without it
    from proxy.journal.amendments import amendments  # noqa: PLC0415
    from proxy.journal.schema import connect_readonly  # noqa: PLC0415

    try:
        begin = instant(since, time.time()) if since else 0.0
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    path = config_path(config)
    with stopping():
        state = enter(path, os.environ)
    try:
        db = connect_readonly(state / JOURNAL)
        try:
            found = [one for one in amendments(db, begin) if rule in (None, one.rule)]
            logged = {one.rule for one in amendments(db, 0.0)} if rule and not found else set()
        finally:
            db.close()
    except sqlite3.Error as error:
        typer.echo(f"{state / JOURNAL} cannot be read: {error}.", err=True)
        raise typer.Exit(EXIT_STOPPED) from None
    if rule and not found and rule not in logged:
        _check(rule, logged, config)
    names = people(load_directory(load_settings(path, os.environ).directory, pseudonym_secret(state)))
    if as_json:
        typer.echo(json.dumps([_members(one, names) for one in found], indent=2))
    elif found:
        typer.echo("\n".join(_lines(one, names) for one in found))
    else:
        typer.echo("Nothing was granted or adjusted by hand" + (f" since {since}." if since else "."))


def _check(rule: str, logged: set[str], config: Path | None) -> None:
    """Raise ``typer.BadParameter`` for a budget that the policies do not know either: a slip must not look like "never"."""
    from proxy.policy.budgets import budget_named  # noqa: PLC0415 - as above

    try:
        budget_named(opened(config).said, rule)
    except ValueError as error:
        near = did_you_mean(rule, logged)
        raise typer.BadParameter(f"nothing was logged of {rule!r}; {near}" if near else str(error)) from None


def _members(one: Amendment, names: dict[str, str]) -> dict[str, str | float]:
    from proxy.domain.money import exact_usd  # noqa: PLC0415 - as above

    return {
        "at": _when(one.at),
        "kind": one.kind,
        "rule": one.rule,
        "scope": one.scope,
        "of": _of(one, names),
        "period": one.period,
        "amount_usd": exact_usd(one.amount_nusd),
        "by": one.by,
        "account": one.account,
        "reason": one.reason,
        "id": one.id,
    }


def _lines(one: Amendment, names: dict[str, str]) -> str:
    """Two lines: what was changed, and who says why. A table would break long reasons into crumbs."""
    from proxy.cli.budget.view import dollars  # noqa: PLC0415 - as above

    change = f"{'granted' if one.kind == 'grant' else 'spent'} {'+' if one.amount_nusd > 0 else ''}{dollars(one.amount_nusd)}"
    by = one.by if one.by == one.account else f"{one.by} (account {one.account})"
    return f"{_when(one.at)}  {one.rule}  {_of(one, names)}  {one.period}  {change}\n    {by}: {one.reason}"


def _of(one: Amendment, names: dict[str, str]) -> str:
    """Whose budget; a person by name where the directory still has them."""
    kind, _, name = one.scope.partition(":")
    if kind == "org":
        return "the organisation"
    return f"{kind} {names.get(name, name)}" if name else "calls of no project"


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

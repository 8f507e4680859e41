"""``tallygate report redundancy``: what was asked, and paid for, again and again; by team and day, never by person."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from proxy.cli.columns import that_fit, wide
from proxy.cli.places import ConfigOption
from proxy.cli.records import LocalOption, ledger_of
from proxy.domain.money import exact_usd, format_usd

if TYPE_CHECKING:
    from proxy.app.redundancy import Line, Report

_BAR = 10
_LIKE = (("exact", "█"), ("near", "▓"), ("template", "░"))
_WHO = ("loop", "same", "others")
_HEADS = ("calls", "input", "cost", "repeated", "of input", "template", *_WHO, "hits", "saved", "")
_FIRST = ("cost", "repeated", "of input", "saved", "loop", "others", "", "calls", "template", "same", "hits", "input")


def redundancy(
    *,
    by: Annotated[list[str] | None, typer.Option(help="team or day; repeat it.")] = None,
    since: Annotated[str, typer.Option(help="7d, 2w, today, yesterday or 2026-11-01 (whole days, UTC).")] = "7d",
    until: Annotated[str | None, typer.Option(help="As --since; else now.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs, with exact figures.")] = False,
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what was asked, and paid for, again within a day; measured with the cache off as well.

    A repeat is exact (every character), near (what a cache would answer) or from the same template (it differs in numbers,
    quotes, dates or ids). It is a loop where the same person asks within ten minutes, the same person's later, or others': a
    need that is shared, for which a `cache` rule, or a page in the wiki, helps. Trying again after an error is no repeat.

    Examples:
    - `tallygate report redundancy`

    - `tallygate report redundancy --by day --since 2w`

    - `tallygate report redundancy --by team --by day --json | jq '.total.repeated_usd'`

    No prompt is kept for it, and no report ranks people: teams that fewer than five people called from, or one of them for
    more than four fifths, are shown together.
    """  # fmt: skip
    from proxy.app.budgets.house import away  # noqa: PLC0415 - other commands start faster without it
    from proxy.app.redundancy import check  # noqa: PLC0415
    from proxy.app.redundancy import redundancy as read  # noqa: PLC0415
    from proxy.cli.budget.options import EXIT_STOPPED, opened, stopping  # noqa: PLC0415
    from proxy.domain.errors import StoreAway  # noqa: PLC0415
    from proxy.journal.span import instant  # noqa: PLC0415
    from proxy.journal.spent import Unreadable  # noqa: PLC0415

    now = time.time()
    try:
        groups = check(by or ["team"])
        span = instant(since, now), min(instant(until, now), now) if until else now
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    house = opened(config)
    source = (None if local else ledger_of(house.settings)) or house.journal
    with stopping():
        try:
            found = read(house, source, groups, *span)
        except StoreAway as error:
            raise away(house, error) from None
        except Unreadable as error:
            typer.echo(f"{error}.", err=True)
            raise typer.Exit(EXIT_STOPPED) from None
    if as_json:
        typer.echo(json.dumps(document(found), indent=2))
    elif found.lines:
        _show(found)
    else:
        typer.echo(f"No answered calls since {found.days[0]}." if found.days else "That span has no day.")


def document(found: Report) -> dict[str, object]:
    """For programs. Shares are of the input tokens that were compared, money is exact."""
    return {
        "by": list(found.by),
        "since": found.days[0] if found.days else None,
        "until": found.days[-1] if found.days else None,
        "rows": [{name: getattr(line, name) for name in found.by} | _members(line) for line in found.lines],
        "total": _members(found.total),
    }


def _members(line: Line) -> dict[str, object]:
    calls, tokens, nusd = line.counted["all"]
    told = {like: _figures(line.figures(like)) for like, _ in _LIKE}
    return {
        "calls": calls,
        "input": tokens,
        "cost_usd": exact_usd(nusd),
        "not_compared": line.counted["unread"][0],
        "compared_exactly_only": line.counted["brief"][0],
        "repeated_share": f"{line.share('exact', 'near'):.4f}",
        "repeated_usd": exact_usd(line.figures("exact", "near")[2]),
        **told,
        "by_whom": {who: _figures(line.figures(who)) for who in _WHO},
        "cache_hits": line.reused,
        "saved_usd": exact_usd(line.saved_nusd),
    }


def _figures(figures: tuple[int, int, int]) -> dict[str, object]:
    return {"calls": figures[0], "input": figures[1], "cost_usd": exact_usd(figures[2])}


def _show(found: Report) -> None:
    console = Console()
    console.print(_table(found, console.width))
    total = found.total
    unread, brief, calls = (total.counted[name][0] for name in ("unread", "brief", "all"))
    told = [
        "repeated: exact (█) and near (▓) repeats, which a `cache` rule would answer; template (░): other numbers or quotes.",
        "loop: the same person within ten minutes; others: somebody else had asked it. Trying again after an error is none.",
    ]
    if unread or brief:
        told.append(f"Of {calls:,} calls {unread:,} were not compared, {brief:,} only to the character.")
    console.print("\n".join(told), style="dim", highlight=False)


def _table(found: Report, width: int) -> Table:
    """For people. A narrow terminal gets fewer columns, never cut figures; JSON always holds all."""
    names = [[getattr(line, name) or "-" for name in found.by] for line in found.lines]
    names.append(["total", *[""] * (len(found.by) - 1)])
    cells = [_cells(line) for line in (*found.lines, found.total)]
    fitting = that_fit(width - sum(wide(column) for column in zip(found.by, *names, strict=True)), cells, _FIRST)
    heads = [head for head in _HEADS if head in fitting]
    table = Table(
        *(Column(name, no_wrap=True) for name in found.by),
        *(Column(name, justify="right" if name else "left", no_wrap=True) for name in heads),
        title=f"Repeats from {found.days[0]} to {found.days[-1]} (UTC)",
    )
    for group, line in zip(names, cells, strict=True):
        is_total = line is cells[-1]
        if is_total:
            table.add_section()
        table.add_row(*group, *[line[name] for name in heads], style="bold" if is_total else "")
    return table


def _cells(line: Line) -> dict[str, str]:
    calls, tokens, nusd = line.counted["all"]
    return {
        "calls": f"{calls:,}",
        "input": f"{tokens:,}",
        "cost": _usd(nusd),
        "repeated": _usd(line.figures("exact", "near")[2]),
        "of input": f"{line.share('exact', 'near'):.1%}",
        "template": f"{line.share('template'):.1%}",
        **{who: f"{line.share(who):.1%}" for who in _WHO},
        "hits": f"{line.reused:,}",
        "saved": _usd(line.saved_nusd),
        "": "".join(mark * round(_BAR * line.share(like)) for like, mark in _LIKE),
    }


def _usd(nusd: int) -> str:
    return f"${format_usd(nusd)}"

"""``tallygate report``: what the usage cost, for leads and finance; by team, project, model or upstream, never by person."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from proxy.cli.columns import that_fit, wide
from proxy.cli.places import ConfigOption
from proxy.cli.records import LocalOption, StateOption, record_of
from proxy.cli.redundancy import redundancy
from proxy.domain.money import exact_usd, format_usd
from proxy.journal.span import instant
from proxy.journal.spent import Spend, Spent, Unreadable, check_groups

report_app = typer.Typer(help="Read what was spent.", no_args_is_help=True, rich_markup_mode="markdown")
EXIT_UNREADABLE = 2
_TOKENS = ("input", "cached_read", "cache_write", "output", "reasoning")
_BAR = 12
_HEADS = ("calls", "input", "cached", "written", "output", "reasoning", "cost", "unreported", "saved", "")
_FIRST = ("cost", "calls", "input", "output", "saved", "unreported", "cached", "", "reasoning", "written")
_NAME = (8, 24)  # characters of a name that are kept on one line: at least, and before figures are left out for it


class Format(StrEnum):
    """How a report is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@report_app.callback()
def reports_group() -> None:
    """Read what was spent."""


@report_app.command()
def spend(
    context: typer.Context,
    *,
    by: Annotated[list[str] | None, typer.Option(help="team, project, model or upstream; repeat it.")] = None,
    since: Annotated[str, typer.Option(help="24h, 30d, 2w, today, yesterday or 2026-11-01 (UTC).")] = "30d",
    until: Annotated[str | None, typer.Option(help="As --since; else now.", show_default=False)] = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="For people, or with exact figures.")] = Format.TABLE,
    local: LocalOption = False,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Show calls, tokens and cost; works while the proxy is running.

    Where a ledger is configured the report is on all machines, else on this one. A call that was tried at two upstreams
    counts at each of them, and once in the total.

    Examples:
    - `tallygate report spend --by team --since 30d`

    - `tallygate report spend --by project --by model --since today`

    - `tallygate report spend --by upstream --since 2026-11-01 --until 2026-12-01 --format csv > november.csv`

    No report ranks people, so there is no `--by user`; everybody can read their own sums at `/v1/me`.
    """  # fmt: skip
    from proxy.journal.reports import read_spend  # noqa: PLC0415  # SQLAlchemy: half a second that `serve` need not wait

    now = time.time()
    try:
        groups = check_groups(by or ["team"])
        span = instant(since, now), instant(until, now) if until else now
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    source = record_of(context, state, config, local=local)
    try:
        found = read_spend(source, groups, *span)
    except Unreadable as error:
        if not isinstance(source, Path):
            typer.echo(f"{error}. Check ledger.url; --local reads this machine's journal instead", err=True)
            raise typer.Exit(EXIT_UNREADABLE) from None
        if source.exists():
            raise typer.BadParameter(str(error)) from None
        typer.echo(
            f"No calls yet: there is no {source}. Start the proxy, or name its state folder by --state.", err=True
        )
        return
    if form is Format.JSON:
        typer.echo(json.dumps(_document(found), indent=2))
    elif form is Format.CSV:
        typer.echo(_csv(found), nl=False)
    elif found.lines:
        console = Console()
        console.print(_table(found, console.width))
    else:
        typer.echo(f"No calls since {_when(found.since)}.")


report_app.command()(redundancy)


def _figures(line: Spent) -> dict[str, int | str]:
    tokens = {name: getattr(line, name) for name in _TOKENS}
    return {"calls": line.calls} | tokens | {
        "cost_usd": exact_usd(line.cost_nusd),
        "unreported_share": f"{line.unreported_share:.4f}",
        "saved_usd": exact_usd(line.saved_nusd),
    }  # fmt: skip


def _members(found: Spend) -> Iterator[dict[str, int | str | None]]:
    for line in found.lines:
        yield {**dict(zip(found.by, (value or None for value in line.group), strict=True)), **_figures(line)}


def _document(found: Spend) -> dict[str, object]:
    return {
        "since": _when(found.since),
        "until": _when(found.until),
        "by": list(found.by),
        "rows": list(_members(found)),
        "total": _figures(found.total),
    }


def _csv(found: Spend) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, [*found.by, *_figures(found.total)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(_members(found))
    return out.getvalue()


def _table(found: Spend, width: int) -> Table:
    """For people. A narrow terminal gets fewer columns, never cut figures; JSON and CSV always hold all."""
    names = [[value or "-" for value in line.group] for line in found.lines]
    names.append(["total", *[""] * (len(found.by) - 1)])
    dearest = max((line.cost_nusd for line in found.lines), default=0)
    cells = [_cells(line, dearest) for line in found.lines] + [_cells(found.total, 0)]
    named = (wide(cell[: _NAME[1]].ljust(_NAME[0]) for cell in column) for column in zip(found.by, *names, strict=True))
    fitting = that_fit(width - sum(named), cells, _FIRST)
    heads = [head for head in _HEADS if head in fitting]
    table = Table(
        *(Column(name, overflow="fold", min_width=_NAME[0]) for name in found.by),
        *(Column(name, justify="right" if name else "left", no_wrap=True) for name in heads),
        title=f"Spend from {_when(found.since)} to {_when(found.until)}",
    )
    for group, line in zip(names, cells, strict=True):
        is_total = line is cells[-1]
        if is_total:
            table.add_section()
        table.add_row(*group, *[line[head] for head in heads], style="bold" if is_total else "")
    return table


def _cells(line: Spent, dearest: int) -> dict[str, str]:
    """What a line shows by column; ``dearest``: the cost in nUSD that has the longest bar, 0 for none."""
    tokens = [f"{getattr(line, name):,}" for name in _TOKENS]
    cost, saved = f"${format_usd(line.cost_nusd)}", f"${format_usd(line.saved_nusd)}"
    bar = "▇" * round(_BAR * line.cost_nusd / dearest) if dearest else ""
    figures = [f"{line.calls:,}", *tokens, cost, f"{line.unreported_share:.1%}", saved, bar]
    return dict(zip(_HEADS, figures, strict=True))


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")

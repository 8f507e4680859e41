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
_HEADS = ("calls", "input", "cached", "written", "output", "reasoning", "cost", "unreported", "saved")
_NARROW = ("calls", "input", "output", "cost", "unreported")
_WIDE = 120  # characters of a terminal in which all columns have room


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
    heads = _HEADS if width >= _WIDE else _NARROW
    table = Table(
        *(Column(name, overflow="fold", min_width=8) for name in found.by),
        *(Column(name, justify="right", no_wrap=True) for name in heads),
        *([Column("", no_wrap=True)] if width >= _WIDE else []),
        title=f"Spend from {_when(found.since)} to {_when(found.until)}",
        show_footer=False,
    )
    dearest = max((line.cost_nusd for line in found.lines), default=0)
    for line in found.lines:
        bar = "▇" * round(_BAR * line.cost_nusd / dearest) if dearest else ""
        table.add_row(*(value or "-" for value in line.group), *_cells(line, heads), *([bar] if width >= _WIDE else []))
    table.add_section()
    table.add_row("total", *[""] * (len(found.by) - 1), *_cells(found.total, heads), style="bold")
    return table


def _cells(line: Spent, heads: tuple[str, ...]) -> list[str]:
    tokens = [f"{getattr(line, name):,}" for name in _TOKENS]
    cost, saved = f"${format_usd(line.cost_nusd)}", f"${format_usd(line.saved_nusd)}"
    known = dict(zip(_HEADS, [f"{line.calls:,}", *tokens, cost, f"{line.unreported_share:.1%}", saved], strict=True))
    return [known[name] for name in heads]


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")

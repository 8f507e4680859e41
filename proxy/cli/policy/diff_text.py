"""A comparison of policies for people at a terminal."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from proxy.app.replay.comparing import Kind
from proxy.app.replay.replaying import Report
from proxy.app.replay.tallying import Changed
from proxy.cli.policy.diff_figures import TITLES, dearest, doubts, heads, lines, people, place, share, signed, usd

_BAR: Final = 12
_WIDE: Final = 110
_MOST: Final = 20  # rules or teams of one table
_GROUPS: Final = ("rule", "team")
_TELLS_LESS: Final = frozenset({Kind.WARNED, Kind.OTHERWISE})


def show(report: Report) -> None:
    """Print it."""
    console = Console(highlight=False)
    console.print(Text(f"{report.names[0]} → {report.names[1]}", style="bold"))
    for told in (*heads(report), *doubts(report)):
        console.print(Text(told))
    changed = [(kind, found) for kind, found in report.tally.changed.items() if found.whole.calls]
    if not changed and report.tally.calls:
        console.print(Text(report.unmoved(), style="green"))
    for kind, found in changed:
        console.print()
        console.print(_title(report, kind, found))
        for group in _GROUPS:
            console.print(_table(report, kind, found, group, wide=console.width >= _WIDE))
    console.print()
    console.print(Text("Not replayed:", style="bold"))
    for limit in report.limits():
        console.print(Text(f"  - {limit}"))


def _title(report: Report, kind: Kind, found: Changed) -> Text:
    whole = found.whole
    told = f"{whole.calls:,} calls ({share(whole.calls, report.tally.calls)}), {people(len(whole.people))}, {usd(whole.worth_nusd)}"
    change = "" if kind in _TELLS_LESS else f"; cost {signed(whole.delta_nusd)}"
    return Text.assemble((f"{TITLES[kind]}: ", "bold"), told + change)


def _table(report: Report, kind: Kind, found: Changed, group: str, *, wide: bool) -> Table:
    """A narrow terminal gets fewer columns, never cut figures."""
    is_rule = group == "rule"
    rows = lines(found.by[group])
    heads = ["calls", "share", "worth"] + ([] if kind in _TELLS_LESS else ["cost"]) + (["people"] if is_rule else [])
    table = Table(
        Column(group, overflow="fold"),
        *(Column(name, justify="right", no_wrap=True) for name in heads),
        *([Column("", no_wrap=True)] if wide else []),
        *([Column("for example", overflow="fold")] if is_rule and wide else []),
        box=None,
        padding=(0, 2, 0, 0),
    )
    most = dearest(rows)
    for name, line in rows[:_MOST]:
        of = report.tally.teams[name] if group == "team" else report.tally.calls
        where = f"\n{place(report, name)}" if is_rule and wide and place(report, name) else ""
        table.add_row(
            Text((name or "-") + where),
            f"{line.calls:,}",
            share(line.calls, of),
            usd(line.worth_nusd),
            *([] if kind in _TELLS_LESS else [signed(line.delta_nusd)]),
            *([f"{len(line.people):,}"] if is_rule else []),
            *(["▇" * max(1, round(_BAR * line.calls / most))] if wide else []),
            *([line.examples[0]] if is_rule and wide else []),
        )
    if len(rows) > _MOST:
        table.add_row(f"… and {len(rows) - _MOST} more", *[""] * (len(table.columns) - 1))
    return table

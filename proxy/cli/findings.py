"""What ``tallygate ledger verify`` found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from proxy.app.verification import Findings
from proxy.domain.money import exact_usd
from proxy.journal.ledger.verify import Comparison, Day

_FAULTS = ("missing", "different", "extra")
_FINE = ("waiting", "superseded")
_MEANS = {
    "missing": "not in the ledger although it was sent; `tallygate ledger rebuild` sends it again",
    "different": "the ledger says something else; `tallygate ledger rebuild` mends it",
    "extra": "only the ledger has it: this file lost it, to a power failure or a restore",
}


def document(found: Findings) -> dict[str, object]:
    """Everything, with exact figures."""
    ledger = found.ledger
    return {
        "agree": not found.faults,
        "machine": found.machine,
        "journal": [
            {"day": name, "rows": day.rows, "cost_usd": exact_usd(day.cost_nusd)}
            for name, day in sorted(found.accounts.days.items())
        ],
        "sums": [
            {"meter": str(meter), "rows_usd": exact_usd(rows), "sum_usd": exact_usd(total)}
            for meter, (rows, total) in found.accounts.apart.items()
        ],
        "counters": None if found.counters is None else [
            {"meter": str(meter), "journal_usd": exact_usd(total), "counter_usd": exact_usd(counter)}
            for meter, (total, counter) in found.counters.items()
        ],
        "ledger": None if ledger is None else {
            "place": found.place,
            "days": [{"day": name, **_members(day)} for name, day in sorted(ledger.days.items())],
            "total": _members(_total(ledger)),
            "examples": [{"what": what, "request_id": id_, "attempt": number} for what, id_, number in ledger.examples],
        },
    }  # fmt: skip


def view(found: Findings) -> RenderableType:
    """A line for each thing that was compared, and a table of days."""
    return Group(*_lines(found))


def _lines(found: Findings) -> Iterator[RenderableType]:
    rows = sum(day.rows for day in found.accounts.days.values())
    cost = sum(day.cost_nusd for day in found.accounts.days.values())
    yield Text(f"Journal of machine {found.machine}: {rows:,} rows, ${exact_usd(cost)}")
    yield _line("sums", len(found.accounts.apart), "the rows' charges add up to the journal's sums")
    for meter, (charged, total) in found.accounts.apart.items():
        yield Text(f"    {meter}: rows ${exact_usd(charged)}, sum ${exact_usd(total)}")
    if found.counters is None:
        yield Text(f"  -  counters: not compared, {found.no_counters}")
    else:
        yield _line("counters", len(found.counters), "the store's counters equal the journal's sums")
        for meter, (total, counter) in found.counters.items():
            yield Text(f"    {meter}: journal ${exact_usd(total)}, counter ${exact_usd(counter)}")
    if found.ledger is None:
        yield Text("  -  ledger: not compared, none is configured or it was left out")
        return
    yield _line("ledger", found.ledger.faults, f"the ledger at {found.place} has the journal's rows")
    yield _table(found.ledger)
    for what, request_id, attempt in found.ledger.examples:
        yield Text(f"    {what}: attempt {attempt} of {request_id}")
    whole = _total(found.ledger)
    for what in _FAULTS:
        if getattr(whole, what):
            yield Text(f"  {what}: {_MEANS[what]}")


def _line(name: str, faults: int, good: str) -> Text:
    if faults:
        return Text(f"  ✗  {name}: {faults:,} differ", style="bold red")
    return Text(f"  ✓  {name}: {good}")


def _table(ledger: Comparison) -> Table:
    days = sorted(ledger.days.items())
    total = _total(ledger)
    extra = [name for name in (*_FAULTS, *_FINE) if getattr(total, name)]
    heads = ("journal", "ledger", "cost in journal", "cost in ledger", *extra)
    table = Table(Column("day", no_wrap=True), *(Column(name, justify="right", overflow="fold") for name in heads))
    for name, day in days:
        table.add_row(name, *_cells(day, extra))
    table.add_section()
    table.add_row("total", *_cells(total, extra), style="bold")
    return table


def _cells(day: Day, extra: list[str]) -> list[str]:
    money = [f"${exact_usd(day.cost_nusd)}", f"${exact_usd(day.ledger_nusd)}"]
    return [f"{day.rows:,}", f"{day.ledger_rows:,}", *money, *(f"{getattr(day, name):,}" for name in extra)]


def _members(day: Day) -> dict[str, int | str]:
    return {
        "journal_rows": day.rows,
        "ledger_rows": day.ledger_rows,
        "journal_usd": exact_usd(day.cost_nusd),
        "ledger_usd": exact_usd(day.ledger_nusd),
        **{name: int(getattr(day, name)) for name in (*_FAULTS, *_FINE)},
    }


def _total(ledger: Comparison) -> Day:
    days = ledger.days.values()
    return Day(*(sum(getattr(day, name) for day in days) for name in Day.__struct_fields__))

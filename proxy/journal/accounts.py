"""A machine's own accounts: do the sums that counters are rebuilt from agree with the rows that they are the sums of.

Grants and adjustments are rows, too, though no calls: they are charged, and in no day's figures.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from proxy.domain.meter import Charge, MeterKind
from proxy.journal import entries
from proxy.journal.amendments import amendments, granted
from proxy.journal.ledger.columns import NAMES
from proxy.journal.ledger.pages import pages
from proxy.journal.ledger.verify import Day, day_of
from proxy.journal.record import charges_from

_AT, _COST = NAMES.index("at"), NAMES.index("cost_nusd")


class Figure(NamedTuple):
    """What is compared of a budget: spent, or granted by command."""

    key: str
    kind: MeterKind = MeterKind.BUDGET

    def __str__(self) -> str:
        return self.key if self.kind is MeterKind.BUDGET else f"{self.key} (granted)"


class Accounts(msgspec.Struct, frozen=True):
    """One moment of a file: its days, and per meter what rows were charged and what the sums say, in nano-dollars."""

    days: Mapping[str, Day]
    charged: Mapping[Figure, int]
    sums: Mapping[Figure, int]

    @property
    def apart(self) -> dict[Figure, tuple[int, int]]:
        """Meters for which they differ: what rows say, what the sums say."""
        meters = {*self.charged, *self.sums}
        both = {meter: (self.charged.get(meter, 0), self.sums.get(meter, 0)) for meter in sorted(meters)}
        return {meter: pair for meter, pair in both.items() if pair[0] != pair[1]}


def accounts(db: sqlite3.Connection, progress: Callable[[int], None] = lambda _: None) -> Accounts:
    """Add up the whole file as it is at one moment. Raises ``sqlite3.Error``."""
    days: dict[str, Day] = {}
    charged: Counter[Figure] = Counter()
    rows = 0
    db.execute("BEGIN")
    try:
        for page in pages(db):
            for line in page.values():
                day = days.setdefault(day_of(line[_AT]), Day())
                day.rows += 1
                day.cost_nusd += line[_COST]
                _add(charged, charges_from(line[-1]))
            rows += len(page)
            progress(rows)
        for one in amendments(db):
            _add(charged, one.charges)
        return Accounts(days, charged, _figures(entries.totals(db), granted(db)))
    finally:
        db.execute("ROLLBACK")


def counted(db: sqlite3.Connection, since: float) -> dict[Figure, int]:
    """What the counters of budgets must show whose period ended after a moment, or has no end."""
    found = db.execute(
        "SELECT key, sum(amount) FROM balances WHERE period_end = 0 OR period_end > ? GROUP BY key", (since,)
    )
    spent = dict(found.fetchall())
    return _figures(spent, granted(db, since))


def _add(charged: Counter[Figure], charges: Iterable[Charge]) -> None:
    for charge in charges:
        if charge.kind in (MeterKind.BUDGET, MeterKind.GRANT):
            charged[Figure(charge.key, charge.kind)] += charge.amount


def _figures(spent: Mapping[str, int], given: Mapping[str, int]) -> dict[Figure, int]:
    figures = {Figure(key): amount for key, amount in spent.items()}
    return figures | {Figure(key, MeterKind.GRANT): amount for key, amount in given.items()}

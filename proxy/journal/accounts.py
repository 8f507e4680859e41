"""A machine's own accounts: do the sums that counters are rebuilt from agree with the rows that they are the sums of."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from proxy.domain.meter import MeterKind
from proxy.journal import entries
from proxy.journal.ledger.columns import NAMES
from proxy.journal.ledger.pages import pages
from proxy.journal.ledger.verify import Day, day_of
from proxy.journal.record import charges_from

_AT, _COST = NAMES.index("at"), NAMES.index("cost_nusd")


class Accounts(msgspec.Struct, frozen=True):
    """One moment of a file: its days, and per meter what rows were charged and what the sums say, in nano-dollars."""

    days: Mapping[str, Day]
    charged: Mapping[str, int]
    sums: Mapping[str, int]

    @property
    def apart(self) -> dict[str, tuple[int, int]]:
        """Meters for which they differ: what rows say, what the sums say."""
        meters = {*self.charged, *self.sums}
        both = {meter: (self.charged.get(meter, 0), self.sums.get(meter, 0)) for meter in sorted(meters)}
        return {meter: pair for meter, pair in both.items() if pair[0] != pair[1]}


def accounts(db: sqlite3.Connection, progress: Callable[[int], None] = lambda _: None) -> Accounts:
    """Add up the whole file as it is at one moment. Raises ``sqlite3.Error``."""
    days: dict[str, Day] = {}
    charged: Counter[str] = Counter()
    rows = 0
    db.execute("BEGIN")
    try:
        for page in pages(db):
            for line in page.values():
                day = days.setdefault(day_of(line[_AT]), Day())
                day.rows += 1
                day.cost_nusd += line[_COST]
                for charge in charges_from(line[-1]):
                    if charge.kind is MeterKind.BUDGET:
                        charged[charge.key] += charge.amount
            rows += len(page)
            progress(rows)
        return Accounts(days, charged, entries.totals(db))
    finally:
        db.execute("ROLLBACK")


def counted(db: sqlite3.Connection, since: float) -> dict[str, int]:
    """What the counters of budgets must show whose period ended after a moment, or has no end."""
    found = db.execute(
        "SELECT key, sum(amount) FROM balances WHERE period_end = 0 OR period_end > ? GROUP BY key", (since,)
    )
    return dict(found.fetchall())

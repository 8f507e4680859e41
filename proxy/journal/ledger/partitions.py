"""A partition for every month that has rows: made when first needed and a month ahead, by any machine.

A new table is attached rather than created in place: that waits for no report and keeps nobody waiting. Whoever keeps rows
for so many months only drops the oldest table; a late row makes it anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import psycopg

from proxy.journal.ledger import months, schema
from proxy.journal.ledger.door import Connection, LedgerAway, transaction
from proxy.journal.ledger.months import Month

_ATTACHED: Final = (
    "SELECT 1 FROM pg_inherits JOIN pg_class ON oid = inhrelid JOIN pg_namespace n ON n.oid = relnamespace"
    " WHERE nspname = %s AND relname = %s"
)


class Partitions:
    """Remembers which months are there, so that a batch asks only once a month."""

    def __init__(self) -> None:
        self._known: set[Month] = set()

    def ensure(self, connection: Connection, request_ids: Iterable[str]) -> None:
        """Have a partition for every id. Raises ``LedgerAway`` and psycopg's errors."""
        for month in sorted(
            {found for one in request_ids if (found := months.month_of(one)) is not None} - self._known
        ):
            self._make(connection, month)

    def ahead(self, connection: Connection, now: float) -> None:
        """Have this month and the next one; what cannot be made now is made when it is needed."""
        this = months.month_at(now)
        for month in {this, months.after(this)} - self._known:
            try:
                self._make(connection, month)
            except (psycopg.Error, LedgerAway):
                if connection.closed:
                    raise

    def forget(self) -> None:
        """Look again: somebody may have dropped one."""
        self._known.clear()

    def _make(self, connection: Connection, month: Month) -> None:
        name = "attempts_{:04}_{:02}".format(*month)
        first, beyond = months.bounds(month)
        with transaction(connection):
            if not _is_attached(connection, name):
                schema.take_turn(connection)
            if not _is_attached(connection, name):
                if schema.exists(connection, name):
                    raise LedgerAway(
                        f"the ledger's table tallygate.{name} was detached, and rows of that month still come;"
                        " attach, rename or drop it",
                        refused=True,
                    )
                connection.execute(f"CREATE TABLE tallygate.{name} (LIKE tallygate.attempts INCLUDING ALL)")
                connection.execute(
                    f"ALTER TABLE tallygate.attempts ATTACH PARTITION tallygate.{name}"
                    f" FOR VALUES FROM ('{first}') TO ('{beyond}')"
                )
        self._known.add(month)


def _is_attached(connection: Connection, name: str) -> bool:
    return connection.execute(_ATTACHED, (schema.SCHEMA, name)).fetchone() is not None

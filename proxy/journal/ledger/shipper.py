"""One batch from the file to the ledger: read, commit there, note it here. Dying anywhere in between loses nothing.

Whoever dies between the commit and the note sends the batch again, and the key lets nothing in twice. The ledger keeps the
positions, too, in the same transaction as the rows: at every connect both sides are compared, so that a ledger which came
back as an older copy, or is another one, is given what it lacks.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg

from proxy.config.ledger_url import LedgerPlace
from proxy.journal.ledger import door, schema, upsert
from proxy.journal.ledger.columns import Line
from proxy.journal.ledger.outbox import Batch, Outbox, Waiting
from proxy.journal.ledger.partitions import Partitions
from proxy.journal.schema import NewerSchema
from proxy.journal.steady import Trouble

BATCH: Final = 1000
_AHEAD_S: Final = 6 * 3600.0  # how often next month's partition is thought of
_PING_S: Final = 5.0


class Shipper:
    """Connects when first needed and again after every failure; holds one batch at a time."""

    def __init__(
        self,
        path: Path,
        place: LedgerPlace,
        trouble: Trouble,
        *,
        batch: int = BATCH,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``trouble`` hears of rows that PostgreSQL does not take."""
        self._path = path
        self._place = place
        self._trouble = trouble
        self._batch = batch
        self._now = now
        self._outbox: Outbox | None = None
        self._ledger: door.Connection | None = None
        self._partitions = Partitions()
        self._ahead_at = 0.0
        self._alive_at = 0.0

    def ship(self) -> int | None:
        """Send the next batch; how many rows it held, None when nothing waits. Raises ``LedgerAway``: ask again later."""
        try:
            return self._ship()
        except sqlite3.Error as error:
            self.close()
            raise door.LedgerAway(f"the journal cannot be read: {error}") from None
        except NewerSchema as error:
            raise door.LedgerAway(str(error), refused=True) from None
        except door.LedgerAway:
            self._disconnect()
            raise

    def waiting(self) -> Waiting:
        """What the ledger lacks, as far as the file can be read."""
        try:
            return self._opened().waiting(self._now())
        except (sqlite3.Error, NewerSchema):
            return Waiting()

    def close(self) -> None:
        """Let go of both."""
        self._disconnect()
        if self._outbox is not None:
            self._outbox.close()
            self._outbox = None

    def _ship(self) -> int | None:
        outbox = self._opened()
        with door.told(self._place):
            ledger = self._connected(outbox)
            self._look_after(ledger)
        batch = outbox.next(self._batch)
        if batch is None:
            return None
        try:
            self._send(ledger, outbox, batch.lines, batch)
        except door.OddRow:
            self._one_by_one(ledger, outbox, batch)
        outbox.save(batch.positions)
        return len(batch.lines)

    def _send(self, ledger: door.Connection, outbox: Outbox, lines: list[Line], batch: Batch | None) -> None:
        with door.told(self._place):
            self._partitions.ensure(ledger, (line[0] for line in lines))
            with door.taking(), door.transaction(ledger):
                upsert.send(ledger, outbox.machine, lines)
                if batch is not None:
                    upsert.save_positions(ledger, outbox.machine, batch.positions)

    def _one_by_one(self, ledger: door.Connection, outbox: Outbox, batch: Batch) -> None:
        """One of the rows is refused: that one is told of and left in the file, the others go.

        Or a month was dropped behind our back: then all of them go, into a new one.
        """
        self._partitions.forget()
        for line in batch.lines:
            try:
                self._send(ledger, outbox, [line], None)
            except door.OddRow as error:
                self._trouble("ledger_row_odd", f"attempt {line[1]} of {line[0]} stays in the file only: {error}")
        self._send(ledger, outbox, [], batch)

    def _opened(self) -> Outbox:
        if self._outbox is None:
            self._outbox = Outbox(self._path)
        return self._outbox

    def _connected(self, outbox: Outbox) -> door.Connection:
        if self._ledger is None:
            ledger = door.connect(self._place)
            try:
                schema.prepare(ledger)
                outbox.resume(upsert.positions(ledger, outbox.machine))
            except BaseException:
                ledger.close()
                raise
            self._ledger = ledger
            self._partitions = Partitions()
            self._ahead_at = 0.0
        return self._ledger

    def _look_after(self, ledger: door.Connection) -> None:
        """Now and then: is it still there, and will next month have a place."""
        now = time.monotonic()
        if now >= self._ahead_at:
            self._ahead_at = now + _AHEAD_S
            self._partitions.ahead(ledger, self._now())
        if now >= self._alive_at:
            self._alive_at = now + _PING_S
            ledger.execute("SELECT 1")

    def _disconnect(self) -> None:
        if self._ledger is not None:
            ledger, self._ledger = self._ledger, None
            try:
                ledger.close()
            except psycopg.Error:
                return  # it was broken

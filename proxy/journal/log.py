"""The journal of one worker: each method is one transaction on ``calls.db``, and gives its entries their seq.

A seq is given inside the transaction, per journal and org, so that numbers have no gaps whatever fails. Rows that the
store need not count (refused, answered here without a hold, open) are kept under the journal's org ``""`` and never
settled. Only this file writes rows; it knows SQLite and no thread, loop or store.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from proxy.domain.amendment import Amendment
from proxy.domain.meter import Charge, MeterKind, Settlement
from proxy.domain.row import Outcome, Rank, Row
from proxy.journal import amendments, entries, record
from proxy.journal.entries import Entry
from proxy.journal.schema import FINAL, OPEN, SWEPT, VOID, connect, entry_id, machine_id

Booking = tuple[Row, str]  # a row and the id of the hold that it ends, "" when nothing was held

_LINE: Final = f"({','.join('?' * record.WIDTH)})"
# By rows a statement: sqlite3 gives the interpreter's lock away and takes it back for each, so fewer are kinder.
_INSERTS: Final = {
    rows: f"INSERT INTO attempts ({record.COLUMNS}) VALUES {','.join([_LINE] * rows)}"  # noqa: S608  # constants only
    for rows in (256, 64, 16, 4, 1)
}
_SUMS: Final = {MeterKind.BUDGET: "balances", MeterKind.GRANT: "grants"}
_NOBODY: Final = Row(
    request_id="", attempt=0, at=0.0, org="", principal="", key_id="", team="", dialect="", endpoint="",
    outcome=Outcome.PROXY_ERROR, error="void",
)  # fmt: skip


def open_log(path: Path, slot: int | str, *, durable: bool = False) -> Log:
    """The journal of a worker's slot: ``<machine>.<slot>``, numbered on from where it ended. Raises as ``connect``.

    A slot that is a word is that of a command, which writes now and then; slot 0 looks after what it leaves.
    """
    db = connect(path, durable=durable)
    return Log(db, f"{machine_id(db)}.{slot}")


class Log:
    """Writes rows of the journal ``name`` through ``db``, which it owns. Not for two threads at a time."""

    def __init__(self, db: sqlite3.Connection, name: str) -> None:
        self.name = name
        self._db = db
        self._numbers: dict[str, int] = {}  # org: number of (name, org)
        self._last: dict[str, int] = {}  # org: last seq given

    def append(self, bookings: Sequence[Booking]) -> list[Settlement]:
        """Commit final rows; returns what the store must count, in order.

        A row that is there already stays as it is; a swept or open one of the same attempt is replaced.
        """
        try:
            with self._transaction():
                return self._append_new(bookings)
        except sqlite3.IntegrityError:  # some of the rows have a predecessor: rare, so it is not asked for beforehand
            with self._transaction():
                return [settled for row, hold_id in bookings if (settled := self._append_one(row, hold_id)) is not None]

    def open(self, row: Row) -> None:
        """Commit an open row, unless the attempt has one of any rank."""
        with self._transaction():
            if entries.find(self._db, row.request_id, row.attempt) is None:
                self._insert(row, "", OPEN, "")

    def amend(self, amendment: Amendment) -> Settlement:
        """Commit a grant or an adjustment; returns what the store must count."""
        with self._transaction():
            seq = self._next(amendment.org)
            number = self._numbers[amendment.org]
            self._db.execute(_INSERTS[1], amendments.values(amendment, entry_id(number, seq)))
            self._add_to_balances(number, amendment.charges, 1)
            self._add_to_balances(number, amendment.charges, 1, MeterKind.GRANT)
        return Settlement(amendment.org, self.name, seq, "", amendment.charges)

    def sweep(self, row: Row, hold_id: str) -> tuple[Settlement, bool]:
        """Commit what is known of an attempt that nobody ended; returns the entry that ends its hold, and True.

        When the attempt has a row that ends it, nothing is written and that row's own entry comes back with False:
        sent again, it ends the hold without counting twice.
        """
        with self._transaction():
            old = entries.find(self._db, row.request_id, row.attempt)
            if old is not None and old.hold_id:
                return old.settlement(), False
            if old is not None and old.rank != OPEN:  # ended by a row that held nothing: the hold ends at nothing
                return self._insert(_NOBODY, row.org, VOID, hold_id), True
            self._remove(old)
            return self._insert(row, row.org, SWEPT, hold_id), True

    def take_over(self, workers: int) -> dict[tuple[str, str], int]:
        """What this journal answers for from now on: (journal, org) with the last seq, its own and those of nobody.

        ``workers`` is their number now: the journals of slots beyond it are looked after by slot 0. Open rows that a
        dead process left are charged what they say is due, as swept.
        """
        with self._transaction():
            for old, row in entries.open_rows(self._db):
                if entries.answers_for(self.name, old.journal, workers):
                    self._remove(old)
                    self._insert(msgspec.structs.replace(row, rank=Rank.SWEPT), row.org, SWEPT, "")
            return entries.lanes_of(self._db, self.name, workers)

    def fill(self, org: str, known: int, counted: int) -> int:
        """Go on behind ``counted``, which the store counted although our last seq was ``known`` when we started.

        A power loss may take the last second of this file and leave the store's. The lost seqs become void entries,
        rows written since move behind them. Returns the last seq now.
        """
        with self._transaction():
            number = self._number(org)
            lines = self._db.execute(
                "SELECT id FROM attempts WHERE id > ? AND id < ? ORDER BY id DESC",
                (entry_id(number, known), entry_id(number + 1, 0)),
            )
            for (line,) in lines.fetchall():
                self._db.execute("UPDATE attempts SET id = ? WHERE id = ?", (line + counted - known, line))
            for seq in range(known + 1, counted + 1):
                self._db.execute(_INSERTS[1], record.values(_NOBODY, entry_id(number, seq), "", VOID))
            self._last[org] = entries.last_seq(self._db, number)
            return self._last[org]

    def note(self, key: str) -> bytes | None:
        """A state that was kept beside the rows."""
        return entries.note(self._db, key)

    def put_note(self, key: str, value: bytes) -> None:
        """Keep a small state beside the rows, in place of the last one of this name."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO notes (key, value) VALUES (?, ?)", (key, value))

    def probe(self) -> None:
        """Write something, to see whether it can be."""
        self.put_note("probe", b"")

    def checkpoint(self) -> None:
        """Sync what is committed and move it into the main file; waits for nobody."""
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        before = self._numbers.copy(), self._last.copy()
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._numbers, self._last = before
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _append_new(self, bookings: Sequence[Booking]) -> list[Settlement]:
        bound: list[int | float | str] = []
        settlements: list[Settlement] = []
        for row, hold_id in bookings:
            org = row.org if hold_id or row.charges else ""
            seq = self._next(org)
            bound += record.values(row, entry_id(self._numbers[org], seq), hold_id, FINAL)
            if org:
                settlements.append(Settlement(org, self.name, seq, hold_id, row.charges))
        at = 0
        for rows, statement in _INSERTS.items():
            size = rows * record.WIDTH
            while len(bound) - at >= size:
                self._db.execute(statement, bound[at : at + size])
                at += size
        self._count(settlements)
        return settlements

    def _append_one(self, row: Row, hold_id: str) -> Settlement | None:
        old = entries.find(self._db, row.request_id, row.attempt)
        if old is not None and old.rank == FINAL:
            return old.settlement() if old.org and old.journal == self.name else None
        self._remove(old)
        org = row.org if hold_id or row.charges else ""
        settlement = self._insert(row, org, FINAL, hold_id)
        return settlement if org else None

    def _insert(self, row: Row, org: str, rank: int, hold_id: str) -> Settlement:
        seq = self._next(org)
        self._db.execute(_INSERTS[1], record.values(row, entry_id(self._numbers[org], seq), hold_id, rank))
        settlement = Settlement(org, self.name, seq, hold_id, row.charges, swept=rank == SWEPT)
        if org:
            self._count([settlement])
        return settlement

    def _remove(self, old: Entry | None) -> None:
        """Make room for a better row: the old one leaves its seq as a neutral entry.

        A seq is never given twice: the store and the ledger take what lies behind the last one that they know.
        """
        if old is None:
            return
        if not old.org:
            self._db.execute("UPDATE attempts SET rank = ?, hold = '', doc = '' WHERE id = ?", (VOID, old.id))
            return
        self._db.execute("UPDATE attempts SET rank = ?, hold = '' WHERE id = ?", (VOID, old.id))
        self._add_to_balances(old.number, old.charges, -1)

    def _count(self, settlements: Sequence[Settlement]) -> None:
        by_org: dict[str, list[Charge]] = {}
        for settlement in settlements:
            by_org.setdefault(settlement.org, []).extend(settlement.charges)
        for org, charges in by_org.items():
            self._add_to_balances(self._numbers[org], charges, 1)

    def _add_to_balances(
        self, number: int, charges: Sequence[Charge], sign: int, kind: MeterKind = MeterKind.BUDGET
    ) -> None:
        sums: dict[tuple[str, int], int] = {}
        for charge in charges:
            if charge.kind is kind:
                key = (charge.key, charge.period_end)
                sums[key] = sums.get(key, 0) + sign * charge.amount
        if not sums:
            return
        self._db.execute(
            f"INSERT INTO {_SUMS[kind]} (journal, key, period_end, amount) VALUES {', '.join(['(?, ?, ?, ?)'] * len(sums))} "  # noqa: S608  # constants only
            "ON CONFLICT (journal, key) DO UPDATE SET amount = amount + excluded.amount",
            [value for (meter, period_end), amount in sums.items() for value in (number, meter, period_end, amount)],
        )

    def _next(self, org: str) -> int:
        if org not in self._last:
            self._last[org] = entries.last_seq(self._db, self._number(org))
        self._last[org] += 1
        return self._last[org]

    def _number(self, org: str) -> int:
        if org not in self._numbers:
            self._db.execute("INSERT OR IGNORE INTO journals (name, org) VALUES (?, ?)", (self.name, org))
            found = self._db.execute("SELECT id FROM journals WHERE name = ? AND org = ?", (self.name, org))
            self._numbers[org] = int(found.fetchone()[0])
        return self._numbers[org]

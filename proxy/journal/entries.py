"""Entries of the journals, read: what was written of an attempt, what the store has yet to count, how it all sums up.

Functions over a connection of either kind; none of them writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec

from proxy.domain.meter import Charge, MeterKind, Settlement
from proxy.domain.row import Row
from proxy.journal import amendments, record
from proxy.journal.schema import OPEN, SEQ_BITS, SWEPT, VOID, entry_id, seq_of

_ENTRY = "a.id, a.rank, a.hold, a.doc, j.name, j.org FROM attempts a JOIN journals j ON j.id = a.id >> 40"


class Entry(msgspec.Struct, frozen=True):
    """One line of the log. ``org`` is "" for those that no store counts."""

    id: int
    rank: int
    hold_id: str
    charges: tuple[Charge, ...]
    journal: str
    org: str

    @property
    def number(self) -> int:
        """The number of its journal and org."""
        return self.id >> SEQ_BITS

    def settlement(self) -> Settlement:
        """The entry as the store must count it."""
        return Settlement(self.org, self.journal, seq_of(self.id), self.hold_id, self.charges, swept=self.rank == SWEPT)


def find(db: sqlite3.Connection, request_id: str, attempt: int) -> Entry | None:
    """The entry that stands for an attempt now, if any."""
    found = db.execute(
        f"SELECT {_ENTRY} WHERE a.request_id = ? AND a.attempt = ? AND a.rank > 0",
        (request_id, attempt),
    ).fetchone()
    return _entry(found) if found else None


def after(db: sqlite3.Connection, journal: str, org: str, seq: int, limit: int) -> list[Settlement]:
    """Entries behind ``seq`` in the order in which they count, neutral ones included."""
    number = _number(db, journal, org)
    found = db.execute(
        f"SELECT {_ENTRY} WHERE a.id > ? AND a.id < ? ORDER BY a.id LIMIT ?",
        (entry_id(number, seq), entry_id(number + 1, 0), limit),
    )
    return [_entry(line).settlement() for line in found]


def lanes(db: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """Every (journal, org) that a store counts, with its last seq."""
    numbers = db.execute("SELECT id, name, org FROM journals WHERE org <> ''").fetchall()
    return {(name, org): last_seq(db, number) for number, name, org in numbers}


def answers_for(journal: str, other: str, workers: int) -> bool:
    """Whether whoever writes ``journal`` settles ``other``, too: slot 0 does, for slots that are no worker's now."""
    machine, _, slot = journal.rpartition(".")
    alive = {f"{machine}.{number}" for number in range(workers)}
    return other == journal or (slot == "0" and other not in alive)


def lanes_of(db: sqlite3.Connection, journal: str, workers: int) -> dict[tuple[str, str], int]:
    """What whoever writes ``journal`` answers for: every (journal, org) with its last seq."""
    return {lane: last for lane, last in lanes(db).items() if answers_for(journal, lane[0], workers)}


def last_seq(db: sqlite3.Connection, number: int) -> int:
    """The last seq given in a journal, 0 when there is none."""
    top = db.execute("SELECT max(id) FROM attempts WHERE id < ?", (entry_id(number + 1, 0),)).fetchone()[0]
    return seq_of(top) if top is not None and top >> SEQ_BITS == number else 0


def open_rows(db: sqlite3.Connection) -> list[tuple[Entry, Row]]:
    """Open rows that never got a better one, of all journals."""
    found = db.execute(f"SELECT {_ENTRY} WHERE a.rank = {OPEN}").fetchall()
    return [(_entry(line), record.row_from(line[3], OPEN)) for line in found]


def rows_of(db: sqlite3.Connection, request_id: str) -> list[Row]:
    """What is known of a call, by attempt; open rows say nothing yet."""
    # `rank > 0` as it stands in the index, or SQLite does not use it
    found = db.execute(
        "SELECT doc, rank FROM attempts WHERE request_id = ? AND rank > 0 ORDER BY attempt", (request_id,)
    )
    return [record.row_from(doc, rank) for doc, rank in found if rank != OPEN]


def rows_named(db: sqlite3.Connection, begin: str, end: str) -> list[Row]:
    """As ``rows_of``, for the calls whose ids begin and end so."""
    found = db.execute(
        "SELECT request_id, doc, rank FROM attempts "
        "WHERE request_id >= ? AND request_id < ? || '~' AND rank > 0 ORDER BY request_id, attempt",
        (begin, begin),
    )
    return [record.row_from(doc, rank) for name, doc, rank in found if rank != OPEN and name.endswith(end)]


def totals(db: sqlite3.Connection, journal: str | None = None) -> Mapping[str, int]:
    """What the budget counters must show: sums by meter key, of one journal or of all in this file."""
    found = db.execute(
        "SELECT key, sum(amount) FROM balances JOIN journals ON id = journal WHERE ? IN ('', name) GROUP BY key",
        (journal or "",),
    )
    return dict(found.fetchall())


class Sums(msgspec.Struct, frozen=True):
    """A journal at one moment: its last seq, what it has spent and granted per budget, and the entries asked for."""

    seq: int
    totals: list[Charge]
    recent: list[Settlement]


def sums(db: sqlite3.Connection, journal: str, org: str, settled: int, limit: int) -> Sums:
    """The sums of a journal, with those of its last ``limit`` entries that lie behind ``settled`` or were swept."""
    number = _number(db, journal, org)
    db.execute("BEGIN")
    try:
        found = db.execute("SELECT key, amount, period_end FROM balances WHERE journal = ?", (number,)).fetchall()
        granted = amendments.grants_of(db, number)
        last = last_seq(db, number)
        recent = after(db, journal, org, max(0, last - limit), limit)
    finally:
        db.execute("ROLLBACK")
    return Sums(
        last,
        [*(Charge(key, MeterKind.BUDGET, amount, 0, end) for key, amount, end in found), *granted],
        [entry for entry in recent if entry.swept or entry.seq > settled],
    )


def note(db: sqlite3.Connection, key: str) -> bytes | None:
    """A state that was kept beside the rows."""
    found = db.execute("SELECT value FROM notes WHERE key = ?", (key,)).fetchone()
    return bytes(found[0]) if found else None


def _number(db: sqlite3.Connection, journal: str, org: str) -> int:
    found = db.execute("SELECT id FROM journals WHERE name = ? AND org = ?", (journal, org)).fetchone()
    return int(found[0]) if found else 0


def _entry(line: tuple[int, int, str, str, str, str]) -> Entry:
    entry, rank, hold_id, doc, journal, org = line
    return Entry(entry, rank, hold_id, record.charges_from(doc) if rank != VOID else (), journal, org)

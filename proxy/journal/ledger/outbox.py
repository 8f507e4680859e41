"""``calls.db`` as the outbox: what the ledger has not been sent, journal by journal in the order of commits.

The position lies in the same file as the rows, so after a power loss it is never ahead of them. An entry's seq is never
given twice and whatever becomes of an attempt later is an entry of its own, so nothing behind a position needs to be
looked at again: an open or void entry is passed over, and the one that replaces it comes later.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from proxy.journal import entries
from proxy.journal.ledger.columns import LIST, Line, rank_of
from proxy.journal.record import row_from
from proxy.journal.schema import OPEN, connect, entry_id, machine_id, seq_of

_NOTE: Final = "ledger.shipped"

Positions = dict[int, int]  # number of a journal: the last seq that the ledger has


class Batch(msgspec.Struct, frozen=True):
    """Rows to send, and the positions to save when they are committed."""

    lines: list[Line]
    positions: Positions


class Waiting(msgspec.Struct, frozen=True):
    """What the ledger lacks: entries, and for how long the oldest has waited."""

    entries: int = 0
    age_s: float = 0.0


class Outbox:
    """One machine's file. Not for two threads at a time; raises ``sqlite3.Error`` throughout."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path)
        self.machine = machine_id(self._db)
        self._positions = positions(self._db)

    def resume(self, known: Mapping[int, int]) -> None:
        """Go on where both sides agree: the ledger may be another one, or an older copy of what it was."""
        agreed = {number: min(seq, known.get(number, 0)) for number, seq in self._positions.items()}
        if agreed != self._positions:
            self.save(agreed)

    def next(self, limit: int) -> Batch | None:
        """What follows the positions, at most ``limit`` entries; None when there is nothing."""
        lines: list[Line] = []
        passed: Positions = {}
        for number in self._journals():
            if limit <= 0:
                break
            found = self._after(number, limit)
            if found:
                passed[number] = seq_of(found[-1][0])
                lines += [line[1:] for line in found if rank_of(line[1:]) > OPEN]
                limit -= len(found)
        return Batch(lines, passed) if passed else None

    def save(self, passed: Mapping[int, int]) -> None:
        """Note that the ledger has everything up to these positions."""
        self._positions |= passed
        self._db.execute(
            "INSERT OR REPLACE INTO notes (key, value) VALUES (?, ?)", (_NOTE, msgspec.json.encode(self._positions))
        )

    def waiting(self, now: float | None = None) -> Waiting:
        """How much waits to be sent; cheap however much it is. ``now`` in unix seconds."""
        count, oldest = 0, []
        for number in self._journals():
            last = entries.last_seq(self._db, number)
            if last > (passed := self._positions.get(number, 0)):
                count += last - passed
                oldest += [self._written_at(line[1:]) for line in self._after(number, 1)]
        at = time.time() if now is None else now
        return Waiting(count, max(0.0, at - min(oldest)) if oldest else 0.0)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def _journals(self) -> list[int]:
        return [number for (number,) in self._db.execute("SELECT id FROM journals ORDER BY id")]

    def _after(self, number: int, limit: int) -> list[Line]:
        found = self._db.execute(
            f"SELECT id, {LIST} FROM attempts WHERE id > ? AND id < ? ORDER BY id LIMIT ?",  # noqa: S608  # constants only
            (entry_id(number, self._positions.get(number, 0)), entry_id(number + 1, 0), limit),
        )
        return found.fetchall()

    @staticmethod
    def _written_at(line: Line) -> float:
        """About when an entry was committed: at the end of its call, where it has one."""
        if rank_of(line) <= OPEN:
            return time.time()
        row = row_from(line[-1], rank_of(line))
        return row.at + row.duration_ms / 1000


def positions(db: sqlite3.Connection) -> Positions:
    """How far each journal of a file was sent, by its number."""
    noted = entries.note(db, _NOTE)
    return msgspec.json.decode(noted, type=dict[int, int]) if noted else {}

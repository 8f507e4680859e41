"""Whether the ledger says what a machine's file says, row by row.

Both are read in the order of keys, a page of the file beside the same stretch of the ledger. Rows behind the shipper's
position are on their way and no difference; nor is a swept row whose final one came from another machine.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from proxy.journal import entries
from proxy.journal.ledger.columns import NAMES, Key, Line, key_of, rank_of, shippable
from proxy.journal.ledger.door import Connection
from proxy.journal.ledger.outbox import positions
from proxy.journal.ledger.pages import first_id, pages
from proxy.journal.schema import SEQ_BITS, seq_of

_AT, _COST = NAMES.index("at"), NAMES.index("cost_nusd")
_EXAMPLES: Final = 20
_ENDLESS: Final = "\U0010ffff"  # behind every id
_STRETCH: Final = (
    f"SELECT {', '.join(NAMES[:-1])}, sha256(convert_to(doc, 'UTF8')) FROM tallygate.attempts"  # noqa: S608  # constants only
    " WHERE request_id >= %s AND request_id <= %s AND (request_id, attempt) > (%s, %s)"  # the first two find the months
    " AND (request_id, attempt) <= (%s, %s) AND (machine = %s OR request_id = ANY(%b))"
)


class Day(msgspec.Struct):
    """One day (UTC) of calls, as the file and as the ledger tell it. ``missing``, ``different`` and ``extra`` are faults."""

    rows: int = 0
    cost_nusd: int = 0
    ledger_rows: int = 0
    ledger_nusd: int = 0
    missing: int = 0  # rows of the file that the ledger lacks although they were sent
    different: int = 0
    extra: int = 0  # rows of this machine that only the ledger has
    waiting: int = 0  # not sent yet
    superseded: int = 0  # swept here, final from another machine

    @property
    def faults(self) -> int:
        """Rows that are not as they should be."""
        return self.missing + self.different + self.extra


class Comparison(msgspec.Struct):
    """All days, and some rows that are not as they should be: what, request id, attempt."""

    days: dict[str, Day] = msgspec.field(default_factory=dict)
    examples: list[tuple[str, str, int]] = msgspec.field(default_factory=list)

    @property
    def faults(self) -> int:
        """Rows that are not as they should be."""
        return sum(day.faults for day in self.days.values())


def compare(
    db: sqlite3.Connection,
    ledger: Connection,
    machine: str,
    since: float | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Comparison:
    """Compare rows of calls since a moment, or all. Raises ``sqlite3.Error`` and psycopg's errors."""
    sent = positions(db)
    found = Comparison()
    last: Key = (first_id(since), -1)
    rows = 0
    for page in pages(db, since):
        lines = {key_of(line): (entry, line) for entry, line in page.items()}
        end = next(reversed(lines))
        there = _stretch(ledger, machine, last, end, lines)
        for key, (entry, line) in lines.items():
            is_sent = seq_of(entry) <= sent.get(entry >> SEQ_BITS, 0)
            _judge(found, shippable(line), there.pop(key, None), is_sent=is_sent)
        _extra(found, db, there)
        last = end
        rows += len(lines)
        progress(rows)
    _extra(found, db, _stretch(ledger, machine, last, (_ENDLESS, 0), {}))
    return found


def day_of(at: float) -> str:
    """The day of a moment in UTC."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _stretch(ledger: Connection, machine: str, after: Key, to: Key, ids: Any) -> dict[Key, Line]:
    """The ledger's rows with keys in a range that are of this machine or of these attempts, the doc as its digest."""
    names = [key[0] for key in ids] or [""]
    found = ledger.execute(_STRETCH, (after[0], to[0], *after, *to, machine, names)).fetchall()
    return {key_of(line): line for line in found}


def _judge(found: Comparison, line: Line, there: Line | None, *, is_sent: bool) -> None:
    day = found.days.setdefault(day_of(line[_AT]), Day())
    day.rows += 1
    day.cost_nusd += line[_COST]
    if there is not None:
        day.ledger_rows += 1
        day.ledger_nusd += there[_COST]
    if there is not None and rank_of(there) > rank_of(line):
        day.superseded += 1
    elif there is not None and there == (*line[:-1], hashlib.sha256(line[-1].encode()).digest()):
        return
    elif not is_sent:
        day.waiting += 1
    elif there is None:
        day.missing += 1
        _example(found, "missing", line)
    else:
        day.different += 1
        _example(found, "different", line)


def _extra(found: Comparison, db: sqlite3.Connection, there: dict[Key, Line]) -> None:
    for key, line in there.items():
        if entries.find(db, *key) is not None:
            continue  # its row came while we read
        day = found.days.setdefault(day_of(line[_AT]), Day())
        day.ledger_rows += 1
        day.ledger_nusd += line[_COST]
        day.extra += 1
        _example(found, "extra", line)


def _example(found: Comparison, what: str, line: Sequence[Any]) -> None:
    if len(found.examples) < _EXAMPLES:
        found.examples.append((what, line[0], line[1]))

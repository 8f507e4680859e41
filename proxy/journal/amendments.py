"""Grants and adjustments as the journal keeps them: entries of their own rank, in the order in which the store counts.

They lie among the rows because they share their numbers, and whoever reads calls leaves them out by their rank.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

import msgspec

from proxy.domain.amendment import Amendment
from proxy.domain.meter import Charge, MeterKind
from proxy.domain.row import Outcome, Row
from proxy.journal import record
from proxy.journal.record import Values
from proxy.journal.schema import AMENDED

_NO_CALL: Final = Row(
    request_id="", attempt=0, at=0.0, org="", principal="", key_id="", team="", dialect="", endpoint="",
    outcome=Outcome.OK,
)  # fmt: skip
_to_json: Final = msgspec.json.Encoder().encode
_read: Final = msgspec.json.Decoder(Amendment).decode


def values(amendment: Amendment, entry: int) -> Values:
    """What to bind for ``record.COLUMNS``: an entry without a caller, a call or a cost."""
    row = msgspec.structs.replace(_NO_CALL, request_id=amendment.id, at=amendment.at, org=amendment.org)
    return (*record.values(row, entry, "", AMENDED)[:-1], _to_json(amendment).decode())


def amendments(db: sqlite3.Connection, since: float = 0.0) -> Iterator[Amendment]:
    """Those of a file since a moment (unix seconds), oldest first. Raises ``sqlite3.Error``."""
    # `rank < 0` as it stands in the index, or SQLite does not use it
    for (doc,) in db.execute("SELECT doc FROM attempts WHERE rank < 0 AND at >= ? ORDER BY at, id", (since,)):
        yield _read(doc)


def granted(db: sqlite3.Connection, since: float = 0.0) -> dict[str, int]:
    """What budgets must show as granted by command: sums by meter key, of all journals in the file.

    Left out are those whose period ended before ``since`` (unix seconds).
    """
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'grants'").fetchone() is None:
        return {}  # the file was last written by a release that knew none, and we only read
    found = db.execute(
        "SELECT key, sum(amount) FROM grants WHERE period_end = 0 OR period_end > ? GROUP BY key", (since,)
    )
    return dict(found.fetchall())


def grants_of(db: sqlite3.Connection, journal: int) -> list[Charge]:
    """What a journal (by number) has granted, per budget."""
    found = db.execute("SELECT key, amount, period_end FROM grants WHERE journal = ?", (journal,))
    return [Charge(key, MeterKind.GRANT, amount, 0, end) for key, amount, end in found]

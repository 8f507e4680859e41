"""A file's rows in the order of their keys, a page at a time: no long transaction beside a running proxy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from proxy.journal.ledger.columns import LIST, Line, key_of
from proxy.journal.ledger.months import id_at
from proxy.journal.schema import OPEN

PAGE: Final = 1000


def first_id(since: float | None) -> str:
    """Where to begin for calls since a moment (unix seconds), or for all."""
    return "" if since is None else id_at(since)


def count(db: sqlite3.Connection, since: float | None = None) -> int:
    """About how many rows ``pages`` will give, for a progress bar."""
    found = db.execute("SELECT count(*) FROM attempts WHERE rank > 0 AND request_id >= ?", (first_id(since),))
    return int(found.fetchone()[0])


def pages(db: sqlite3.Connection, since: float | None = None) -> Iterator[dict[int, Line]]:
    """Rows by their entry's id; open and void entries say nothing and are left out."""
    last: tuple[str, int] = (first_id(since), -1)
    while True:
        # `rank > 0` as it stands in the index, or SQLite does not use it
        found = db.execute(
            f"SELECT id, {LIST} FROM attempts WHERE rank > 0 AND rank > {OPEN} AND (request_id, attempt) > (?, ?)"  # noqa: S608  # constants only
            f" ORDER BY request_id, attempt LIMIT {PAGE}",
            last,
        ).fetchall()
        if not found:
            return
        yield {line[0]: tuple(line[1:]) for line in found}
        last = key_of(found[-1][1:])

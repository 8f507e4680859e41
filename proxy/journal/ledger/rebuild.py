"""The ledger filled anew from a machine's file: after a restore, for another database, from the disk of a dead machine.

Safe beside the shipper and as often as one likes: a row that is there stays, a swept one gives way to its final one, and
what differs from the file that it came from is mended. Rows that only the ledger has are calls, too, and stay.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import msgspec

from proxy.config.ledger_url import LedgerPlace
from proxy.journal.ledger import door, schema, upsert
from proxy.journal.ledger.columns import Line
from proxy.journal.ledger.pages import pages
from proxy.journal.ledger.partitions import Partitions


class Rebuilt(msgspec.Struct, frozen=True):
    """How it went: rows of the file, how many of them had to be written, and those that PostgreSQL does not take."""

    rows: int
    written: int
    odd: tuple[str, ...] = ()


def rebuild(
    db: sqlite3.Connection,
    machine: str,
    place: LedgerPlace,
    since: float | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Rebuilt:
    """Send every row of calls since a moment, or all. Raises ``LedgerAway`` and ``sqlite3.Error``; run it again then."""
    ledger = door.connect(place)
    partitions = Partitions()
    rows, written, odd = 0, 0, list[str]()

    def send(lines: list[Line]) -> int:
        with door.told(place):
            partitions.ensure(ledger, (line[0] for line in lines))
            with door.taking(), door.transaction(ledger):
                return upsert.send(ledger, machine, lines, mend=True)

    with ledger:
        with door.told(place):
            schema.prepare(ledger)
        for page in pages(db, since):
            lines = list(page.values())
            try:
                written += send(lines)
            except door.OddRow:
                partitions.forget()
                for line in lines:
                    try:
                        written += send([line])
                    except door.OddRow as error:
                        odd.append(f"attempt {line[1]} of {line[0]}: {error}")
            rows += len(lines)
            progress(rows)
    return Rebuilt(rows, written, tuple(odd))

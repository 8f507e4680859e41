"""Everything that must agree, asked from outside: a journal's rows, its sums, the store's counters, the ledger."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from proxy.app.counters import KEPT_S, counters_apart
from proxy.app.supervise import store_url
from proxy.config.ledger_url import LedgerPlace
from proxy.config.settings import Settings
from proxy.domain.errors import StoreAway
from proxy.journal.accounts import Accounts, Figure, accounts, counted
from proxy.journal.ledger import door, schema
from proxy.journal.ledger.pages import count
from proxy.journal.ledger.verify import Comparison, compare
from proxy.journal.schema import machine_of
from proxy.server.lock import owner_of

Moved = Callable[[int, int | None], None]  # rows so far, and how many there will be where that is news


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared and what differs. ``counters`` and ``ledger`` are None where there was nothing to compare with."""

    machine: str
    accounts: Accounts
    counters: Mapping[Figure, tuple[int, int]] | None  # budget: the journal's sum, the counter
    no_counters: str = ""  # why they were not compared
    ledger: Comparison | None
    place: str = ""

    @property
    def faults(self) -> int:
        """Sums, counters and rows that differ."""
        rows = self.ledger.faults if self.ledger else 0
        return rows + len(self.accounts.apart) + len(self.counters or ())


def verified(
    db: sqlite3.Connection,
    journal: Path,
    settings: Settings | None,
    place: LedgerPlace | None,
    since: float | None,
    moved: Moved,
) -> Findings:
    """Compare everything that there is. Raises ``sqlite3.Error`` and ``LedgerAway``."""
    whole = count(db)
    moved(0, whole + (count(db, since) if place else 0))
    own = accounts(db, lambda rows: moved(rows, None))
    counters, why = _counters(db, journal, settings)
    found = _ledger(db, place, since, lambda rows: moved(whole + rows, None)) if place else None
    return Findings(
        machine=machine_of(db),
        accounts=own,
        counters=counters,
        no_counters=why,
        ledger=found,
        place=str(place or ""),
    )


def _counters(
    db: sqlite3.Connection, journal: Path, settings: Settings | None
) -> tuple[Mapping[Figure, tuple[int, int]] | None, str]:
    if settings is None or journal.parent.resolve() != settings.state.resolve():
        return None, "this is not the journal of the proxy that is configured here"
    if not settings.store.embedded:
        return None, "the store counts for other machines, too"
    if owner_of(settings.state) is None:
        return None, "the proxy does not run, and the store with it"
    since = time.time() - KEPT_S
    try:
        return counters_apart(store_url(settings), lambda: counted(db, since)), ""
    except StoreAway as error:
        return None, str(error)


def _ledger(
    db: sqlite3.Connection, place: LedgerPlace, since: float | None, moved: Callable[[int], None]
) -> Comparison:
    with door.connect(place) as ledger, door.told(place):
        schema.require(ledger)
        return compare(db, ledger, machine_of(db), since, moved)

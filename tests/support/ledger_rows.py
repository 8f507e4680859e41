"""Rows in files of several machines, on their way to a ledger."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from proxy.config.ledger_url import LedgerPlace
from proxy.domain.row import Outcome, Rank, Row
from proxy.journal.ledger import months
from proxy.journal.ledger.shipper import Shipper
from proxy.journal.log import open_log
from proxy.journal.record import row_from
from tests.support.journal_rows import charge
from tests.support.postgres import ask


def uuid7(at: float, number: int = 0) -> str:
    return f"{months.id_at(at)}-7000-8000-{number:012x}"


def at(year: int, month: int, day: int = 1) -> float:
    return datetime(year, month, day, tzinfo=UTC).timestamp()


def machine(folder: Path, *rows: Row, slot: int = 0) -> Path:
    """A machine's file with these rows, swept or final as they say."""
    log = open_log(folder / "calls.db", slot)
    for row in rows:
        if row.rank is Rank.SWEPT:
            log.sweep(row, f"{row.request_id}:{row.attempt}")
        else:
            log.append([(row, f"{row.request_id}:{row.attempt}")])
    log.close()
    return folder / "calls.db"


def swept(row: Row, cost: int) -> Row:
    return msgspec.structs.replace(
        row, rank=Rank.SWEPT, cost_nusd=cost, charges=(charge(cost),), outcome=Outcome.PROXY_ERROR
    )


def ship(path: Path, place: LedgerPlace, batch: int = 1000) -> list[str]:
    """Ship all that waits; the trouble there was."""
    trouble: list[str] = []
    with closing(Shipper(path, place, lambda event, what: trouble.append(f"{event}: {what}"), batch=batch)) as shipper:
        while shipper.ship() is not None:
            pass
    return trouble


def rows_of(place: LedgerPlace) -> list[Row]:
    found = ask(place, "SELECT doc, rank FROM tallygate.attempts ORDER BY request_id, attempt")
    return [row_from(str(doc), int(str(rank))) for doc, rank in found]

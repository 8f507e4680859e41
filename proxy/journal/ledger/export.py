"""Rows for other systems: flat members, exact money, no person and nothing that a caller wrote freely about one.

Principals are pseudonyms. Left out are key ids, sessions, tags and the callers' own request ids, whose text other people
choose.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

from proxy.config.ledger_url import LedgerPlace
from proxy.domain.money import exact_usd
from proxy.domain.row import Row
from proxy.journal.record import row_from
from proxy.journal.table import ATTEMPTS, Source, reading, told

Value = str | int | float | bool | None
_OF_ROW: Final = (
    "request_id", "attempt", "rank", "org", "principal", "team", "project", "ref", "via", "dialect", "endpoint",
    "upstream", "model_requested", "model", "stream", "status", "upstream_status", "outcome", "error", "cache",
    "decision", "generation", "price_version", "price_flag", "ttft_ms", "duration_ms", "overhead_us",
)  # fmt: skip
_OF_USAGE: Final = (
    "usage_source", "input", "output", "cached_read", "cache_write", "cache_write_5m", "cache_write_1h", "reasoning",
    "audio_input", "audio_output", "image_input", "image_output", "web_searches", "seconds", "characters", "images",
    "service_tier",
)  # fmt: skip
_MONEY: Final = ("cost", "held", "saved", "waste")
MEMBERS: Final = ("at", *_OF_ROW, *_OF_USAGE, *(f"{name}_usd" for name in _MONEY))
_PAGE: Final = 1000
_a: Final = ATTEMPTS.c


Found = sa.Row[str, int, int, str]  # request id, attempt, rank, doc
Select = sa.Select[str, int, int, str]


def exported(source: Source, since: float, until: float) -> Iterator[dict[str, Value]]:
    """Rows of calls that began in a span, in the order of their ids, with ``MEMBERS``. Raises ``Unreadable``.

    Memory stays small however long the span. The ledger is read in one pass, as it is at one moment; the file a page at a
    time, because a long look would keep a running proxy from folding its write-ahead log.
    """
    select = (
        sa.select(_a.request_id, _a.attempt, _a.rank, _a.doc)
        .where(told(since, until))
        .order_by(_a.request_id, _a.attempt)
    )
    with reading(source) as db:
        found = _in_one(db, select) if isinstance(source, LedgerPlace) else _in_pages(db, select)
        for _, _, rank, doc in found:
            yield flat(row_from(doc, rank))


def _in_one(db: sa.Connection, select: Select) -> Iterator[Found]:
    # PostgreSQL sorts what is left for every page, unless it knows better; a cursor lets it sort once.
    yield from db.execution_options(yield_per=_PAGE).execute(select)


def _in_pages(db: sa.Connection, select: Select) -> Iterator[Found]:
    last: tuple[str, int] = ("", -1)
    while True:
        after = sa.tuple_(_a.request_id, _a.attempt) > sa.tuple_(sa.literal(last[0]), sa.literal(last[1]))
        page = db.execute(select.where(after).limit(_PAGE)).all()
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1][0], page[-1][1]


def flat(row: Row) -> dict[str, Value]:
    """A row as ``MEMBERS``."""
    members: dict[str, Value] = {"at": _when(row.at)}
    members |= {name: getattr(row, name) for name in _OF_ROW}
    members |= {name: getattr(row.usage, name) for name in _OF_USAGE}
    return members | {f"{name}_usd": exact_usd(getattr(row, f"{name}_nusd")) for name in _MONEY}


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

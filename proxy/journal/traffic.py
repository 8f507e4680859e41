"""Yesterday's attempts, as a replay reads them: those of a span, call by call, in the order in which the calls came.

Request ids carry their time, so their index gives the order and the span; nothing is sorted and little is kept in memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import groupby
from typing import Final

import msgspec

from proxy.domain.row import Outcome
from proxy.domain.usage import NO_USAGE, Usage
from proxy.journal.ledger.months import id_at
from proxy.journal.schema import OPEN

_SLACK_S: Final = 3600.0  # between a request's id and its time, generously
_SPAN: Final = f"FROM attempts WHERE rank > 0 AND rank <> {OPEN} AND request_id >= ? AND at >= ? AND at < ?"


class ByRule(msgspec.Struct, frozen=True):
    """The rule of a refusal."""

    rule: str = ""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay needs of a row."""

    request_id: str
    attempt: int
    at: float
    org: str
    principal: str
    key_id: str
    upstream: str | None = None
    routed: str | None = None
    outcome: Outcome
    error: str | None = None
    usage: Usage = NO_USAGE
    cost_nusd: int = 0
    held_nusd: int = 0
    decision: str = ""
    generation: str = ""
    facts: bytes = b"{}"
    refused: ByRule | None = None
    local: bool = False
    duration_ms: float = 0.0


_attempt: Final = msgspec.json.Decoder(Attempt).decode


def count(db: sqlite3.Connection, since: float, until: float) -> int:
    """About how many calls began in a span: so many have a first row there."""
    found = db.execute(f"SELECT count(*) {_SPAN} AND attempt < 2", (id_at(since - _SLACK_S), since, until))
    return int(found.fetchone()[0])


def calls(db: sqlite3.Connection, since: float, until: float) -> Iterator[tuple[Attempt, ...]]:
    """The attempts of each call that began in a span (unix seconds, ``until`` excluded); those still open are left out."""
    found = db.execute(
        f"SELECT request_id, doc {_SPAN} ORDER BY request_id, attempt", (id_at(since - _SLACK_S), since, until)
    )
    for _, rows in groupby(found, lambda row: str(row[0])):
        yield tuple([_attempt(row[1]) for row in rows])

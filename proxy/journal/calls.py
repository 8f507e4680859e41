"""What a caller may read back: one call with its attempts, and the sums of their own key. Nobody else's, ever."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from proxy.domain.decision_id import Sought
from proxy.domain.money import exact_usd
from proxy.domain.row import VERIFY, Outcome, Row
from proxy.domain.usage import UsageSource
from proxy.journal.entries import rows_named, rows_of
from proxy.journal.reader import Reader
from proxy.journal.schema import OPEN

WAITS_S: Final = (0.02, 0.08, 0.2, 0.7)  # between looks; together the second that a caller may wait for a row
REUSED: Final = (Outcome.CACHE_HIT.value, Outcome.COALESCED.value)
WAITERS: Final = 64  # more than these are answered at once: looking is cheap, a crowd of lookers is not


class UsageView(msgspec.Struct, frozen=True):
    """Usage as ``/v1/calls`` shows it; null is what the provider did not report."""

    input: int | None
    output: int | None
    cached_read: int | None
    cache_write: int | None
    cache_write_1h: int | None
    reasoning: int | None
    web_searches: int | None


class AttemptView(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt of a call. ``status`` is the upstream's, or ours where it gave none.

    Attempt 0 asked nobody. Where it gave a stored answer, ``saved_…`` is what the call would have cost and used, which is in
    nobody's usage; else it is left out.
    """

    attempt: int
    upstream: str | None
    model: str | None
    status: int
    usage_source: UsageSource
    usage: UsageView
    cost_nusd: int
    held_nusd: int
    ttft_ms: int | None
    duration_ms: int
    overhead_us: int
    saved_nusd: int = 0
    saved_input: int = 0
    saved_output: int = 0


class CallView(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer of ``/v1/calls/{request_id}``, member by member as the design prints it (section 2).

    ``cache_reason`` stands there where the cache had one, ``saved_usd`` where it answered. Both ``cache`` words are those of
    the headers, but that ``refresh`` is a miss there.
    """

    request_id: str
    at: str
    dialect: str
    endpoint: str
    team: str
    project: str | None
    ref: str | None
    model_requested: str
    outcome: Outcome
    cache: str
    cost_usd: str
    decision: str
    generation: str
    attempts: tuple[AttemptView, ...]
    cache_reason: str = ""
    saved_usd: str = ""


class Sums(msgspec.Struct, frozen=True):
    """What one key's holder used in a span, and what stored answers spared them: it is in none of the other figures."""

    calls: int
    cost_usd: str
    input: int
    output: int
    reused: int  # of the calls: answered from the cache
    saved_usd: str


class Calls:
    """Reads rows of every worker of this machine, off the loop."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._waiting = 0

    async def find(self, request_id: str, principal: str) -> CallView | None:
        """The call, if it is this principal's (pseudonym); waits up to a second for its first row, and for what follows it.

        A call of somebody else is answered like one that does not exist, in the same time.
        """
        mine = await self._mine(lambda db: rows_of(db, request_id), principal)
        return call_view(mine) if mine else None

    async def decided(self, one: Sought, principal: str) -> Row | None:
        """The last row of a call, found by the name of its decision; else as ``find``."""
        mine = await self._mine(lambda db: rows_named(db, one.begin, one.end), principal)
        return _told(mine) if mine else None

    async def _mine(self, look: Callable[[sqlite3.Connection], Sequence[Row]], principal: str) -> list[Row]:
        waits = WAITS_S if self._waiting < WAITERS else ()
        self._waiting += 1
        try:
            for wait_s in (*waits, None):
                rows = await self._reader.run(look)
                mine = [row for row in rows if row.principal == principal]
                if wait_s is None or (mine and not mine[-1].may_follow):
                    return mine
                await asyncio.sleep(wait_s)
        finally:
            self._waiting -= 1
        return []

    async def mine(self, principal: str, now: float, timezone: str = "UTC") -> dict[str, Sums]:
        """Sums of ``today`` and of this ``month`` of one principal, in calendar days of ``timezone``."""
        local = datetime.fromtimestamp(now, ZoneInfo(timezone)).replace(hour=0, minute=0, second=0, microsecond=0)
        since = {"today": local.timestamp(), "month": local.replace(day=1).timestamp()}
        return await self._reader.run(lambda db: {name: _sums(db, principal, at) for name, at in since.items()})


def call_view(rows: Sequence[Row]) -> CallView:
    """The view of a call's rows (at least one), by attempt."""
    first, last = rows[0], _told(rows)
    at = datetime.fromtimestamp(first.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return CallView(
        request_id=first.request_id,
        at=at,
        dialect=last.dialect,
        endpoint=last.endpoint,
        team=last.team,
        project=last.project,
        ref=last.ref,
        model_requested=last.model_requested,
        outcome=last.outcome,
        cache=last.cache,
        cost_usd=exact_usd(sum(row.cost_nusd for row in rows)),
        decision=last.decision,
        generation=last.generation,
        attempts=tuple(_attempt(row) for row in rows),
        cache_reason=last.cache_reason,
        saved_usd=exact_usd(sum(row.saved_nusd for row in rows)) if last.outcome in REUSED else "",
    )


def _told(rows: Sequence[Row]) -> Row:
    """The last row of what the caller was told: a stored answer may have been asked again afterwards, to compare it."""
    return next((row for row in reversed(rows) if row.cache != VERIFY), rows[-1])


def _attempt(row: Row) -> AttemptView:
    usage = UsageView(**{name: getattr(row.usage, name) for name in UsageView.__struct_fields__})
    return AttemptView(
        attempt=row.attempt,
        upstream=row.upstream,
        model=row.model,
        status=row.upstream_status or row.status,
        usage_source=row.usage.usage_source,
        usage=usage,
        cost_nusd=row.cost_nusd,
        held_nusd=row.held_nusd,
        ttft_ms=None if row.ttft_ms is None else round(row.ttft_ms),
        duration_ms=round(row.duration_ms),
        overhead_us=row.overhead_us,
        saved_nusd=row.saved_nusd,
        saved_input=row.saved_input,
        saved_output=row.saved_output,
    )


def _sums(db: sqlite3.Connection, principal: str, since: float) -> Sums:
    calls, cost, tokens_in, tokens_out, reused, saved = db.execute(
        "SELECT count(DISTINCT request_id), sum(cost_nusd), sum(input), sum(output), "
        "sum(outcome IN (?, ?)), sum(saved_nusd) FROM attempts WHERE principal = ? AND at >= ? AND rank > ?",
        (*REUSED, principal, since, OPEN),
    ).fetchone()
    return Sums(calls, exact_usd(cost or 0), tokens_in or 0, tokens_out or 0, reused or 0, exact_usd(saved or 0))

"""The row of an attempt that nobody ended: what its hold says, charged by rule 3 of Limits in DESIGN.

Pure: an expired hold in, a row out.
"""

from __future__ import annotations

import msgspec

from proxy.domain.meter import Charge, Draw, Expired, MeterKind, Unit
from proxy.domain.row import Outcome, Rank, Row


def swept_row(expired: Expired) -> Row:
    """The row with ``cost = max(cost so far, floor)``, or the whole hold, and every meter charged with it.

    A hold whose facts cannot be read (written by another release) is charged all the same, to nobody.
    """
    cost = _cost(expired)
    return msgspec.structs.replace(
        _facts(expired),
        rank=Rank.SWEPT,
        org=expired.org,
        cost_nusd=cost,
        charges=tuple(_charge(draw, cost) for draw in expired.draws if draw.kind is not MeterKind.PARALLEL),
    )


def _cost(expired: Expired) -> int:
    known = max(expired.so_far_nusd, expired.floor_nusd)
    if not expired.whole:
        return known
    return max(known, max((draw.amount for draw in expired.draws if draw.unit is Unit.NUSD), default=0))


def _charge(draw: Draw, cost: int) -> Charge:
    """Money is charged as the row says; of requests and tokens what was held, the best that is known."""
    amount = cost if draw.unit is Unit.NUSD else draw.amount
    return Charge(draw.key, draw.kind, amount, draw.interval_us, draw.period_end)


def _facts(expired: Expired) -> Row:
    request_id, _, tried = expired.hold_id.rpartition(":")
    attempt = tried.partition(".")[0]  # an attempt whose hold was asked for again has `1.1` after `1`
    try:
        row = msgspec.json.decode(expired.facts, type=Row)
    except msgspec.MsgspecError:
        row = None
    if row is not None and (row.request_id, str(row.attempt)) == (request_id, attempt):
        return row
    return Row(
        request_id=request_id or expired.hold_id,
        attempt=int(attempt) if attempt.isdecimal() else 0,
        at=0.0,
        org=expired.org,
        principal="",
        key_id="",
        team="",
        dialect="",
        endpoint="",
        outcome=Outcome.PROXY_ERROR,
        error="facts_unreadable",
    )

"""Telling a caller that a call failed, in the dialect of the path that was called.

``x-should-retry`` is always sent: anthropic's SDK otherwise sleeps and tries again whatever it is told.
"""

from __future__ import annotations

import asyncio
import math

from proxy.dialects import routes
from proxy.domain.errors import CallError, ClientGone, QuotaSpent, Throttled, Unavailable
from proxy.ports import DRAINING, Request
from proxy.steps import cache_status, receipt
from proxy.steps.limit_headers import refused_limits
from proxy.steps.visit import Visit
from proxy.steps.world import World

JITTER = 0.1  # of a wait, so that a crowd that was refused together does not come back together


def cut_short(cancelled: asyncio.CancelledError) -> BaseException:
    """What a cancellation is: the caller left, or a drain took too long, which is an error that the caller is told."""
    if DRAINING not in cancelled.args:
        return cancelled
    return Unavailable("The proxy is restarting and this call took too long to end; try again.", retry_after_s=1.0)


async def tell(visit: Visit, error: Exception, world: World) -> None:
    """Answer with an error, or end an open stream with one; never a clean end. A caller who left is told nothing."""
    if isinstance(error, ClientGone):
        return
    known = error if isinstance(error, CallError) else _unforeseen(visit, error, world)
    world.gauge.refused(visit.call, known)
    try:
        if visit.opened:
            # A stream may have broken inside an event; the gap ends what is left of it.
            gap = visit.dialect.gap
            gap = b"" if visit.last_piece.endswith(gap) else gap
            await visit.reply.write(gap + visit.dialect.error_event(known, visit.request_id, visit.ask))
            visit.reply.abort()
        else:
            body = visit.dialect.error_body(known, visit.request_id)
            pairs = head(known, visit.request_id) + receipt.attempts(visit.attempts)
            if visit.cached is not cache_status.OFF:
                pairs += cache_status.own_pairs(visit.cached)
            if isinstance(known, Throttled | QuotaSpent):
                pairs += refused_limits(visit.refused_on, visit.dialect.family, visit.refused_at_us)
            await visit.reply.whole(known.status, pairs, body)
    except ClientGone:
        return


def answer_to(request: Request | None, error: CallError) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Answer an error that met the listener before any walk began, in the dialect of the path where there is one."""
    dialect = routes.family_of(request.raw_path if request is not None else "")
    return error.status, head(error, ""), dialect.error_body(error, "")


def head(error: CallError, request_id: str) -> list[tuple[bytes, bytes]]:
    """Headers of a refusal."""
    pairs = receipt.identity(request_id) if request_id else []
    pairs.append((b"content-type", b"application/json"))
    pairs.append((b"x-should-retry", b"true" if error.retry else b"false"))
    if error.retry_after_s is not None and error.retry:
        # The id is random already: its last byte spreads the waits.
        wait_s = error.retry_after_s * (1 + JITTER * int(request_id[-2:] or "0", 16) / 255)
        pairs.append((b"retry-after", str(max(1, math.ceil(wait_s))).encode()))
        pairs.append((b"retry-after-ms", str(max(1, math.ceil(wait_s * 1000))).encode()))
    if error.policy is not None:
        pairs.append((b"x-tally-decision", error.policy.decision.encode()))
    return pairs


def _unforeseen(visit: Visit, error: Exception, world: World) -> CallError:
    """A bug of ours: logged by its place, since its text could hold anything."""
    world.report("unforeseen", visit.request_id, error)
    return CallError("Tallygate failed on this call; nothing more was forwarded. The log names the request id.")

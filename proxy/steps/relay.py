"""Passing an answer on: bytes in, bytes out, with a tap beside them.

What one read brought leaves in one write. Nothing is parsed per event; the only byte that is ever kept back is the
usage chunk that we asked for on the caller's behalf.
"""

from __future__ import annotations

from proxy.dialects.base import Strip
from proxy.domain.errors import QuotaSpent
from proxy.ports import Answer
from proxy.steps import receipt
from proxy.steps.attempt import Attempt
from proxy.steps.visit import Plan, Visit


async def whole(visit: Visit, plan: Plan, attempt: Attempt, answer: Answer) -> None:
    """Pass a buffered answer, with what it cost."""
    attempt.answered(answer)
    body = await attempt.read()
    head = receipt.headers(plan, answer, attempt.hold, attempt.held)
    if reckoned := attempt.reckon():
        usage, cost = reckoned
        head.extend(receipt.cost(cost.nusd, usage.usage_source))
    await visit.reply.whole(answer.status, head, body)


async def stream(visit: Visit, plan: Plan, attempt: Attempt, answer: Answer, strip: Strip | None) -> None:
    """Pass a stream piece by piece. Whatever breaks it is told inside it, by ``Pipeline``."""
    reply = visit.reply
    attempt.answered(answer)
    piece = await answer.piece()
    await reply.open(answer.status, receipt.headers(plan, answer, attempt.hold, attempt.held))
    visit.opened = True
    while piece:
        attempt.feed(piece)
        if attempt.is_cut:
            raise QuotaSpent(
                "The answer has used up all that was held for it; its budget holds the most a call can cost."
            )
        if strip is not None:
            piece = strip.feed(piece)
        if piece:
            visit.last_piece = piece
            await reply.write(piece)
        piece = await answer.piece()
    if strip is not None and (tail := strip.finish()):
        await reply.write(tail)
    await reply.close()

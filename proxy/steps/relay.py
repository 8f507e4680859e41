"""Passing an answer on: bytes in, bytes out, with a tap beside them.

What one read brought leaves in one write. Nothing is parsed per event; the only byte that is ever kept back is the
usage chunk that we asked for on the caller's behalf.
"""

from __future__ import annotations

from proxy.dialects.base import Strip
from proxy.ports import Answer
from proxy.steps import receipt
from proxy.steps.attempt import Attempt
from proxy.steps.visit import Plan, Visit

STREAMS = (b"text/event-stream", b"application/x-ndjson", b"application/stream+json")


def is_stream(plan: Plan, answer: Answer) -> bool:
    """True when the answer comes in pieces worth passing at once: by its type, or because a stream was asked for."""
    if answer.status != 200:  # noqa: PLR2004 - errors come whole, and pass in the upstream's own words
        return False
    if plan.ask.stream:
        return True
    for name, value in answer.headers:
        if name == b"content-type":
            return value.startswith(STREAMS)
    return False


async def whole(visit: Visit, plan: Plan, attempt: Attempt, answer: Answer) -> None:
    """Pass a buffered answer, with what it cost."""
    tap = plan.dialect.tap(plan.ask)
    attempt.answered(answer, tap)
    body = await answer.read()
    tap.body(body)
    head = receipt.headers(plan, answer, attempt.hold, attempt.held)
    if reckoned := attempt.reckon():
        usage, cost = reckoned
        head.extend(receipt.cost(cost.nusd, usage.usage_source))
    await visit.reply.whole(answer.status, head, body)


async def stream(visit: Visit, plan: Plan, attempt: Attempt, answer: Answer, strip: Strip | None) -> None:
    """Pass a stream piece by piece. Whatever breaks it is told inside it, by ``Pipeline``."""
    reply = visit.reply
    attempt.answered(answer, plan.dialect.tap(plan.ask))
    piece = await answer.piece()
    await reply.open(answer.status, receipt.headers(plan, answer, attempt.hold, attempt.held))
    visit.opened = True
    while piece:
        attempt.feed(piece)
        if strip is not None:
            piece = strip.feed(piece)
        if piece:
            visit.last_piece = piece
            await reply.write(piece)
        piece = await answer.piece()
    if strip is not None and (tail := strip.finish()):
        await reply.write(tail)
    await reply.close()

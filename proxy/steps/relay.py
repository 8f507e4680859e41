"""Passing an answer on: bytes in, bytes out, with a tap beside them.

What one read brought leaves in one write. Nothing is parsed per event; the only byte that is ever kept back is the
usage chunk that we asked for on the caller's behalf.
"""

from __future__ import annotations

from proxy.dialects.base import Strip
from proxy.ports import Answer
from proxy.steps.passage import Passage
from proxy.steps.screened_answer import AnswerScreen
from proxy.steps.screened_stream import StreamScreen, reads_whole, stream_screen_of
from proxy.steps.visit import Plan, Visit


async def whole(visit: Visit, plan: Plan, passage: Passage, answer: Answer, screen: AnswerScreen | None = None) -> None:
    """Pass a buffered answer, with what it cost, as its ``screen`` lets it go."""
    passage.answered(answer)
    body, is_unpacked = await passage.read(), False
    if screen is not None:
        body, plan, is_unpacked = await screen.passed(answer, body)
    costs = passage.costs()
    head = passage.head(plan, answer, is_unpacked=is_unpacked)
    await visit.reply.whole(answer.status, head + costs, body)


async def stream(
    visit: Visit,
    plan: Plan,
    passage: Passage,
    answer: Answer,
    strip: Strip | None,
    screen: AnswerScreen | None = None,
) -> None:
    """Pass a stream piece by piece, as its ``screen`` lets it go. Whatever breaks it is told inside it, by ``Pipeline``."""
    if screen is None:
        passage.answered(answer)
        await _pass(visit, plan, passage, answer, strip, None)
    elif reads_whole(plan, answer):
        await whole(visit, plan, passage, answer, screen)
    else:
        passage.answered(answer)
        through = stream_screen_of(screen, plan, answer)
        try:
            await _pass(visit, plan, passage, answer, strip, through)
        finally:
            if through is not None:
                through.ended()


async def _pass(
    visit: Visit, plan: Plan, passage: Passage, answer: Answer, strip: Strip | None, through: StreamScreen | None
) -> None:
    reply = visit.reply
    piece = await _next(passage, answer)
    is_unpacked = through is not None and through.is_unpacked
    await reply.open(answer.status, passage.head(plan, answer, is_unpacked=is_unpacked))
    visit.opened = True
    while piece:
        if (cut := passage.cut) is not None:
            raise cut
        if strip is not None:
            piece = strip.feed(piece)
        if through is not None:
            piece = through.feed(piece)
        if piece:
            visit.last_piece = piece
            await reply.write(piece)
        if through is not None:
            through.check()
        piece = await _next(passage, answer)
    if tail := _rest(strip, through):
        visit.last_piece = tail
        await reply.write(tail)
    await reply.close()


async def _next(passage: Passage, answer: Answer) -> bytes:
    """A piece that is fed before anything else waits: should its caller leave meanwhile, whoever reads on has missed none."""
    if piece := await answer.piece():
        passage.feed(piece)
    return piece


def _rest(strip: Strip | None, through: StreamScreen | None) -> bytes:
    """What was held back of a stream that has ended. Raises the refusal of what was found in it."""
    tail = b"" if strip is None else strip.finish()
    if through is None:
        return tail
    return through.feed(tail) + through.finish()

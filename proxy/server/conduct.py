"""Run one walk and see to it that it ends with an answer, or with a connection that is visibly broken."""

from __future__ import annotations

import asyncio

from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader

from proxy.domain.errors import CallError, ClientGone, Unavailable
from proxy.server import guards
from proxy.server.exchange import Line, Reply, Request
from proxy.server.gate import RETRY_AFTER_S
from proxy.server.service import Service


async def conduct(service: Service, line: Line, head: RawRequestMessage, body: StreamReader) -> None:
    """Guards, room, handler, and an answer to whatever they raise; then ``line.after``, always.

    Raises ``CancelledError`` when the caller has left. A walk that is cancelled while the caller is there (the listener
    drains) may still write its own last event; if it wrote nothing, the caller gets a 503.
    """
    request, reply, gate = Request(line, head, body), Reply(line, head, body), service.gate
    try:
        if (refusal := guards.refusal(head, line.limits)) is not None:
            line.must_end()
            await reply.whole(*service.answer(request, refusal))
            return
        if not gate.enter() and not gate.enter(always=head.path in line.limits.always):
            await gate.wait()
        try:
            await service.handler(request, reply)
        finally:
            gate.leave()
        if not reply.begun:
            raise RuntimeError("the walk ended without an answer")  # noqa: TRY301 - one way to answer a defect
    except ClientGone:
        reply.abort()
    except (Exception, asyncio.CancelledError) as error:
        if line.transport is None and isinstance(error, asyncio.CancelledError):
            raise
        await _apologise(service, request, reply, error)
    finally:
        line.after(reply, body)


async def _apologise(service: Service, request: Request, reply: Reply, error: BaseException) -> None:
    """Answer what ended a walk early, or break the answer off when it has begun."""
    match error:
        case CallError():
            refusal: CallError = error
        case asyncio.CancelledError() if service.draining:
            refusal = Unavailable(
                "The proxy is shutting down; try again.", code="shutting_down", retry_after_s=RETRY_AFTER_S
            )
        case _:
            service.report(error)
            refusal = CallError("The proxy made a mistake; it has been logged.")
    if reply.begun:
        reply.abort()
        return
    try:
        await reply.whole(*service.answer(request, refusal))
    except ClientGone:
        reply.abort()

"""A wire to upstreams that is closed with its test, and the short ways tests use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from proxy.domain.upstream import Timeouts, Upstream
from proxy.upstream.answer import HttpAnswer
from proxy.upstream.wire import HttpWire

BRISK = Timeouts(connect_s=1.0, first_byte_s=0.3, idle_s=0.3)
HEADERS = [(b"content-type", b"application/json")]


def upstream_at(
    base_url: str, *, timeouts: Timeouts = BRISK, max_connections: int = 512, ca_file: str | None = None
) -> Upstream:
    """An OpenAI-like upstream whose limits suit a test."""
    return Upstream("scripted", "openai", base_url, timeouts=timeouts, max_connections=max_connections, ca_file=ca_file)


@asynccontextmanager
async def open_wire() -> AsyncIterator[HttpWire]:
    """A wire; at the end its sockets are given the turns of the loop that they need to close."""
    wire = HttpWire()
    try:
        yield wire
    finally:
        wire.close()
        await asyncio.sleep(0.01)


async def post(wire: HttpWire, upstream: Upstream, path: str = "/chat/completions", body: bytes = b"{}") -> HttpAnswer:
    """Send a small call."""
    return await wire.send(upstream, "POST", path, HEADERS, body)


async def fetch(wire: HttpWire, upstream: Upstream, path: str = "/chat/completions", body: bytes = b"{}") -> bytes:
    """Send a small call and read its whole answer."""
    answer = await post(wire, upstream, path, body)
    try:
        return await answer.read()
    finally:
        answer.close()


async def pieces(answer: HttpAnswer) -> list[bytes]:
    """Every piece of an answer as it came."""
    found = []
    while piece := await answer.piece():
        found.append(piece)
    return found


async def settled(wire: HttpWire, connections: int) -> bool:
    """Whether the wire comes down to so many connections within a moment."""
    for _ in range(100):
        if wire.connections() == connections:
            return True
        await asyncio.sleep(0.005)
    return False

"""A listener on a real socket and callers who send raw bytes, on the loop that production uses."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ParamSpec

import uvloop

from proxy import ports
from proxy.config.settings import Address
from proxy.server import sockets
from proxy.server.limits import Limits
from proxy.server.listener import Listener, serve
from proxy.server.plain_errors import plain_error
from proxy.server.service import Handler, OnError

P = ParamSpec("P")
PATIENCE_S = 20.0  # generous: it only proves that nothing is stuck


def on_uvloop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test on uvloop, as workers do; one that hangs fails."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def limited() -> None:
            async with asyncio.timeout(2 * PATIENCE_S):
                await test(*args, **kwargs)

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(limited())

    return run


@dataclass
class Heard:
    """An answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


class Caller:
    """One connection. Nothing is added to what ``send`` is given."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *pieces: bytes, pause_s: float = 0.0) -> None:
        """Send pieces, each as a segment of its own when there is a pause."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            if pause_s:
                await asyncio.sleep(pause_s)

    async def head(self) -> Heard:
        """The next head; its body is left unread."""
        async with asyncio.timeout(PATIENCE_S):
            raw = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Heard(int(first.split()[1]), headers, b"")

    async def answer(self, *, mute: bool = False) -> Heard:
        """The next whole answer; ``mute`` for one that has no body whatever its head says."""
        heard = await self.head()
        if mute or heard.status < 200:
            return heard
        async with asyncio.timeout(PATIENCE_S):
            if heard.headers.get("transfer-encoding") == "chunked":
                while size := int(await self.reader.readuntil(b"\r\n"), 16):
                    heard.body += (await self.reader.readexactly(size + 2))[:-2]
                await self.reader.readexactly(2)
            elif "content-length" in heard.headers:
                heard.body = await self.reader.readexactly(int(heard.headers["content-length"]))
            else:
                heard.body = await self.reader.read()
        return heard

    async def rest(self) -> bytes:
        """Whatever still comes until the other side closes or resets."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self.reader.read()
        except ConnectionError:
            return b""

    def leave(self) -> None:
        """Close."""
        self.writer.close()

    def reset(self) -> None:
        """Vanish."""
        self.writer.transport.abort()


@dataclass
class Listening:
    """A listener and what its handler saw."""

    listener: Listener
    port: int
    tls: ssl.SSLContext | None = None
    callers: list[Caller] = field(default_factory=list)

    async def call(self, *pieces: bytes) -> Caller:
        """A new connection, on which these pieces are sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls)
        caller = Caller(reader, writer)
        self.callers.append(caller)
        await caller.send(*pieces)
        return caller


@asynccontextmanager
async def listening(
    handler: Handler,
    limits: Limits | None = None,
    *,
    on_error: OnError = plain_error,
    tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None,
) -> AsyncIterator[Listening]:
    """A listener on a free port of loopback; ``tls`` is (server's, client's) context."""
    bound = sockets.bind(Address("127.0.0.1", 0))
    listener = await serve(handler, sockets=bound, limits=limits, on_error=on_error, tls=tls[0] if tls else None)
    there = Listening(listener, bound[0].getsockname()[1], tls[1] if tls else None)
    try:
        yield there
    finally:
        for caller in there.callers:
            caller.reset()
        await listener.drain(0)


class Desk:
    """A handler with one behaviour per path; ``seen`` holds the targets that got through to it."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.bodies: list[bytes] = []
        self.ended: list[str] = []  # how walks ended: "done", "cancelled: why", or the error's name
        self.written = 0
        self.go = asyncio.Event()

    async def __call__(self, request: ports.Request, reply: ports.Reply) -> None:
        """Answer, and note how it went."""
        self.seen.append(request.raw_path)
        try:
            await self._answer(request, reply)
        except asyncio.CancelledError as error:
            self.ended.append(f"cancelled: {error}")
            raise
        except Exception as error:
            self.ended.append(type(error).__name__)
            raise
        self.ended.append("done")

    async def _answer(self, request: ports.Request, reply: ports.Reply) -> None:
        match request.raw_path.partition("?")[0]:
            case "/refuse":  # without looking at the body
                await reply.whole(401, [], b"no")
            case "/wait":
                await self.go.wait()
                await reply.whole(200, [], b"waited")
            case "/stream":
                await reply.open(200, [(b"content-type", b"text/event-stream")])
                await reply.write(b"data: 1\n\n")
                await self.go.wait()
                await reply.write(b"data: 2\n\n")
                await reply.close()
            case "/flood":
                await reply.open(200, [])
                while True:
                    await reply.write(b"x" * 16_384)
                    self.written += 16_384
            case "/broken":
                await reply.open(200, [])
                await reply.write(b"data: 1\n\n")
                reply.abort()
            case _:
                self.bodies.append(await request.read())
                await reply.whole(200, [(b"content-type", b"text/plain")], self.bodies[-1])


def post(path: str, body: bytes = b"", *headers: str) -> bytes:
    """A well-formed POST."""
    lines = [f"POST {path} HTTP/1.1", "host: proxy", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def get(path: str, *headers: str, version: str = "1.1") -> bytes:
    """A well-formed GET."""
    return "\r\n".join([f"GET {path} HTTP/{version}", "host: proxy", *headers, "", ""]).encode()

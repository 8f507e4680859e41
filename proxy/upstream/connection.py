"""One TCP or TLS connection to an upstream, carrying one exchange at a time.

Whatever arrives outside an exchange, and every doubt about where an answer ended, closes it: a connection is cheap, an
answer given to the wrong caller is not.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from proxy.ports import Body, OnSent
from proxy.upstream.answer import HttpAnswer
from proxy.upstream.pump import pump
from proxy.upstream.response import ResponseParser

JOIN_BYTES = 16 << 10  # below, head and body are copied into one write
SLICE_BYTES = 256 << 10  # larger bodies are handed over in slices, as the socket takes them


class Owner(Protocol):
    """What a connection asks of its pool."""

    def give_back(self, connection: Connection) -> None:
        """An exchange ended well, the connection can carry another."""

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""


class Connection(asyncio.BufferedProtocol):
    """``uses`` counts requests; ``idle_until`` is set by the pool while the connection waits there."""

    __slots__ = (
        "_answer",
        "_buffer",
        "_closed",
        "_drained",
        "_is_single",
        "_owner",
        "_pump",
        "_sending",
        "_transport",
        "_writable",
        "born",
        "idle_until",
        "keep_alive_s",
        "uses",
    )

    def __init__(self, owner: Owner, buffer: memoryview, now: float) -> None:
        """``buffer`` takes one read; a loop's connections share it, since a read is parsed before the next begins."""
        self._buffer = buffer
        self.uses = 0
        self.born = now
        self.idle_until = 0.0
        self.keep_alive_s: int | None = None
        self._owner = owner
        self._answer: HttpAnswer | None = None
        self._transport: asyncio.Transport | None = None
        self._closed = False
        self._writable = True
        self._sending = False
        self._is_single = False  # opened for one upload: kept, such ones would pile up beside those that idle
        self._drained: asyncio.Future[None] | None = None
        self._pump: asyncio.Task[None] | None = None  # sends a body that is still coming

    @property
    def answer(self) -> HttpAnswer | None:
        """The exchange in progress."""
        return self._answer

    @property
    def usable(self) -> bool:
        """Whether another request may be written to it."""
        return not self._closed and self._transport is not None and not self._transport.is_closing()

    async def send(self, head: bytes, body: bytes, answer: HttpAnswer) -> None:
        """Write a request. Returns when all is written or the answer has already ended; ``answer`` tells the outcome."""
        transport = self._transport
        answer.carried_by(self)
        if transport is None or transport.is_closing():
            answer.lost()
            return
        self._answer = answer
        self.uses += 1
        if len(body) < JOIN_BYTES:
            transport.write(head + body if body else head)
        elif len(body) <= SLICE_BYTES:
            transport.writelines((head, body))
        else:
            transport.write(head)
            if not await self._send_slices(transport, body):
                return
        answer.sent()

    async def _send_slices(self, transport: asyncio.Transport, body: bytes) -> bool:
        """Whether all was written."""
        view = memoryview(body)
        self._sending = True
        for start in range(0, len(body), SLICE_BYTES):
            if self._answer is None:  # refused early, failed or given up
                return False
            transport.write(view[start : start + SLICE_BYTES])
            if not self._writable:
                self._drained = asyncio.get_running_loop().create_future()
                await self._drained
        self._sending = False
        return self._answer is not None

    def carry(self, head: bytes, body: Body, answer: HttpAnswer, on_sent: OnSent | None) -> None:
        """Begin a request whose body is still coming; ``answer`` tells the outcome. Its sending ends with the exchange."""
        transport = self._transport
        answer.carried_by(self)
        if transport is None or transport.is_closing():
            answer.lost()
            return
        self._answer = answer
        self.uses += 1
        self._sending = self._is_single = True
        transport.write(head)
        self._pump = asyncio.get_running_loop().create_task(pump(self, body, answer, on_sent))

    async def carried(self, answer: HttpAnswer) -> None:
        """Wait until the body is sent, or nobody wants the rest of it: the answer is a refusal, whole or broken.

        RFC 9112, 9.5: a client that reads an error while it still sends "SHOULD immediately cease transmitting".
        """
        sending = self._pump
        if sending is None:
            return
        if answer.complete or answer.status >= 400:  # noqa: PLR2004 - HTTP's own border
            self._stop_sending()
            answer.body_unwanted()
        else:
            await asyncio.wait({sending})

    # The pump's side.

    async def write(self, data: bytes) -> None:
        """Write a piece of a body; returns when the socket takes more."""
        transport = self._transport
        if transport is None:
            return
        transport.write(data)
        if not self._writable:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained

    def all_sent(self) -> None:
        """The last byte of a body that was still coming was written."""
        self._pump = None
        self._sending = False
        if self._answer is not None:
            self._answer.sent()

    # The answer's side.

    def pause_reading(self) -> None:
        """Let the kernel's window fill: the consumer is slower than the upstream."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def finished(self, parsed: ResponseParser) -> None:
        """The answer is whole: back to the pool, unless the peer or half a request still in our buffer forbids it."""
        self._answer = None
        self.keep_alive_s = parsed.keep_alive_s
        self._stop_sending()
        transport = self._transport
        if (
            parsed.reusable
            and transport is not None
            and not self._sending
            and not self._is_single
            and not transport.get_write_buffer_size()
            and not transport.is_closing()
        ):
            self._owner.give_back(self)
        else:
            self.close()

    def close(self) -> None:
        """Close now, without flushing: nothing we could still say matters to the upstream."""
        self._answer = None
        self._closed = True
        self._stop_sending()
        if self._transport is not None:
            self._transport.abort()

    # The event loop's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; a TLS connection comes here after its handshake."""
        self._transport = cast("asyncio.Transport", transport)
        if self._closed:
            self._transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  # one read is never larger than our buffer
        """Where the next read goes."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hand what was read to the exchange; on an idle connection nobody asked for it."""
        answer = self._answer
        if answer is None:
            self.close()
        else:
            answer.feed(self._buffer[:nbytes])

    def eof_received(self) -> bool:
        """The upstream sends no more; False lets the transport close."""
        if self._answer is not None:
            self._answer.ended()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # any end is told the same way
        """Tell the exchange, if there is one, and leave the pool."""
        answer, self._answer = self._answer, None
        self._stop_sending()
        if answer is not None:
            answer.lost()
        self._owner.forget(self)

    def pause_writing(self) -> None:
        """The socket's buffer is full."""
        self._writable = False

    def resume_writing(self) -> None:
        """The socket takes more."""
        self._writable = True
        self._release_writer()

    def _stop_sending(self) -> None:
        """Nothing more of a request is written; one that is not whole leaves the connection unfit for another."""
        sending, self._pump = self._pump, None
        if sending is not None:
            sending.cancel()
        self._release_writer()

    def _release_writer(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

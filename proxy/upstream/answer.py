"""An upstream's answer on its way to whoever waits for it: pieces as they come, silence and failure told once.

It outlives its connection: when the last byte was read the socket is back in the pool, and what was not yet taken is
here. A failure in the middle is raised only after the pieces that came before it.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from proxy.domain.errors import CallError, UpstreamFailed, UpstreamTimedOut
from proxy.domain.upstream import Timeouts
from proxy.ports import Headers
from proxy.upstream.response import BadAnswer, ResponseParser

HIGH_WATER_BYTES = 64 << 10  # beyond this much untaken body the socket is not read
MAX_WHOLE_BYTES = 128 << 20  # of a buffered answer: the largest batch of embeddings as floats
STALE_S = 1.0  # a server that had closed already says so within a round trip; one that worked on the request, later


class Carrier(Protocol):
    """What an answer asks of its connection."""

    def pause_reading(self) -> None:
        """Stop reading from the socket."""

    def resume_reading(self) -> None:
        """Read on."""

    def finished(self, parsed: ResponseParser) -> None:
        """The last byte of the answer was read."""

    def close(self) -> None:
        """Close at once."""


class HttpAnswer:
    """Satisfies ``ports.Answer``. ``asked`` tells that the whole request was written: the upstream may work on it."""

    status = 0
    headers: Headers = ()
    coding = b""
    heard = False  # any byte at all came
    looks_stale = False  # the connection ended before any byte, and too soon for anybody to have worked on the request
    asked = False
    _awaits_body = False  # the caller's next piece of the request is not here yet
    _takes_body = False  # the request is still being written
    _asked_at = 0.0
    _carrier: Carrier | None = None
    _error: CallError | None = None
    _waiter: asyncio.Future[None] | None = None
    _paused = False
    _whole = False
    _closed = False

    def __init__(
        self, upstream: str, limits: Timeouts, loop: asyncio.AbstractEventLoop, *, head_only: bool = False
    ) -> None:
        """``upstream`` is a name for messages; the first-byte limit starts now."""
        self._upstream = upstream
        self._limits = limits
        self._loop = loop
        self._parsed = ResponseParser(head_only=head_only)
        self._since = loop.time()

    # The consumer's side.

    async def head(self) -> None:
        """Wait until ``status`` and ``headers`` are known. Raises ``UpstreamFailed`` and ``UpstreamTimedOut``."""
        parsed = self._parsed
        while not parsed.status:
            if self._error is not None:
                raise self._error
            await self._more()
        self.status, self.headers, self.coding = parsed.status, parsed.headers, parsed.coding

    async def piece(self) -> bytes:
        """What has come since the last piece, joined; ``b""`` at the end. Raises as ``head`` does."""
        parsed = self._parsed
        while not parsed.pieces:
            if parsed.complete:
                return b""
            if self._error is not None:
                raise self._error
            await self._more()
        if self._paused:
            self._resume()
        return parsed.take()

    async def read(self) -> bytes:
        """The rest of the body. Raises as ``head`` does, and ``UpstreamFailed`` when it does not fit into memory."""
        parsed = self._parsed
        self._whole = True
        if self._paused:
            self._resume()
        while not parsed.complete:
            if self._error is not None:
                raise self._error
            if parsed.pending > MAX_WHOLE_BYTES:
                self.fail(UpstreamFailed(f"Upstream {self._upstream} sent more than {MAX_WHOLE_BYTES >> 20} MiB."))
                continue
            await self._more()
        return parsed.take()

    def arrived(self, most: int) -> bytes:
        """What has come and was not taken, without waiting, cut after ``most`` bytes: also after a failure or ``close``."""
        return self._parsed.take()[:most]

    def close(self) -> None:
        """Done with it. Before the end of the body this cancels: the connection is closed at once, not reused."""
        if not self._closed:
            self._closed = True
            if not self._parsed.complete:
                self.fail(UpstreamFailed(f"The call to upstream {self._upstream} was given up."))

    # The connection's side.

    @property
    def complete(self) -> bool:
        """Whether the last byte of the answer was read from the socket."""
        return self._parsed.complete

    def carried_by(self, carrier: Carrier) -> None:
        """Bind to the connection that the request is written to."""
        self._carrier = carrier

    def sent(self) -> None:
        """The last byte of the request was written."""
        self.asked = True
        self._asked_at = self._loop.time()
        if self._takes_body:
            self._takes_body, self._since = False, self._asked_at

    def body_awaited(self) -> None:
        """The caller's next piece is not here yet: that is no silence of the upstream's."""
        self._awaits_body = True

    def body_came(self) -> None:
        """A piece of the request is here, and the upstream has taken all before it."""
        self._awaits_body, self._takes_body = False, True
        self._since = self._loop.time()

    def body_unwanted(self) -> None:
        """No more of the request is sent: from here on every silence is the upstream's."""
        self._awaits_body = self._takes_body = False
        self._since = self._loop.time()

    def feed(self, data: bytes | memoryview) -> None:
        """Take what one read brought."""
        parsed = self._parsed
        self.heard = True
        try:
            parsed.feed(data)
        except BadAnswer as error:
            message = f"Upstream {self._upstream} broke HTTP: {error}."
            self.fail(UpstreamFailed(message, code="upstream_protocol_error"))
            return
        if parsed.pieces:
            self._since = self._loop.time()
        if parsed.complete:
            self._finish()
        elif parsed.pending > HIGH_WATER_BYTES and not self._whole and not self._paused and self._carrier is not None:
            self._paused = True
            self._carrier.pause_reading()
        self._wake()

    def ended(self) -> None:
        """The upstream closed its side."""
        self._parsed.end()
        if self._parsed.complete:
            self._finish()
            self._wake()

    def lost(self) -> None:
        """The connection is gone."""
        if self._parsed.complete or self._error is not None:
            return
        at_once = not self.asked or self._loop.time() - self._asked_at <= STALE_S
        self.looks_stale = at_once and not self.heard
        what = "broke off its answer" if self._parsed.status else "closed the connection before it answered"
        self.fail(UpstreamFailed(f"Upstream {self._upstream} {what}."))

    def overdue(self, now: float) -> bool:
        """Fail when the upstream was silent for longer than its limits allow; the time a slow caller takes is not its.

        One that answers before it has taken the request, and more than is read meanwhile, may wait for us as we for it.
        """
        if self._awaits_body or (self._paused and not self._takes_body):
            self._since = now
            return False
        begun = self._parsed.begun
        limit = self._limits.idle_s if begun or self._takes_body else self._limits.first_byte_s
        if now - self._since <= limit or self._parsed.complete:
            return False
        what = "was silent in the middle of its answer" if begun else "did not answer"
        if self._takes_body:
            what = "did not go on reading the request"
        self.fail(UpstreamTimedOut(f"Upstream {self._upstream} {what} for {limit:g} s."))
        return True

    def fail(self, error: CallError) -> None:
        """End it here: the consumer gets what came before, then ``error``; the connection is closed."""
        if self._error is None:
            self._error = error
        self._parsed.abandon()
        carrier, self._carrier = self._carrier, None
        if carrier is not None:
            carrier.close()
        self._wake()

    def _finish(self) -> None:
        carrier, self._carrier = self._carrier, None
        if carrier is not None:
            if self._paused:
                self._paused = False
                carrier.resume_reading()
            carrier.finished(self._parsed)

    def _resume(self) -> None:
        self._paused = False
        self._since = self._loop.time()
        if self._carrier is not None:
            self._carrier.resume_reading()

    def _more(self) -> asyncio.Future[None]:
        self._waiter = self._loop.create_future()
        return self._waiter

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

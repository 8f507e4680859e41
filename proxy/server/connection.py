"""The life of one connection: parse a head, serve it, take the next; every guard and deadline passes here.

It stands on aiohttp's C parser, body reader and flow control (``BaseProtocol``), and not on its ``RequestHandler``, whose
loop makes a writer, a request object, a future and a second task for every call and which offers no place for most guards.
One call is in service at a time. What a caller sends ahead meanwhile is kept unparsed and bounded, while we go on
reading: a socket that nobody reads cannot tell that its caller left.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import cast

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser, RawRequestMessage
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from proxy.domain.errors import CallError, ClientGone, SlowBody
from proxy.server import guards, heads
from proxy.server.conduct import conduct
from proxy.server.deadlines import Phase, overdue
from proxy.server.exchange import Reply
from proxy.server.gate import overloaded
from proxy.server.refusals import HeadTooLarge, Malformed, SlowHead
from proxy.server.service import Service

CLIENT_GONE = "client gone"  # the message that a cancelled walk finds in its CancelledError
_READ_BUFFER = 65_536
_WORK, _IDLE = Phase.WORK, Phase.IDLE  # on the path of every call, where a look into an Enum is worth avoiding
_DRAIN_IDLE_S = 0.5  # while draining, an idle connection gets this long to show that a request is under way


class Connection(BaseProtocol):
    """One caller's connection. ``phase`` and ``since`` say what it waits for; the listener's sweep looks at them."""

    __slots__ = (
        "_ahead",
        "_all",
        "_body",
        "_deaf",
        "_last",
        "_received",
        "_service",
        "date",
        "limits",
        "most_bytes",
        "phase",
        "since",
        "task",
    )

    def __init__(self, service: Service, everybody: set[Connection]) -> None:
        """Belong to ``everybody``, the listener's connections, from being made to being lost."""
        limits = service.limits
        parser = HttpRequestParser(
            self,
            service.loop,
            _READ_BUFFER,
            max_line_size=limits.line_bytes,
            max_field_size=limits.line_bytes,
            max_headers=limits.headers,
            payload_exception=_BrokenBody,
            auto_decompress=False,
            max_msg_queue_size=1,
        )
        super().__init__(service.loop, parser)
        self._service = service
        self._all = everybody
        self.limits = limits
        self.most_bytes = limits.body_bytes  # of the body that is being read
        self.date = service.date
        self.task: asyncio.Task[None] | None = None
        self._body: StreamReader = EMPTY_PAYLOAD
        self._ahead = b""
        self._received = 0  # bytes of the head, then of the body, framing included
        self._last = False  # the connection ends after the answer in service
        self._deaf = False  # it has ended for us: what still comes is dropped
        self.phase = Phase.FRESH
        self.since = service.loop.time()

    # -- what the loop tells us --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the listener's connections, or leave at once when there are too many."""
        super().connection_made(transport)
        self._all.add(self)
        excess = len(self._all) - self.limits.connections
        if excess > self.limits.connections:
            self._deaf = True
            cast("asyncio.Transport", transport).abort()  # a flood gets no words
        elif excess > 0:
            self._reject(overloaded())

    def connection_lost(self, exc: BaseException | None) -> None:
        """Cancel the walk at once: nobody waits for its answer."""
        super().connection_lost(exc)
        self._all.discard(self)
        self._deaf = True
        self._ahead = b""
        self._parser = None  # it and a body refer back to us: let go, for the collector looks rarely
        if self.task is None:
            self._body = EMPTY_PAYLOAD
        else:
            self.task.cancel(CLIENT_GONE)

    def data_received(self, data: bytes) -> None:
        """Parse, or keep for later what was sent ahead of the answer in service."""
        if self._deaf:
            return
        if self.task is not None and self._body.is_eof():
            self._ahead += data
            if len(self._ahead) > self.limits.ahead_bytes and not self._buffer_paused:
                self._pause_reading_for_buffer()
            return
        self._feed(data)

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's signature
        """Called at the end of every body; there is nothing to resume unless reading was paused."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    # -- requests ----------------------------------------------------------------------------------------------------

    def _feed(self, data: bytes) -> None:
        parser = self._parser
        if parser is None:
            return
        try:
            messages, _, _ = parser.feed_data(data)
        except Exception as error:  # noqa: BLE001 - whatever the parser stumbles over is the caller's bytes
            self._stumble(error)
            return
        if messages:
            self._received = len(data)
            head, self._body = messages[0]
            self.phase = _WORK
            self.task = self._loop.create_task(conduct(self._service, self, head, self._body))
        elif data:
            self._received += len(data)
            self._incomplete()

    def _incomplete(self) -> None:
        """A read brought no whole head: it was part of a body, or of a head."""
        if self.task is not None:
            if self._received > 2 * self.most_bytes + _READ_BUFFER:  # chunk extensions without end
                self._body.set_exception(guards.too_large(self.most_bytes))
        elif self.phase is Phase.LEAVING:
            if self._body.is_eof():
                self._next()
        elif self._received > self.limits.head_bytes:
            self._reject(HeadTooLarge("The request's head is too large."))
        elif self.phase is not Phase.HEAD:
            # RFC 9110 has no deadline for heads; ours runs from the first byte and no later byte renews it.
            since = self.since if self.phase is Phase.FRESH else self._loop.time()
            self.phase, self.since = Phase.HEAD, since

    def _stumble(self, error: Exception) -> None:
        """The parser refused; its text may hold anything the caller sent, so that only its kind is used."""
        refusal: CallError = Malformed("The request is not valid HTTP/1.1.")
        if isinstance(error, LineTooLong):
            refusal = HeadTooLarge("The request line or a header field is too long.")
        if self.task is None:
            self._reject(refusal)
            return
        self._last = self._deaf = True
        self._body.set_exception(refusal)

    def after(self, reply: Reply, body: StreamReader) -> None:
        """Decide what becomes of the connection when a walk has ended, however it ended."""
        self.task = None
        if self.transport is None or self.transport.is_closing():
            self._body = EMPTY_PAYLOAD
            return
        if not reply.finished:
            reply.abort()
        elif self._last or self._service.draining:
            self._leave(heard=body.is_eof() and not self._ahead)
        elif body.is_eof():
            self._next()
        else:
            self.enter(Phase.LEAVING)  # a small rest of a refused body; when it is complete the next request may come

    def _next(self) -> None:
        if self._parser is None:
            return
        self.enter(_IDLE)
        self._received, self.most_bytes = 0, self.limits.body_bytes
        self._parser.message_consumed()
        self._feed(b"")  # what came in one read with the last request is still in the parser
        if self._ahead and not self._deaf and (self.task is None or not self._body.is_eof()):
            ahead, self._ahead = self._ahead, b""
            self._feed(ahead)
        if self._buffer_paused and not self._ahead:
            self._resume_reading_for_buffer()

    # -- endings -----------------------------------------------------------------------------------------------------

    def _reject(self, error: CallError) -> None:
        """Answer what never became a request, and end."""
        status, headers, body = self._service.answer(None, error)
        if self.transport is not None:
            own = [b"content-length: %d" % len(body), self.date(), heads.CLOSE]
            self.transport.write(heads.head_bytes(status, headers, own) + body)
            self._leave(heard=False)

    def _leave(self, *, heard: bool) -> None:
        """End after the answer. ``heard``: nothing more is under way, so that closing cannot reset the answer."""
        self._deaf = True
        transport = self.transport
        if transport is None:
            return
        if heard:
            self.enter(Phase.WRITE)  # closing waits for the last bytes to be taken, and not for ever
            transport.close()
            return
        # RFC 9112 9.6: half-close, then read until the caller closes too, or the answer may be lost to a reset.
        self.enter(Phase.LEAVING)
        if transport.can_write_eof():
            with contextlib.suppress(OSError):  # reset by the caller a moment ago; we are about to be told
                transport.write_eof()
        self._reading_paused = False
        self._resume_reading_for_buffer()

    def break_off(self) -> None:
        """End at once after what was written, without a clean end of the answer."""
        self._last = self._deaf = True
        if self.transport is not None:
            self.enter(Phase.WRITE)
            self.transport.close()

    def close_idle(self) -> None:
        """Close if nothing is going on here (the listener drains)."""
        if self.phase is Phase.IDLE and self.transport is not None:
            self._leave(heard=True)

    def check(self, now: float) -> None:
        """End what is overdue. A phase that the walk waits in ends with an error in the walk."""
        phase, waited_s = self.phase, now - self.since
        if phase is Phase.WORK or self.transport is None:
            return
        if self._service.draining and phase in (Phase.FRESH, Phase.IDLE) and waited_s > _DRAIN_IDLE_S:
            self._leave(heard=True)
            return
        if not overdue(phase, waited_s, self._body.total_bytes, self.limits):
            return
        match phase:
            case Phase.FRESH | Phase.IDLE:
                self._leave(heard=True)
            case Phase.HEAD:
                self._reject(SlowHead("The request's head did not arrive in time."))
            case Phase.BODY:
                self._last = True
                self._body.set_exception(SlowBody("The request body did not arrive in time."))
            case _:
                self.transport.abort()

    # -- what an exchange needs (exchange.Line) ----------------------------------------------------------------------

    def enter(self, phase: Phase, already_s: float = 0.0) -> float:
        """Begin to wait for something else; gives the time."""
        now = self._loop.time()
        self.phase, self.since = phase, now - already_s
        return now

    def must_end(self) -> None:
        """No further request after this one."""
        self._last = True

    def ends_after(self, head: RawRequestMessage, body: StreamReader) -> bool:
        """Whether the answer now being written is the last. Its head says so, hence it is decided here and kept."""
        if head.should_close or head.upgrade or self._service.draining:
            self._last = True
        elif not body.is_eof():
            declared = guards.declared_length(head)
            small = declared is not None and declared <= self.limits.discard_bytes
            self._last = self._last or not small or guards.expects_continue(head)
        return self._last

    async def flushed(self) -> None:
        """Wait until the caller has taken enough of what was written. Raises ``ClientGone``."""
        self.enter(Phase.WRITE)
        try:
            await self._drain_helper()
        except ConnectionError as error:
            raise ClientGone from error
        finally:
            self.phase = Phase.WORK
        if self.transport is None:
            raise ClientGone


class _BrokenBody(Malformed):
    """The body is not framed as its head says; made by the parser, whose text is dropped."""

    def __init__(self, _text: str) -> None:
        super().__init__("The request body is not framed as its head says.")

"""One request and its answer, as the walk sees them (``ports.Request`` and ``ports.Reply``), on aiohttp's parsed head.

An answer is one write: status line, headers and body are joined here and handed to the transport, which costs a third
of what ``web.Response`` does. A piece of a stream is one write as well.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from typing import Protocol

from aiohttp import hdrs
from aiohttp.http import HttpVersion10, RawRequestMessage
from aiohttp.streams import StreamReader
from multidict import CIMultiDict

from proxy.domain.errors import ClientGone
from proxy.ports import Headers
from proxy.server import guards, heads
from proxy.server.deadlines import Phase
from proxy.server.forwardable import forwardable
from proxy.server.heads import DateLine
from proxy.server.limits import Limits

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LARGE = 16_384  # from here on a copy costs more than a second buffer in the same write
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Line(Protocol):
    """What an exchange needs of its connection."""

    transport: asyncio.Transport | None
    limits: Limits
    date: DateLine
    most_bytes: int  # of the body that is being read

    @property
    def writing_paused(self) -> bool:
        """Whether the caller reads more slowly than we write."""
        ...

    def enter(self, phase: Phase, already_s: float = 0.0) -> float:
        """Begin to wait for something else, as if it had begun so long ago; its deadline begins then. Gives the time."""
        ...

    def ends_after(self, head: RawRequestMessage, body: StreamReader) -> bool:
        """Whether the answer whose head is now being written is the last on this connection."""
        ...

    def must_end(self) -> None:
        """No further request after this one."""
        ...

    def break_off(self) -> None:
        """End at once after what was written, without a clean end of the answer."""
        ...

    def after(self, reply: Reply, body: StreamReader) -> None:
        """Decide what becomes of the connection when a walk has ended, however it ended."""
        ...

    async def flushed(self) -> None:
        """Wait until the caller has taken enough of what was written. Raises ``ClientGone``."""
        ...


class Request:
    """A caller's request: the head is complete and passed the guards, the body is read when asked for."""

    __slots__ = ("_body", "_head", "_line", "_waited_s", "method", "raw_path")

    def __init__(self, line: Line, head: RawRequestMessage, body: StreamReader) -> None:
        self._line = line
        self._head = head
        self._body = body
        self._waited_s = 0.0  # for pieces of the body
        self.method = head.method
        self.raw_path = head.path

    def __repr__(self) -> str:
        """Method only: a path may hold a key in its query."""
        return f"Request({self.method})"

    @property
    def headers(self) -> Mapping[str, str]:
        """All headers, looked up without regard to case; values can always be encoded as UTF-8."""
        headers = self._head.headers
        if all(map(str.isascii, headers.values())):
            return headers
        return CIMultiDict((name, _text(value)) for name, value in headers.items())

    def header(self, name: str) -> str | None:
        """The first value of a header, always encodable as UTF-8; None when absent."""
        value = self._head.headers.get(name)
        return None if value is None else _text(value)

    def listed(self, name: str) -> str | None:
        """All values of a header that is a list, joined by commas (RFC 9110, 5.3); None when absent."""
        values = self._head.headers.getall(name, ())
        return _text(", ".join(values)) if values else None

    def forwardable(self, extra: frozenset[str]) -> list[tuple[bytes, bytes]]:
        """The headers that may go on to an upstream; ``extra`` in lower case."""
        return forwardable(self._head.raw_headers, extra, self._head.headers.get(hdrs.CONNECTION))

    async def read(self) -> bytes:
        """The body, once. Sends ``100 Continue`` first if the caller waits for it.

        Raises ``TooLarge``, ``SlowBody``, ``BadRequest`` (broken framing) and ``ClientGone``.
        """
        body, limit = self._body, self._line.limits.body_bytes
        if not body.is_eof():
            return await self._receive()
        if body.total_bytes > limit:
            raise guards.too_large(limit)
        return body.read_nowait(-1)

    @property
    def length(self) -> int | None:
        """Bytes of the body as declared, None for a chunked one."""
        return guards.declared_length(self._head)

    async def piece(self) -> bytes:
        """What has come of the body since the last piece, ``b""`` at its end; while it is not asked for, it waits outside.

        Raises as ``read`` does. The deadline counts all the time that was spent waiting for this body.
        """
        line, body = self._line, self._body
        limit = line.most_bytes = line.limits.of_upload_bytes
        if not body.is_eof() and not body.total_bytes:
            self._admit(limit)
        began = line.enter(Phase.BODY, self._waited_s)
        try:
            piece = await body.readany()
        except RuntimeError as error:
            raise ClientGone from error
        finally:
            self._waited_s += line.enter(Phase.WORK) - began
        if body.total_bytes > limit:
            raise guards.too_large(limit)
        return piece

    def _admit(self, limit: int) -> None:
        """Have the body come, if it may. Raises ``TooLarge`` and ``ClientGone``."""
        line = self._line
        if (self.length or 0) > limit:
            raise guards.too_large(limit)
        if line.transport is None:
            raise ClientGone
        if not self._body.total_bytes and guards.expects_continue(self._head):
            line.transport.write(_CONTINUE)

    async def _receive(self) -> bytes:
        line, body, limit = self._line, self._body, self._line.limits.body_bytes
        self._admit(limit)
        parts: list[bytes] = []
        line.enter(Phase.BODY)
        try:
            while part := await body.readany():
                parts.append(part)
                if body.total_bytes > limit:
                    raise guards.too_large(limit)
        except RuntimeError as error:  # what a StreamReader says of a lost connection
            raise ClientGone from error
        finally:
            line.enter(Phase.WORK)
        return b"".join(parts)


def _text(value: str) -> str:
    """A value as text: the parser keeps bytes that are no UTF-8 as lone surrogates, which nothing later could encode."""
    if value.isascii():
        return value
    raw = value.encode(errors="surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


class Reply:
    """The way back to the caller. Either ``whole`` once, or ``open`` then ``write`` then ``close`` or ``abort``.

    Every method that sends raises ``ClientGone`` when nobody is there any more, and waits while the caller is slow.
    """

    __slots__ = ("_body", "_chunked", "_head", "_line", "_mute", "begun", "finished")

    def __init__(self, line: Line, head: RawRequestMessage, body: StreamReader) -> None:
        self._line = line
        self._head = head
        self._body = body
        self._chunked = False
        self._mute = False
        self.begun = False  # a status has been sent: no other can be said any more
        self.finished = False  # the answer is complete, or broken off on purpose

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a complete answer. Raises ``ValueError`` before anything is sent when a header would break its line."""
        if self.begun:
            raise _misused()
        mute = heads.bodiless(self._head.method, status)
        framing = [] if mute and status != 200 else [b"content-length: %d" % len(body)]  # noqa: PLR2004 - HEAD of a 200
        head = self._head_bytes(status, headers, framing)
        transport = self._transport()
        self.begun = self.finished = True
        if mute or not body:
            transport.write(head)
        elif len(body) < _LARGE:
            transport.write(head + body)
        else:
            transport.writelines((head, body))
        if self._line.writing_paused:
            await self._line.flushed()

    async def open(self, status: int, headers: Headers) -> None:
        """Send the head of a stream."""
        if self.begun:
            raise _misused()
        self._mute = heads.bodiless(self._head.method, status)
        self._chunked = self._head.version != HttpVersion10 and not self._mute
        if not self._chunked and not self._mute:
            self._line.must_end()  # RFC 9112 6.3: without chunks, the end of the connection ends the body
        head = self._head_bytes(status, headers, [heads.CHUNKED] if self._chunked else [])
        self._transport().write(head)
        self.begun = True

    async def write(self, data: bytes) -> None:
        """Send one piece of a stream."""
        if self.finished or not self.begun:
            raise _misused()
        transport = self._transport()
        if not data or self._mute:
            return
        if not self._chunked:
            transport.write(data)
        elif len(data) < _LARGE:
            transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        else:
            transport.writelines((b"%x\r\n" % len(data), data, b"\r\n"))
        if self._line.writing_paused:
            await self._line.flushed()

    async def close(self) -> None:
        """End a stream cleanly."""
        if self.finished or not self.begun:
            raise _misused()
        transport = self._transport()
        self.finished = True
        if self._chunked:
            transport.write(b"0\r\n\r\n")
        if self._line.writing_paused:
            await self._line.flushed()

    def abort(self) -> None:
        """Break the connection after what was written, so that a broken answer cannot pass for a whole one.

        Nothing happens to an answer that is complete.
        """
        if self.finished:
            return
        begun, self.begun, self.finished = self.begun, True, True
        transport = self._line.transport
        if transport is None:
            return
        if begun and not self._chunked and (sock := transport.get_extra_info("socket")) is not None:
            # Without chunks a FIN would be a clean end: send a reset, even at the price of the last bytes.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._line.break_off()

    def _head_bytes(self, status: int, headers: Headers, framing: list[bytes]) -> bytes:
        own = [*framing, self._line.date()]
        if status == 426:  # noqa: PLR2004 - statuses are their own names
            own += heads.SPOKEN
        if self._line.ends_after(self._head, self._body):
            own.append(heads.CLOSE)
        elif self._head.version == HttpVersion10:
            own.append(heads.KEEP_ALIVE)
        return heads.head_bytes(status, headers, own)

    def _transport(self) -> asyncio.Transport:
        transport = self._line.transport
        if transport is None:
            raise ClientGone
        return transport


def _misused() -> RuntimeError:
    return RuntimeError("an answer is either whole, or opened, written and closed; each of these once")

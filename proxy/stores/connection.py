"""One multiplexed connection to the engine: replies come in order, so a queue of futures is the whole client.

All calls of one turn of the loop leave in one write and reach the engine as one pipeline. An object is one connection: when
it is lost it stays lost, whoever waits is told, and whoever queues fails at once. A caller that gives up does not shift
replies: its place in the queue stays (redis-py #2624 is what happens otherwise).
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import hiredis

from proxy.config.store_url import Endpoint
from proxy.stores.errors import Refused, Unanswered, Unsent

Value = str | bytes | int | float
DEADLINE_S: Final = 0.05
_FOREVER: Final = 1e9


class _Write:
    """What leaves together. A deadline is the engine's: the time for which our own loop was busy is not counted."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at = _FOREVER


class Connection(asyncio.Protocol):
    """Made by ``open_connection``. ``lost`` is done when the connection is."""

    def __init__(self, deadline_s: float = DEADLINE_S, on_message: Callable[[bytes], None] | None = None) -> None:
        """``on_message`` is told what channels say: of those that the connection subscribed to, after ``HELLO 3``."""
        self._loop = asyncio.get_running_loop()
        self._deadline_s = deadline_s
        self._on_message = on_message
        self._period_s = deadline_s / 4
        self._reader = hiredis.Reader(replyError=Refused)
        self._waiting: deque[tuple[asyncio.Future[Any] | None, float, _Write]] = deque()
        self._out: list[bytes] = []
        self._write = _Write()
        self._transport: asyncio.Transport | None = None
        self._sweep_at: float | None = None
        self._retired = False
        self._heard_at = self._loop.time()
        self.lost: asyncio.Future[None] = self._loop.create_future()

    def call(self, *command: Value, deadline_s: float | None = None) -> asyncio.Future[Any]:
        """Queue a command; the future holds its reply.

        It raises ``Refused`` for an error reply, ``Unanswered`` after the deadline or when the connection breaks. Raises
        ``Unsent`` here and now when the connection is gone.
        """
        future: asyncio.Future[Any] = self._loop.create_future()
        self._queue(command, future, self._deadline_s if deadline_s is None else deadline_s)
        return future

    def tell(self, *command: Value) -> None:
        """Queue a command whose reply nobody wants. Raises ``Unsent`` when the connection is gone."""
        self._queue(command, None, _FOREVER)

    def silent_s(self) -> float:
        """Seconds for which commands have waited without a byte from the engine; 0 when none waits."""
        return self._loop.time() - self._heard_at if self._waiting else 0.0

    def retire(self) -> None:
        """Take nothing more; close when the last reply has come."""
        self._retired = True
        if not self._waiting:
            self.abort()

    def abort(self) -> None:
        """Close now; whoever waits gets ``Unanswered``."""
        if self._transport is not None:
            self._transport.abort()
        self._end("the connection to the store was dropped")

    def _queue(self, command: tuple[Value, ...], future: asyncio.Future[Any] | None, deadline_s: float) -> None:
        if self._transport is None or self._retired:
            raise Unsent("no connection to the store")
        if not self._out:
            self._write = _Write()
            self._loop.call_soon(self._flush)
        self._out.append(hiredis.pack_command(command))  # type: ignore[arg-type]  # its stub invents an invariant tuple
        now = self._loop.time()
        if not self._waiting:
            self._heard_at = now
        self._waiting.append((future, deadline_s, self._write))
        if self._sweep_at is None:
            self._sweep_later(now, self._period_s)

    def _flush(self) -> None:
        if self._transport is not None and self._out:
            self._write.at = self._loop.time()
            self._transport.write(b"".join(self._out))
            self._out.clear()

    def _sweep_later(self, now: float, after_s: float) -> None:
        self._sweep_at = now + after_s
        self._loop.call_at(self._sweep_at, self._sweep)

    def _sweep(self) -> None:
        """Fail the calls whose deadline has passed: one timer for all of them, and none while nobody waits."""
        now = self._loop.time()
        late_s = now - (self._sweep_at or now)
        if not self._waiting or self._transport is None:
            self._sweep_at = None
        elif late_s > self._period_s:  # the loop itself stood still: read what came meanwhile before judging
            self._sweep_later(now, self._period_s / 8)
        else:
            for future, deadline_s, write in self._waiting:
                if write.at + deadline_s <= now and future is not None and not future.done():
                    future.set_exception(Unanswered("the store did not answer in time"))
            self._sweep_later(now, self._period_s)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # a stream transport, by how we connect

    def data_received(self, data: bytes) -> None:
        """Hand each reply to the caller whose turn it is."""
        self._heard_at = self._loop.time()
        reader, waiting = self._reader, self._waiting
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not False:
                if self._on_message is not None and _is_message(reply):
                    self._on_message(reply[2])
                    continue
                future, _, _ = waiting.popleft()
                if future is None or future.done():
                    continue
                if isinstance(reply, Refused):
                    future.set_exception(reply)
                else:
                    future.set_result(reply)
        except (
            hiredis.ProtocolError,
            IndexError,
        ):  # garbage, or a reply that nobody asked for: no value is to be trusted
            self.abort()
        if self._retired and not waiting:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who waits."""
        self._end(f"the connection to the store was lost{f': {exc}' if exc else ''}")

    def _end(self, reason: str) -> None:
        self._transport = None
        self._out.clear()
        while self._waiting:
            future, _, _ = self._waiting.popleft()
            if future is not None and not future.done():
                future.set_exception(Unanswered(reason))
        if not self.lost.done():
            self.lost.set_result(None)


def _is_message(reply: object) -> bool:
    """Whether it is what a channel says; what else is pushed is the reply to a command (RESP3)."""
    return isinstance(reply, hiredis.PushNotification) and reply[0] == b"message"


async def open_connection(
    endpoint: Endpoint, deadline_s: float = DEADLINE_S, on_message: Callable[[bytes], None] | None = None
) -> Connection:
    """Connect to a server (not to Sentinels). Raises ``OSError``; login is the caller's."""
    loop = asyncio.get_running_loop()
    make = partial(Connection, deadline_s, on_message)
    if endpoint.path:
        _, connection = await loop.create_unix_connection(make, endpoint.path)
        return connection
    tls = endpoint.tls.context() if endpoint.tls else None
    transport, connection = await loop.create_connection(make, endpoint.host, endpoint.port, ssl=tls)
    if sock := transport.get_extra_info("socket"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return connection

"""Connections of one origin: the last one used is taken first, their number is bounded, and so is the queue for them.

Failure: when every connection is busy a call waits at most ``QUEUE_WAIT_S`` among at most a quarter as many others;
beyond that it gets ``Busy`` at once. A connection is lent to one exchange and comes back only when both sides
agree that it ended.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable

from proxy.domain.errors import Busy, UpstreamFailed, UpstreamTimedOut
from proxy.domain.upstream import Upstream
from proxy.upstream.connection import Connection
from proxy.upstream.dial import in_words, open_socket
from proxy.upstream.origin import Origin

# How long an idle connection is kept. The common fronts of providers keep theirs 60 s (AWS load balancers), 75 s (nginx)
# or minutes (Cloudflare, Azure, Google), and half of the shortest leaves room for clocks and queues. Servers that keep
# less (uvicorn 5 s, Node 5 s) say so in Keep-Alive, or close while we watch; the remaining race is retried once.
KEEP_ALIVE_S = 30.0
KEEP_ALIVE_MARGIN_S = 1.0  # below the upstream's own word
MAX_AGE_S = 600.0  # so that a changed DNS record is followed under steady load
QUEUE_WAIT_S = 1.0

Tls = Callable[[], Awaitable[ssl.SSLContext]]


class Pool:
    """Owns every connection of an origin, from dialling to the end. ``limit`` may change at any time."""

    def __init__(self, origin: Origin, limit: int, buffer: memoryview, tls: Tls) -> None:
        """``buffer`` is shared by all connections of a loop; ``tls`` is asked for a context when a connection is opened to an https origin."""
        self.origin = origin
        self.limit = limit
        self._buffer = buffer
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._made: set[Connection] = set()
        self._taken_slots = 0  # connections that exist or are being opened
        self._queue: deque[tuple[asyncio.Future[Connection | None], float]] = deque()
        self._retired = False

    @property
    def idle(self) -> int:
        """Connections waiting for a request."""
        return len(self._idle)

    @property
    def size(self) -> int:
        """Connections that exist or are being opened."""
        return self._taken_slots

    @property
    def empty(self) -> bool:
        """Whether nothing is left to look after."""
        return not self._taken_slots and not self._queue

    async def take(self, upstream: Upstream, *, fresh: bool = False) -> Connection:
        """A connection for one exchange; ``fresh`` asks for one that carried none before.

        Raises ``Busy``, ``UpstreamFailed`` and ``UpstreamTimedOut``.
        """
        while self._idle and not fresh:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        if self._taken_slots < self.limit:
            self._taken_slots += 1
            return await self._open(upstream)
        if self._idle:
            self._idle.pop().close()  # its slot comes to the queue that we now join
        lent = await self._wait_in_line(upstream)
        if lent is not None and fresh:
            lent.close()
            return await self.take(upstream, fresh=True)
        return await self._open(upstream) if lent is None else lent

    def give_back(self, connection: Connection) -> None:
        """An exchange ended well: the connection goes to whoever waits longest, else it idles on top."""
        now = self._loop.time()
        if self._retired or now - connection.born > MAX_AGE_S or self._taken_slots > self.limit:
            connection.close()
            return
        if self._serve_next(connection):
            return
        keep_s = KEEP_ALIVE_S
        if connection.keep_alive_s is not None:
            keep_s = min(keep_s, connection.keep_alive_s - KEEP_ALIVE_MARGIN_S)
        if keep_s <= 0:
            connection.close()
            return
        connection.idle_until = now + keep_s
        self._idle.append(connection)

    def forget(self, connection: Connection) -> None:
        """A connection is gone; its slot is free."""
        if connection in self._made:
            self._made.remove(connection)
            if connection in self._idle:
                self._idle.remove(connection)
            self._free_slot()

    def sweep(self, now: float) -> None:
        """Close what idled too long, fail what is overdue, turn away who waited too long."""
        for connection in [idle for idle in self._idle if idle.idle_until <= now]:
            self._idle.remove(connection)
            connection.close()
        for connection in list(self._made):
            if connection.answer is not None:
                connection.answer.overdue(now)
        while self._queue and (self._queue[0][1] <= now or self._queue[0][0].done()):
            waiter, _ = self._queue.popleft()
            if not waiter.done():
                waiter.set_exception(self._busy())

    def retire(self) -> None:
        """No upstream needs it any more: idle connections close now, running exchanges finish first."""
        self._retired = True
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def revive(self) -> None:
        """An upstream needs it again."""
        self._retired = False

    def close(self) -> None:
        """End every connection and every wait."""
        self.retire()
        for connection in list(self._made):
            answer = connection.answer
            if answer is not None:
                answer.fail(UpstreamFailed("Tallygate is stopping; the call was given up."))
            connection.close()
        while self._queue:
            waiter, _ = self._queue.popleft()
            if not waiter.done():
                waiter.set_exception(self._busy())

    async def _wait_in_line(self, upstream: Upstream) -> Connection | None:
        """A connection that came back, or None for a slot that became free and is now ours."""
        if len(self._queue) >= max(1, self.limit // 4):
            raise self._busy(upstream.name)
        waiter: asyncio.Future[Connection | None] = self._loop.create_future()
        self._queue.append((waiter, self._loop.time() + QUEUE_WAIT_S))
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                lent = waiter.result()  # served and cancelled in the same turn: pass it on
                if lent is None:
                    self._free_slot()
                else:
                    self.give_back(lent)
            raise

    def _serve_next(self, connection: Connection | None) -> bool:
        while self._queue:
            waiter, _ = self._queue.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False

    def _free_slot(self) -> None:
        # A slot that somebody waits for stays taken: it changes hands.
        if self._taken_slots > self.limit or not self._serve_next(None):
            self._taken_slots -= 1

    def _busy(self, name: str | None = None) -> Busy:
        return Busy(
            f"All {self.limit} connections to upstream {name or self.origin.host} are busy; try again shortly.",
            retry_after_s=QUEUE_WAIT_S,
        )

    async def _open(self, upstream: Upstream) -> Connection:
        """Dial in a slot that is already taken."""
        origin = self.origin
        limit_s = upstream.timeouts.connect_s
        opened = False
        connection = Connection(self, self._buffer, self._loop.time())
        self._made.add(connection)
        try:
            async with asyncio.timeout(limit_s):
                tls = await self._tls() if origin.scheme == "https" else None
                sock = await open_socket(origin.host, origin.port)
                await self._loop.create_connection(
                    lambda: connection, sock=sock, ssl=tls, server_hostname=origin.host if tls else None
                )
        except TimeoutError as error:
            message = f"Upstream {upstream.name} did not accept a connection within {limit_s:g} s."
            raise UpstreamTimedOut(message) from error
        except OSError as error:
            message = f"Upstream {upstream.name} cannot be reached: {in_words(error)}."
            raise UpstreamFailed(message) from error
        else:
            opened = True
            return connection
        finally:
            if not opened:
                connection.close()
                self.forget(connection)

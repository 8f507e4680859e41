"""The desk before one upstream: how many calls are under way, who waits in line, and what was heard of it lately.

A place that somebody waits for is never free in between: it changes hands. Nothing here waits but ``in_line``.
"""

from __future__ import annotations

import asyncio
from collections import deque

from proxy.domain.upstream import Upstream
from proxy.domain.verdict import Verdict
from proxy.upstream.breaker import Breaker

KEPT = 64  # times to the first byte, for their median


class Share:
    """What falls to one worker of a number that holds for all workers together."""

    def __init__(self, worker: int = 0, workers: int = 1) -> None:
        """The ``worker`` is counted from 0."""
        self._worker, self._workers = worker, workers

    def of(self, whole: int) -> int:
        """This worker's part; the parts of all workers make up the whole, but nobody goes away empty."""
        part, rest = divmod(whole, self._workers)
        return part + (self._worker < rest) or min(whole, 1)


class Desk:
    """One upstream of one worker. ``busy`` never exceeds ``parallel``, except after a change that lowered it."""

    def __init__(self, upstream: Upstream, share: Share) -> None:
        """Nobody has asked yet."""
        self._share = share
        self.upstream = upstream
        self.breaker = Breaker(upstream.breaker)
        self.busy = 0
        self.asked = 0
        self.failed = 0
        self.last_failure: Verdict | None = None
        self.last_failure_at = 0.0  # monotonic
        self.first_bytes_s: deque[float] = deque(maxlen=KEPT)
        self._line: deque[asyncio.Future[bool]] = deque()
        self._set_bounds()

    def configure(self, upstream: Upstream) -> None:
        """Take a new configuration: calls under way keep their places, and one that is elsewhere now begins afresh."""
        is_elsewhere = (self.upstream.base_url, self.upstream.key) != (upstream.base_url, upstream.key)
        self.upstream = upstream
        self.breaker.rule = upstream.breaker
        if is_elsewhere:
            self.breaker = Breaker(upstream.breaker)
        self._set_bounds()
        self._serve_line()

    @property
    def queued(self) -> int:
        """Calls that wait."""
        return len(self._line)

    def has_room(self) -> bool:
        """Whether one more call may be sent now."""
        return self.busy < self.parallel

    def has_line(self) -> bool:
        """Whether one more call may wait."""
        return len(self._line) < self.waiting and self.upstream.queue.wait_s > 0

    def leave(self) -> None:
        """One call has ended: its place goes to whoever waits longest."""
        self.busy -= 1
        if self._line:
            self._serve_line()

    def dismiss(self) -> None:
        """Nobody in line will be served: they are told at once."""
        while self._line:
            waiter = self._line.popleft()
            if not waiter.done():  # a caller who left in this very turn
                waiter.set_result(False)

    async def in_line(self) -> bool:
        """Wait for a place, which is the caller's when this gives True; False: dismissed. Raises ``TimeoutError``."""
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._line.append(waiter)
        try:
            async with asyncio.timeout(self.upstream.queue.wait_s):
                return await waiter
        except BaseException:
            if waiter in self._line:
                self._line.remove(waiter)
            elif waiter.done() and not waiter.cancelled() and waiter.result():
                self.leave()  # served and cancelled in the same turn: pass it on
            raise

    def _set_bounds(self) -> None:
        bounds = self.upstream.queue
        self.parallel = self.upstream.max_connections
        if bounds.parallel is not None:
            self.parallel = min(self.parallel, self._share.of(bounds.parallel))
        self.waiting = self._share.of(bounds.waiting)

    def _serve_line(self) -> None:
        while self._line and self.has_room():
            waiter = self._line.popleft()
            if not waiter.done():
                self.busy += 1
                waiter.set_result(True)

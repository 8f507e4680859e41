"""Leave to ask an upstream: its breaker, its bound on parallel calls, and the bounded queue before it.

Satisfies ``ports.Permits`` for one worker; nothing is shared between workers. Failure: a call that cannot have leave gets
``Busy`` at once when the breaker is open or the queue is full, and after ``Queue.wait_s`` otherwise.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from proxy.domain.errors import Busy
from proxy.domain.upstream import Upstream
from proxy.upstream.breaker import Breaker

Now = Callable[[], float]


class Desk:
    """One upstream's calls under way, and those that wait."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.breaker = Breaker(upstream.breaker)
        self.busy = 0
        self.queue: deque[asyncio.Future[None]] = deque()

    def has_room(self) -> bool:
        """Whether one more call may be sent now."""
        return self.busy < self.upstream.queue.parallel

    def leave(self) -> None:
        """One call has ended: its place goes to whoever waits longest."""
        while self.queue:
            waiter = self.queue.popleft()
            if not waiter.done():
                waiter.set_result(None)  # the place changes hands
                return
        self.busy -= 1


class UpstreamPermit:
    """Satisfies ``ports.Permit``."""

    __slots__ = ("_desk", "_is_probe", "_now")

    def __init__(self, desk: Desk, now: Now) -> None:
        self._desk: Desk | None = desk
        self._now = now
        self._is_probe = desk.breaker.began(now())

    def ended(self, *, good: bool | None, retry_after_s: float | None = None) -> None:
        """Give the place back and tell the breaker; the first telling counts."""
        desk, self._desk = self._desk, None
        if desk is not None:
            desk.breaker.ended(self._now(), good=good, probe=self._is_probe, retry_after_s=retry_after_s)
            desk.leave()


class UpstreamPermits:
    """The desks of all upstreams of one worker."""

    def __init__(self, now: Now) -> None:
        """``now`` is monotonic seconds."""
        self._now = now
        self._desks: dict[str, Desk] = {}

    def take(self, upstream: Upstream) -> UpstreamPermit | None:
        """Leave at once, or None where the upstream is full or its breaker open."""
        desk = self._desk(upstream)
        if not desk.has_room() or not desk.breaker.lets(self._now()):
            return None
        desk.busy += 1
        return UpstreamPermit(desk, self._now)

    async def wait(self, upstream: Upstream) -> UpstreamPermit:
        """Leave, after a wait in its queue. Raises ``Busy``."""
        desk, now = self._desk(upstream), self._now()
        if not desk.breaker.lets(now):
            raise _left_alone(upstream, desk.breaker.until - now)
        if desk.has_room():
            desk.busy += 1
        else:
            await _in_line(desk)
            if not desk.breaker.lets(now := self._now()):
                desk.leave()
                raise _left_alone(upstream, desk.breaker.until - now)
        return UpstreamPermit(desk, self._now)

    def may_ask(self, upstream: Upstream) -> bool:
        """Whether its breaker would let a call through now."""
        return self._desk(upstream).breaker.lets(self._now())

    def desks(self) -> Iterable[Desk]:
        """Every upstream that was asked, for gauges."""
        return self._desks.values()

    def retain(self, upstreams: Iterable[Upstream]) -> None:
        """After a reload: forget every upstream that is gone; one configured anew begins afresh."""
        kept = {upstream.name: upstream for upstream in upstreams}
        self._desks = {name: desk for name, desk in self._desks.items() if kept.get(name) == desk.upstream}

    def _desk(self, upstream: Upstream) -> Desk:
        desk = self._desks.get(upstream.name)
        if desk is None or desk.upstream is not upstream:
            desk = self._known(desk, upstream)
        return desk

    def _known(self, desk: Desk | None, upstream: Upstream) -> Desk:
        if desk is not None and desk.upstream == upstream:  # an equal one, of a later generation
            desk.upstream = upstream
            return desk
        made = self._desks[upstream.name] = Desk(upstream)
        return made


async def _in_line(desk: Desk) -> None:
    """Wait for a place; it is ours when this returns. Raises ``Busy``."""
    rule = desk.upstream.queue
    if len(desk.queue) >= rule.waiting:
        raise _full(desk.upstream)
    waiter = asyncio.get_running_loop().create_future()
    desk.queue.append(waiter)
    try:
        async with asyncio.timeout(rule.wait_s):
            await waiter
    except BaseException as error:
        if waiter.done() and not waiter.cancelled():
            desk.leave()  # served and cancelled in the same turn: pass it on
        if isinstance(error, TimeoutError):
            raise _full(desk.upstream) from None
        raise


def _full(upstream: Upstream) -> Busy:
    return Busy(
        f"Upstream {upstream.name} has all the calls it may have at once, and nobody else serves this model; try again shortly.",
        retry_after_s=1.0,
    )


def _left_alone(upstream: Upstream, rest_s: float) -> Busy:
    return Busy(
        f"Upstream {upstream.name} failed repeatedly and is left alone for a moment; nobody else serves this model now.",
        retry_after_s=max(1.0, rest_s),
    )

"""Room for calls: so many at one time, a short queue behind them, and an immediate refusal beyond.

An overloaded server that refuses in microseconds keeps its accepted calls fast; one that queues everything serves
nobody. The queue only evens out bursts: it is small and nobody waits in it for long.
"""

from __future__ import annotations

import asyncio
from collections import deque

from proxy.domain.errors import Unavailable
from proxy.server.limits import Limits

RETRY_AFTER_S = 1.0


class Gate:
    """Counts calls in flight. Every place taken, by ``enter`` or ``wait``, is matched by one ``leave``."""

    __slots__ = ("_limits", "_waiting", "in_flight")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.in_flight = 0

    @property
    def queued(self) -> int:
        """How many wait for room."""
        return len(self._waiting)

    def enter(self, *, always: bool = False) -> bool:
        """Take a place if there is one and nobody came first, or ``always``; says whether it was taken."""
        if not always and (self.in_flight >= self._limits.in_flight or self._waiting):
            return False
        self.in_flight += 1
        return True

    async def wait(self) -> None:
        """Take a place when one becomes free; raises ``Unavailable`` when the queue is full or the wait too long."""
        if len(self._waiting) >= self._limits.queue:
            raise overloaded()
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(self._limits.queue_s):
                await place
        except BaseException as error:
            if place.done() and not place.cancelled():
                self.leave()  # the place was given in the very moment we gave up: hand it on
            elif place in self._waiting:
                self._waiting.remove(place)
            if isinstance(error, TimeoutError):
                raise overloaded() from None
            raise

    def leave(self) -> None:
        """Give the place to who waits longest, or free it."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self.in_flight -= 1


def overloaded() -> Unavailable:
    """The refusal for a call that finds no room."""
    return Unavailable(
        "The proxy is at its limit of calls in flight; try again shortly.",
        code="overloaded",
        retry_after_s=RETRY_AFTER_S,
    )

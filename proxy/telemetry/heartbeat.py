"""The worker's heartbeat: how late the event loop wakes up, and once a second the counters go to their files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from proxy.telemetry import metrics
from proxy.telemetry.accumulator import Accumulator

_TICK_S = 0.1
_TICKS_PER_FLUSH = 10


class Heartbeat:
    """Ticks ten times a second. ``before_flush`` sets gauges that somebody has to look up."""

    def __init__(
        self, accumulator: Accumulator, before_flush: Callable[[], None] | None = None, tick_s: float = _TICK_S
    ) -> None:
        self._tick_s = tick_s
        self._accumulator = accumulator
        self._before_flush = before_flush
        self._lag = accumulator.histogram(metrics.LOOP_LAG)
        self._timer: asyncio.TimerHandle | None = None
        self._ticks = 0

    def start(self) -> None:
        """Begin, on the running loop."""
        self._next(asyncio.get_running_loop())

    def stop(self) -> None:
        """End, with a last flush. Stopping twice is stopping once."""
        if self._timer is not None:
            self.cancel()
            self._flush()

    def cancel(self) -> None:
        """End without a flush."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        due = loop.time() + self._tick_s
        self._timer = loop.call_at(due, self._beat, loop, due)

    def _beat(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._next(loop)  # first: whatever fails below must not stop the heart
        self._lag.observe(max(0.0, loop.time() - due))
        self._ticks += 1
        if self._ticks % _TICKS_PER_FLUSH == 0:
            self._flush()

    def _flush(self) -> None:
        if self._before_flush is not None:
            self._before_flush()
        self._accumulator.flush()

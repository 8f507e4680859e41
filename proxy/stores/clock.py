"""The store's clock as known here, without asking, and whether it can be trusted for ending leases.

Every reply that carries Redis TIME teaches the offset to our monotonic clock. A reply is read later than it was made, so
each teaches a lower bound: the largest of them is the best, let down slowly so that clocks may drift.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

JUMP_US: Final = 1_000_000
_DRIFT: Final = 64


class StoreClock:
    """Microseconds since 1970 by the store. Until it was heard, ``wall`` (unix seconds) stands in."""

    def __init__(self, monotonic: Callable[[], float], wall: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._offset_us: int | None = None
        self._steady_since = monotonic()

    def heard(self, now_us: int) -> None:
        """Learn from a reply that was made at ``now_us`` and read just now."""
        offset = now_us - int(self._monotonic() * 1_000_000)
        known = self._offset_us
        if known is None:
            self._offset_us = offset
        elif abs(offset - known) > JUMP_US:
            self._offset_us = offset
            self.unsettle()
        elif offset > known:
            self._offset_us = offset
        else:
            self._offset_us = known - (known - offset) // _DRIFT

    def unsettle(self) -> None:
        """The engine may be another one, or its clock jumped: leases were not refreshed meanwhile."""
        self._steady_since = self._monotonic()

    def steady_s(self) -> float:
        """Seconds since the last reconnect or jump; no lease may be ended before a whole one has passed."""
        return self._monotonic() - self._steady_since

    def time_us(self) -> int:
        """The store's time now."""
        if self._offset_us is None:
            return int(self._wall() * 1_000_000)
        return int(self._monotonic() * 1_000_000) + self._offset_us

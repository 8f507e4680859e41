"""When to ship: every second, at once while more waits, and ever more patiently while the ledger is away.

Pauses grow and carry jitter, so that many machines do not all come back in one breath. What changes is told once: away,
refused, back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import msgspec

from proxy.journal.ledger.door import LedgerAway
from proxy.journal.ledger.shipper import Shipper

EVERY_S: Final = 1.0
BACKOFF_S: Final = (0.5, 5.0)
_BATCHES: Final = 20  # in one round, so that orders and figures get their turn


class Standing(msgspec.Struct, frozen=True):
    """How the ledger stands. ``fault`` is for people and holds no credentials."""

    up: bool = True
    refused: bool = False
    fault: str = ""
    unshipped: int = 0
    lag_s: float = 0.0
    shipped: int = 0  # rows, since the start

    @property
    def state(self) -> tuple[bool, bool]:
        """What a line is written about when it changes."""
        return self.up, self.refused


class Rounds:
    """``turn`` again and again; ``told`` hears of every change of state, the standing before and after."""

    def __init__(
        self,
        shipper: Shipper,
        told: Callable[[Standing, Standing], None],
        jitter: Callable[[], float],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``jitter`` draws from 0 to 1."""
        self._shipper = shipper
        self._told = told
        self._jitter = jitter
        self._monotonic = monotonic
        self._failures = 0
        self._retry_at = 0.0
        self.standing = Standing()

    def turn(self, *, now: bool = False) -> float:
        """Ship what waits, or some of it; in how many seconds to turn again. ``now``: do not wait out a pause."""
        if not now and self._monotonic() < self._retry_at:
            self._stand(self.standing)
            return EVERY_S
        shipped, more, fault, refused = self.standing.shipped, True, "", False
        try:
            for _ in range(_BATCHES):
                sent = self._shipper.ship()
                if sent is None:
                    more = False
                    break
                shipped += sent
        except LedgerAway as error:
            fault, refused = str(error), error.refused
        up = not fault
        self._failures = 0 if up else self._failures + 1
        self._stand(Standing(up=up, refused=refused, fault=fault, shipped=shipped))
        if up:
            return 0.0 if more else EVERY_S
        longest_s = min(BACKOFF_S[1], BACKOFF_S[0] * 2.0 ** min(self._failures - 1, 20))
        pause_s = longest_s * (0.5 + self._jitter() / 2)
        self._retry_at = self._monotonic() + pause_s
        return min(pause_s, EVERY_S)

    def finish(self, within_s: float) -> None:
        """Ship what is left at the end, as far as that goes in time; the rest stays in the file."""
        until = self._monotonic() + within_s
        while self._monotonic() < until:
            if self.turn(now=True) > 0:
                break

    def _stand(self, standing: Standing) -> None:
        waiting = self._shipper.waiting()
        before = self.standing
        self.standing = msgspec.structs.replace(standing, unshipped=waiting.entries, lag_s=waiting.age_s)
        if self.standing.state != before.state:
            self._told(before, self.standing)

"""The breaker of one upstream: after failures in a row it is left alone, then one call probes whether it is back.

Closed, calls pass. Open, none does until ``until``; then it is half open: one probe passes, and the next one only when
that one gave no word for as long as a pause takes, so that a slow answer does not keep everybody waiting. A call that
began before the breaker opened knows nothing of how things are since: what it says later is not counted.

Pure of time: every method takes the moment, in monotonic seconds. Failure inside: none, it only counts.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from proxy.domain.upstream import BreakerRule
from proxy.domain.verdict import Reason, Verdict

LONGEST_S = 300.0  # what doubling reaches, and what an upstream may ask for: one call in five minutes hurts nobody
_MOST_DOUBLINGS = 16


class State(StrEnum):
    """As people and metrics read it."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class Pass(NamedTuple):
    """What a call that passed remembers: after how many openings it began, and whether it is a probe."""

    epoch: int
    is_probe: bool


class Breaker:
    """Counts failures in a row; any success ends the row."""

    def __init__(self, rule: BreakerRule) -> None:
        """Begins closed."""
        self.rule = rule
        self.failures = 0  # in a row
        self.until = 0.0  # monotonic; 0.0: closed. While a probe is under way, when the next one is due
        self.is_throttled = False  # it is only asked too often: whoever has nobody else may still ask it
        self._epoch = 0  # times that it opened
        self._plain = Pass(0, is_probe=False)  # of every call while it is closed
        self._opened = 0  # the same, since the last success
        self._probes = 0  # under way

    def state(self, now: float) -> State:
        """Where it stands."""
        if not self.until:
            return State.CLOSED
        return State.OPEN if now < self.until and not self._probes else State.HALF_OPEN

    def lets(self, now: float) -> bool:
        """Whether a call would pass now."""
        return now >= self.until

    def rest_s(self, now: float) -> float:
        """Seconds until a call passes, as far as can be foretold: a probe's word may come at any moment."""
        return 0.0 if self._probes else max(0.0, self.until - now)

    def began(self, now: float) -> Pass:
        """A call begins, because it passed or because nobody else can be asked."""
        if not self.until or now < self.until:
            return self._plain
        self._probes += 1
        self.until = now + self.rule.open_s
        return Pass(self._epoch, is_probe=True)

    def answered(self, passed: Pass, verdict: Verdict) -> None:
        """An answer has begun. A good one closes the breaker; the row of failures ends only when it also ends well."""
        if self.until and verdict.good and passed.epoch == self._epoch:
            self._close()

    def ended(self, now: float, passed: Pass, verdict: Verdict) -> None:
        """A call has ended."""
        if passed.epoch != self._epoch:
            if verdict.good is False:
                self._wait(now, verdict)
            return
        if passed.is_probe and self._probes:
            self._probes -= 1
        if verdict.good:
            if self.failures or self.until:
                self.failures = self._opened = 0
                self._close()
        elif verdict.good is None:
            if passed.is_probe and self.until:
                self.until = now  # nobody knows yet: the next call probes
        else:
            self.failures += 1
            if passed.is_probe or 0 < self.rule.failures <= self.failures:
                self._open(now, verdict)

    def _close(self) -> None:
        self.until, self.is_throttled, self._probes = 0.0, False, 0

    def _open(self, now: float, verdict: Verdict) -> None:
        """Leave it alone: twice as long each time that it does not come back, or as long as it asks for if that is longer."""
        rule, self.is_throttled = self.rule, verdict.reason is Reason.THROTTLED
        doublings = 0 if self.is_throttled else self._opened
        self._epoch += 1
        self._plain = Pass(self._epoch, is_probe=False)
        self._opened = min(self._opened + 1, _MOST_DOUBLINGS)
        self._probes = 0
        self.until = now + min(rule.open_s * 2**doublings, max(rule.open_s, LONGEST_S))
        self._wait(now, verdict)

    def _wait(self, now: float, verdict: Verdict) -> None:
        """Heed how long the upstream wants to be left alone, also when calls say so that were under way."""
        if self.until and verdict.retry_after_s:
            self.until = max(self.until, now + min(verdict.retry_after_s, LONGEST_S))

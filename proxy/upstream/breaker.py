"""The breaker of one upstream: after failures in a row it is left alone, then one call probes whether it is back.

Pure of time: every method takes the moment, in monotonic seconds. Failure inside: none, it only counts.
"""

from __future__ import annotations

from proxy.domain.upstream import BreakerRule

LONGEST_S = 300.0  # left alone at most: what an upstream asks for, and what doubling reaches


class Breaker:
    """Closed: calls pass. Open: none does until ``until``. Then half open: one probe passes, the others wait for its word."""

    def __init__(self, rule: BreakerRule) -> None:
        self.rule = rule
        self.failures = 0  # in a row
        self.until = 0.0  # monotonic; 0.0: closed
        self._probing = False
        self._opened = 0  # in a row without a success between them

    def state(self, now: float) -> str:
        """``closed``, ``open`` or ``half_open``."""
        if not self.until:
            return "closed"
        return "open" if now < self.until else "half_open"

    def lets(self, now: float) -> bool:
        """Whether a call would pass now."""
        return not self.until or (now >= self.until and not self._probing)

    def began(self, now: float) -> bool:
        """A call that passed has begun; whether it is the probe."""
        self._probing = self._probing or self.state(now) == "half_open"
        return self._probing

    def ended(self, now: float, *, good: bool | None, probe: bool, retry_after_s: float | None = None) -> None:
        """A call has ended; ``good`` is None where it says nothing of the upstream, and a probe is then due again."""
        if probe:
            self._probing = False
        if good:
            self.failures = self._opened = 0
            self.until = 0.0
        elif good is not None:
            self.failures += 1
            if probe or self.failures >= self.rule.failures:
                self._open(now, retry_after_s)

    def _open(self, now: float, retry_after_s: float | None) -> None:
        """Leave it alone: twice as long each time that it does not come back, or as long as it asks for if that is longer."""
        if self.until > now:  # calls that were under way when it opened
            return
        wait_s = min(self.rule.open_s * 2**self._opened, LONGEST_S)
        self._opened = min(self._opened + 1, 16)
        self.until = now + min(max(wait_s, retry_after_s or 0.0), LONGEST_S)

"""How far answers to requests that are only nearly the same are trusted: what became of those that were asked again, by rule.

Of one worker, and of the policy in force: a new generation begins with trust, and so does a restart. Workers share nothing
of it; each finds out for itself, with as many looks of its own.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final, NamedTuple

AGREE: Final = "agree"
DIFFER: Final = "differ"
SKIPPED: Final = "skipped"  # no budget, no place, or too many at this time
FAILED: Final = "failed"  # nothing came that could be compared
RESULTS: Final = (AGREE, DIFFER, SKIPPED, FAILED)

LAST: Final = 100  # comparisons that count, of a rule
LEAST: Final = 20  # that a share is a share of: two that differ are too many of 20, also where fewer were made yet
MOST_DIFFER: Final = 0.05  # of them; beyond, the rule's near mode is off
MOST_A_MINUTE: Final = 6  # asked again, by this worker
MOST_AT_ONCE: Final = 2
_MINUTE_S: Final = 60.0


class Share(NamedTuple):
    """Of a rule's last comparisons, how many differed."""

    differ: int
    of: int

    @property
    def ratio(self) -> float:
        """0 to 1."""
        return self.differ / self.of if self.of else 0.0


class NearTrust:
    """Of one worker."""

    def __init__(self) -> None:
        """Everything is trusted."""
        self.results: Counter[str] = Counter()  # since the start
        self._generation = ""
        self._last: dict[str, deque[bool]] = {}  # by rule: whether it differed, the oldest first
        self._off: dict[str, Share] = {}
        self._began: deque[float] = deque(maxlen=MOST_A_MINUTE)  # monotonic
        self._running = 0

    # -- asking again

    def begin(self, now: float) -> bool:
        """Whether one more may be asked again now (monotonic seconds); then ``end`` must follow. Else it is counted as skipped."""
        is_full = len(self._began) == MOST_A_MINUTE and now - self._began[0] < _MINUTE_S
        if is_full or self._running >= MOST_AT_ONCE:
            self.results[SKIPPED] += 1
            return False
        self._began.append(now)
        self._running += 1
        return True

    def end(self, result: str) -> None:
        """One has ended so."""
        self._running -= 1
        self.results[result] += 1

    # -- what came of it

    def compared(self, rule: str, generation: str, *, differ: bool) -> Share | None:
        """Count a comparison made under the generation in force. Gives the rule's share if it is too large from now on."""
        if generation != self._generation:
            self._generation, self._last, self._off = generation, {}, {}
        last = self._last.setdefault(rule, deque(maxlen=LAST))
        last.append(differ)
        share = Share(sum(last), len(last))
        if rule in self._off or share.differ <= MOST_DIFFER * max(share.of, LEAST):
            return None
        self._off[rule] = share
        return share

    def is_off(self, rule: str, generation: str) -> bool:
        """Whether only the very same request may be answered again under this rule."""
        return rule in self._off and generation == self._generation

    def shares(self, generation: str) -> Mapping[str, Share]:
        """By rule, where anything was compared under this generation."""
        if generation != self._generation:
            return {}
        return {rule: Share(sum(last), len(last)) for rule, last in self._last.items()}

    def off(self, generation: str) -> Mapping[str, Share]:
        """The rules whose near mode is off, with what turned it off."""
        return self._off if generation == self._generation else {}

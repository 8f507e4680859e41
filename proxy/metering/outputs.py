"""How long an answer will be: the 95th percentile of what a team's last calls of a model got.

Holding the caller's ``max_tokens`` instead would hold ten times what is used, and refuse calls that fit.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from typing import Final

WINDOW: Final = 500  # answers that are remembered
COLD: Final = 1_024  # tokens, while fewer than ENOUGH answers are known
ENOUGH: Final = 20
_MOST: Final = 2**31 - 1


class _Recent:
    """A sliding window that is also kept in order."""

    __slots__ = ("_next", "_ring", "ordered")

    def __init__(self) -> None:
        self._ring = array("l")  # in order of arrival; ``_next`` is the oldest once the ring is full
        self._next = 0
        self.ordered = array("l")

    def add(self, tokens: int) -> None:
        if len(self._ring) < WINDOW:
            self._ring.append(tokens)
        else:
            del self.ordered[bisect_left(self.ordered, self._ring[self._next])]
            self._ring[self._next] = tokens
            self._next = (self._next + 1) % WINDOW
        insort(self.ordered, tokens)


class OutputHistory:
    """Outputs by model and team, per choice of an answer. At most ``limit`` pairs; the least recently used go first."""

    __slots__ = ("_limit", "_recent")

    def __init__(self, limit: int = 1_024) -> None:
        self._limit = limit
        self._recent: dict[tuple[str, str], _Recent] = {}

    def expected(self, model: str, team: str, max_output: int | None, choices: int = 1) -> int:
        """Output tokens to hold for, never more than the caller's own ceiling on each choice."""
        recent = self._recent.get((model, team))
        if recent is None or len(recent.ordered) < ENOUGH:
            tokens = COLD
        else:
            tokens = recent.ordered[(len(recent.ordered) * 95 - 1) // 100]
        if max_output is not None and max_output < tokens:
            tokens = max_output
        return max(tokens, 0) * max(choices, 1)

    def learn(self, model: str, team: str, output: int, choices: int = 1) -> None:
        """Remember the output of a finished answer."""
        key = (model, team)
        recent = self._recent.pop(key, None)
        if recent is None:
            recent = _Recent()
            if len(self._recent) >= self._limit:
                del self._recent[next(iter(self._recent))]
        self._recent[key] = recent
        recent.add(min(max(output // max(choices, 1), 0), _MOST))

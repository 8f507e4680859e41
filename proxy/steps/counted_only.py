"""What a rule in shadow keeps of an answer: that there was one, so that the next call can be counted as a repeat."""

from __future__ import annotations

from proxy.domain.reuse import CacheKey, Entry
from proxy.ports import Answers


class CountedOnly:
    """Satisfies ``recording.Keeper``: nobody waits, and nobody is given anything."""

    def __init__(self, answers: Answers, key: CacheKey) -> None:
        self._answers = answers
        self._key = key

    async def is_wanted(self) -> bool:
        """Nobody waits."""
        return False

    def deposit(self, entry: Entry) -> None:
        """Remember that there was an answer."""
        self._answers.put(self._key, entry)

    def give_up(self, *, alone: bool = False) -> None:
        """Nobody waits."""

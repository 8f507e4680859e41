"""How far the store has counted one journal of one org, and what is next.

Entries that were committed just now are kept at hand; whatever is missing between them and the last one settled is read
from the file, which is the truth.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Final

from proxy.domain.meter import Settlement

AT_HAND: Final = 10_000


class Lane:
    """Entries up to ``settled`` are counted, those up to ``committed`` are in the file.

    ``unsure`` asks for a comparison with the store before the next settlement. ``known`` was the last seq when this
    process started: a store that has counted more, at the first comparison, remembers what the file has lost.
    """

    def __init__(self, journal: str, org: str, last: int) -> None:
        self.journal = journal
        self.org = org
        self.committed = last
        self.settled = 0
        self.unsure = True
        self.known: int | None = last
        self._at_hand: deque[Settlement] = deque()
        self._commits: deque[tuple[int, float]] = deque()  # the first entry of each commit, and when it was heard of

    @property
    def behind(self) -> int:
        """Entries that the store has not counted."""
        return self.committed - self.settled

    def age_s(self, now: float) -> float:
        """How long the oldest entry that is not counted has waited; 0 at rest, exact to the commit."""
        commits = self._commits
        while commits and (self.behind <= 0 or (len(commits) > 1 and commits[1][0] <= self.settled + 1)):
            commits.popleft()
        return now - commits[0][1] if commits else 0.0

    def add(self, entry: Settlement, now: float = 0.0) -> None:
        """Take an entry that was committed, ``now`` by a monotonic clock."""
        if len(self._commits) < AT_HAND and (not self._commits or self._commits[-1][1] < now):
            self._commits.append((entry.seq, now))
        last = self._at_hand[-1].seq if self._at_hand else self.settled
        if entry.seq == last + 1 and len(self._at_hand) < AT_HAND:
            self._at_hand.append(entry)
        self.committed = max(self.committed, entry.seq)

    def next(self, limit: int) -> list[Settlement]:
        """What follows the last one settled; empty when it must be read from the file."""
        while self._at_hand and self._at_hand[0].seq <= self.settled:
            self._at_hand.popleft()
        if self._at_hand and self._at_hand[0].seq == self.settled + 1:
            return list(islice(self._at_hand, limit))
        return []

    def resume(self, settled: int) -> None:
        """Go on behind ``settled``, with what the file says: entries at hand may have been neutralised since."""
        self.settled = settled
        self._at_hand.clear()
        self.unsure = False
        self.known = None

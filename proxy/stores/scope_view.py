"""One scope as a worker knows it: what the store said last, what happened here since, and what it must still be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from proxy.domain.decision import Watch

Told = tuple[
    int, int
]  # a ladder to be forgotten if it stood since then, and since when it stands; (0, 0): it still does


class View:
    """Changes with every call of its scope; ``take`` replaces it by what the store says."""

    __slots__ = ("asked_at", "day", "hour", "ladders", "read_at", "rungs", "since", "told")

    def __init__(self, width: int) -> None:
        """Nothing is known yet. ``width``: how many counts there are."""
        self.hour = [0] * width
        self.day = [0] * width
        self.ladders: set[str] = set()  # that rules watch on this scope
        self.since: dict[str, int] = {}  # of those whose condition holds
        self.rungs: dict[str, int] = {}  # that stand, by ladder
        self.told: dict[str, Told] = {}  # what the store does not know yet
        self.asked_at = 0.0
        self.read_at: float | None = None

    def is_due(self, before: float) -> bool:
        """Whether it was last read before that, or never."""
        return self.read_at is None or self.read_at < before

    def add(self, counts: Sequence[tuple[int, int]]) -> None:
        """A call did this: (which count, how many)."""
        add_to(self.hour, counts)
        add_to(self.day, counts)

    def watch(self, watch: Watch) -> None:
        """A ladder was looked at: it stands, and on which rung, or it no longer does."""
        rule, known = watch.rule, self.since.get(watch.rule)
        dropped, began = self.told.get(rule, (0, 0))
        if not watch.since:
            self.rungs.pop(rule, None)
            if known is not None:
                del self.since[rule]
                self.told[rule] = (dropped or known, 0)
            return
        self.rungs[rule] = watch.rung
        if known is None:
            self.since[rule] = began = watch.since
        self.told[rule] = (dropped, began)

    def tell(self) -> dict[str, Told]:
        """What the store must be told now."""
        told, self.told = self.told, {}
        return told

    def tell_again(self, told: Mapping[str, Told]) -> None:
        """It was not told; what came after says more."""
        for rule, (dropped, since) in told.items():
            later = self.told.get(rule)
            self.told[rule] = (dropped, since) if later in (None, (0, 0)) else (dropped or later[0], later[1])

    def take(
        self, hour: list[int], day: list[int], since: Mapping[str, int], pending: Iterable[int], now: float
    ) -> None:
        """The store has said this, and does not know of ``pending`` nor of what it was not told."""
        self.hour, self.day = hour, day
        self.add(tuple(enumerate(pending)))
        stands = dict(since)
        for rule, (dropped, began) in self.told.items():
            if dropped and stands.get(rule) == dropped:
                del stands[rule]
            if began:
                stands.setdefault(rule, began)
        self.since = stands
        self.rungs = {rule: rung for rule, rung in self.rungs.items() if rule in stands}
        self.read_at = now


def add_to(sums: list[int], counts: Iterable[tuple[int, int]]) -> None:
    """Add to sums: (which, how many)."""
    for at, count in counts:
        sums[at] += count

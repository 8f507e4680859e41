"""What a worker may admit by itself while the store is away: rule 7 of Limits in DESIGN.

A share of what remained when the store was last seen, divided by the workers, for a limited time. A meter that this worker
has never seen may be spent already, so it admits nothing; a period that began after the store went away is whole. Pure:
times are arguments, microseconds by the store's clock as it is known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from proxy.domain.decision import Obligation, Reserve
from proxy.domain.meter import Draw, Held, Hold, HoldState, Level, MeterKind

REMEMBERED: Final = 20_000  # budgets; the one seen first is forgotten first
_MILLION: Final = 1_000_000


class _Grant(msgspec.Struct):
    """A hold that was granted here: what each budget gave for it, and until when it counts as a live call."""

    taken: dict[str, int]
    lives: tuple[str, ...]
    expires_us: int


class Allowance:
    """One per worker. ``lease_us`` is how long a live call counts after it was last touched."""

    def __init__(self, workers: int, lease_us: int) -> None:
        self._workers = workers
        self._lease_us = lease_us
        self._remaining: dict[str, int] = {}
        self._used: dict[str, int] = {}
        self._arrival_us: dict[str, int] = {}
        self._grants: dict[str, _Grant] = {}
        self._seen_us = 0
        self._away_us = 0

    def seen(self, hold: Hold, held: Held) -> None:
        """Remember what remained of each budget after the store answered."""
        self._seen_us = held.now_us
        taken = held.state is HoldState.ADMITTED
        remaining = self._remaining
        for draw, level in zip(hold.draws, held.levels, strict=False):
            if draw.kind is MeterKind.BUDGET:
                remaining[draw.key] = draw.limit + level.granted - level.level - (draw.amount if taken else 0)
        while len(remaining) > REMEMBERED:
            del remaining[next(iter(remaining))]

    def hold(self, hold: Hold, wishes: Sequence[Obligation], now_us: int) -> Held | None:
        """Room on every meter or None; ``wishes`` stand in the order of the draws and say what each does meanwhile."""
        self._away_us = self._away_us or now_us
        self._expire(now_us)
        both = list(zip(hold.draws, wishes, strict=True))
        if not all(self._admits(draw, wish, now_us) for draw, wish in both):
            return None
        for draw, wish in both:
            self._take(draw, wish, now_us)
        self._grants[hold.id] = _Grant(
            taken=_wished(hold),
            lives=tuple(draw.key for draw in hold.draws if draw.kind is MeterKind.PARALLEL),
            expires_us=now_us + self._lease_us,
        )
        return Held(HoldState.ADMITTED, tuple(Level(False, 0) for _ in hold.draws), now_us, local=True)

    def has_room(self, more: Draw, wish: Obligation, now_us: int) -> bool:
        """Whether a call that runs may go on to take so much more from a meter. ``touch`` and ``ended`` tell what it took."""
        self._away_us = self._away_us or now_us
        return self._admits(more, wish, now_us)

    def touch(self, hold_id: str, so_far_nusd: int, now_us: int) -> None:
        """A call that was granted here still runs, and has cost this much."""
        grant = self._grants.get(hold_id)
        if grant is None:
            return
        grant.expires_us = now_us + self._lease_us
        for key, taken in grant.taken.items():
            if so_far_nusd > taken:
                self._used[key] = self._used.get(key, 0) + so_far_nusd - taken
                grant.taken[key] = so_far_nusd

    def ended(self, hold: Hold, nusd: int) -> None:
        """A call ended while the store is away and cost ``nusd``: no estimate stands in for that any longer.

        What a hold of the store was too small by is missing here, too; what it was too large by is the store's to give back.
        """
        grant = self._grants.pop(hold.id, None)
        for key, taken in (grant.taken if grant else _wished(hold)).items():
            if grant or nusd > taken:
                self._used[key] = self._used.get(key, 0) + nusd - taken

    def returned(self) -> None:
        """The store is back: its counters stand, and what was used here is missing from what remained."""
        for key, used in self._used.items():
            if key in self._remaining:
                self._remaining[key] -= used
        self._used.clear()
        self._arrival_us.clear()
        self._grants.clear()
        self._away_us = 0

    def _admits(self, draw: Draw, wish: Obligation, now_us: int) -> bool:
        down = wish.store_down
        if not draw.enforce:
            return True
        if down.meters == "deny" or wish.reserve is Reserve.MAX or now_us - self._away_us > down.for_s * _MILLION:
            return False
        if down.meters == "allow":
            return True
        if draw.kind is MeterKind.BUDGET:
            return self._used.get(draw.key, 0) + draw.amount <= self._share(self._left(draw), wish)
        if draw.kind is MeterKind.RATE:
            burst, arrival_us = self._share(draw.limit, wish), self._arrival(draw, wish, now_us)
            return draw.amount <= burst and arrival_us <= now_us + burst * self._interval_us(draw, wish)
        live = sum(draw.key in grant.lives for grant in self._grants.values())
        return live < max(1, self._share(draw.limit, wish))

    def _take(self, draw: Draw, wish: Obligation, now_us: int) -> None:
        if draw.kind is MeterKind.BUDGET:
            self._used[draw.key] = self._used.get(draw.key, 0) + draw.amount
        elif draw.kind is MeterKind.RATE and wish.store_down.local_share_millionths:
            self._arrival_us[draw.key] = self._arrival(draw, wish, now_us)

    def _left(self, draw: Draw) -> int:
        whole = draw.limit if draw.period_start * _MILLION > self._seen_us > 0 else 0
        return max(0, self._remaining.get(draw.key, whole))

    def _share(self, amount: int, wish: Obligation) -> int:
        return amount * wish.store_down.local_share_millionths // _MILLION // self._workers

    def _interval_us(self, draw: Draw, wish: Obligation) -> int:
        return draw.interval_us * self._workers * _MILLION // max(1, wish.store_down.local_share_millionths)

    def _arrival(self, draw: Draw, wish: Obligation, now_us: int) -> int:
        return max(self._arrival_us.get(draw.key, 0), now_us) + draw.amount * self._interval_us(draw, wish)

    def _expire(self, now_us: int) -> None:
        for hold_id in [name for name, grant in self._grants.items() if grant.expires_us <= now_us]:
            del self._grants[hold_id]


def _wished(hold: Hold) -> dict[str, int]:
    """What a hold asks of its budgets, by key."""
    return {draw.key: draw.amount for draw in hold.draws if draw.kind is MeterKind.BUDGET}

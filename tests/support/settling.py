"""A store that keeps counters by the rules of ``ports.Settler``, in memory: what the journal's tests settle with.

It forgets, falls back to an older copy, loses replies and goes away on command. The real one has contract tests.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

from proxy.domain.errors import StoreAway
from proxy.domain.meter import Charge, Expired, Gap, Hold, MeterKind, Settlement


class CountingStore:
    """Budgets only. ``spent``, ``granted`` and ``reserved`` are by meter key; ``applied_of`` by (org, journal)."""

    def __init__(self) -> None:
        self.away = False
        self.lose_replies = 0
        self.calls: list[list[Settlement]] = []
        self.forget()

    def forget(self) -> None:
        """A new engine, or a flush."""
        self.spent: dict[str, int] = {}
        self.granted: dict[str, int] = {}
        self.reserved: dict[str, int] = {}
        self.applied_of: dict[tuple[str, str], int] = {}
        self.holds: dict[str, Hold] = {}
        self.so_far: dict[str, int] = {}
        self.claimed: set[str] = set()
        self.swept: dict[str, tuple[Charge, ...]] = {}  # tombstones of sweeps: what they charged
        self.final: set[str] = set()  # tombstones of finals, where a sweep may still be on its way

    def picture(self) -> dict[str, object]:
        """A copy of all that is kept, as a replica would have it."""
        kept = ("spent", "granted", "reserved", "applied_of", "holds", "so_far", "claimed", "swept", "final")
        return copy.deepcopy({name: getattr(self, name) for name in kept})

    def fall_back(self, picture: dict[str, object]) -> None:
        """A failover to that copy."""
        for name, value in copy.deepcopy(picture).items():
            setattr(self, name, value)

    def hold(self, hold: Hold, so_far_nusd: int = 0) -> None:
        """Take a hold; always admitted."""
        self.holds[hold.id] = hold
        self.so_far[hold.id] = so_far_nusd
        for draw in hold.draws:
            self.reserved[draw.key] = self.reserved.get(draw.key, 0) + draw.amount

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Count in order, each once."""
        self._reach()
        self.calls.append(list(settlements))
        for entry in settlements:
            applied = self.applied_of.get((entry.org, entry.journal), 0)
            if entry.seq > applied + 1:
                raise Gap(applied)
            counts = entry.seq == applied + 1
            self._conclude(entry, counts=counts, in_sums=False)
            if counts:
                self.applied_of[entry.org, entry.journal] = entry.seq
        if self.lose_replies:
            self.lose_replies -= 1
            raise StoreAway

    async def applied(self, org: str, journal: str) -> int | None:
        """The last entry counted."""
        self._reach()
        return self.applied_of.get((org, journal))

    async def post_totals(
        self, org: str, journal: str, seq: int, totals: Sequence[Charge], recent: Sequence[Settlement] = ()
    ) -> None:
        """Take a journal's sums over, once, and end what its recent entries held."""
        self._reach()
        if (org, journal) in self.applied_of:
            return
        self._charge(totals, 1)
        for entry in recent:
            self._conclude(entry, counts=False, in_sums=True)
        self.applied_of[org, journal] = seq

    async def claim_expired(self, org: str, limit: int) -> list[Expired]:
        """Every hold of the org that nobody claimed yet."""
        self._reach()
        free = [hold for hold in self.holds.values() if hold.org == org and hold.id not in self.claimed][:limit]
        self.claimed.update(hold.id for hold in free)
        return [
            Expired(
                hold_id=hold.id,
                org=org,
                facts=hold.facts,
                draws=hold.draws,
                so_far_nusd=self.so_far[hold.id],
                floor_nusd=hold.floor_nusd,
                whole=hold.whole,
            )
            for hold in free
        ]

    def _reach(self) -> None:
        if self.away:
            raise StoreAway

    def _charge(self, charges: Sequence[Charge], sign: int) -> None:
        for charge in charges:
            if charge.kind is MeterKind.BUDGET:
                self.spent[charge.key] = self.spent.get(charge.key, 0) + sign * charge.amount
            if charge.kind is MeterKind.GRANT:
                self.granted[charge.key] = self.granted.get(charge.key, 0) + sign * charge.amount

    def _give_back(self, hold_id: str) -> Hold | None:
        hold = self.holds.pop(hold_id, None)
        for draw in hold.draws if hold else ():
            self.reserved[draw.key] -= draw.amount
        return hold

    def _conclude(self, entry: Settlement, *, counts: bool, in_sums: bool) -> None:
        hold = self._give_back(entry.hold_id)
        if entry.hold_id and entry.swept:
            self._sweep(entry, hold, counts=counts, in_sums=in_sums)
            return
        self._charge(entry.charges, int(counts))
        if entry.hold_id in self.swept:
            self._charge(self.swept.pop(entry.hold_id), -1)
            self.final.add(entry.hold_id)
        elif entry.hold_id and ((hold and hold.id in self.claimed) or (counts and not hold)):
            self.final.add(entry.hold_id)

    def _sweep(self, entry: Settlement, hold: Hold | None, *, counts: bool, in_sums: bool) -> None:
        final = entry.hold_id in self.final
        stands = final or entry.hold_id in self.swept  # another entry is charged for this hold
        self._charge(entry.charges, int(counts and not stands) - int(in_sums and stands))
        if hold or not final:
            self.swept.setdefault(entry.hold_id, entry.charges)
            self.final.discard(entry.hold_id)

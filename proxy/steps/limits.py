"""The limits that a principal runs into, with what is left of them: for ``/v1/me``, without taking anything."""

from __future__ import annotations

import msgspec

from proxy.domain.errors import StoreAway
from proxy.domain.meter import MeterKind
from proxy.domain.principal import Principal
from proxy.policy.decide import decide
from proxy.policy.draws import meter_key
from proxy.policy.facts import Facts
from proxy.policy.periods import period_at
from proxy.steps.receipt import near
from proxy.steps.world import World


class OwnLimit(msgspec.Struct, frozen=True):
    """One budget. ``remaining_nusd`` is None while the store is away."""

    rule: str
    scope: str
    limit_nusd: int
    remaining_nusd: int | None
    timezone: str
    resets_at: str | None

    @property
    def warning(self) -> str | None:
        """What a caller is told when it is nearly used up, as in ``x-tally-warning``; None before."""
        if self.remaining_nusd is None or not self.limit_nusd:
            return None
        return near(self.rule, self.limit_nusd - self.remaining_nusd, self.limit_nusd)


async def own_limits(world: World, who: Principal) -> list[OwnLimit]:
    """Every budget that a call of this principal would be held against."""
    facts = Facts(team=who.team, model="", dialect="", endpoint="", upstream="", service=who.service)
    found = []
    for wish in decide(facts, world.generation.policy, "").obligations:
        if wish.kind is not MeterKind.BUDGET:
            continue
        period = period_at(wish.period, wish.timezone, world.meters.time_us())
        try:
            room: int | None = max(0, wish.limit - sum(await world.meters.spent(meter_key(who.org, wish, period.name))))
        except StoreAway:
            room = None
        found.append(OwnLimit(wish.rule, wish.scope, wish.limit, room, wish.timezone, period.resets_at))
    return found

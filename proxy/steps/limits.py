"""The limits that a principal runs into, with what is left of them: for ``/v1/me``, without taking anything."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from proxy.domain.decision import Obligation
from proxy.domain.errors import StoreAway
from proxy.domain.meter import MeterKind
from proxy.domain.principal import Principal
from proxy.policy.decide import decide
from proxy.policy.draws import meter_key
from proxy.policy.facts import Facts
from proxy.policy.periods import period_at
from proxy.policy.rule import Rule
from proxy.steps.world import World

NEAR = 0.8  # of a budget: from here on its owner is warned


class OwnLimit(msgspec.Struct, frozen=True):
    """One budget, with what was granted to it. ``remaining_nusd`` is None while the store is away."""

    rule: str
    mode: str  # warn | enforce
    scope: str
    limit_nusd: int
    remaining_nusd: int | None
    timezone: str
    resets_at: str | None

    @property
    def warning(self) -> str | None:
        """What a caller is told when it is nearly used up, ``org/org-month at 81%``; None before."""
        if self.remaining_nusd is None or not self.limit_nusd:
            return None
        used = self.limit_nusd - self.remaining_nusd
        return f"{self.rule} at {used * 100 // self.limit_nusd}%" if used >= NEAR * self.limit_nusd else None


async def own_limits(world: World, who: Principal) -> list[OwnLimit]:
    """Every budget that a call of this principal may be held against, whichever model it is for, but for those in audit."""
    found = []
    for wish in _budgets(world, who):
        period = period_at(wish.period, wish.timezone, world.meters.time_us())
        try:
            stands = await world.meters.spent(meter_key(who.org, wish, period.name))
            limit = wish.limit + stands.granted
            room: int | None = max(0, limit - stands.spent - stands.held)
        except StoreAway:
            limit, room = wish.limit, None
        found.append(OwnLimit(wish.rule, wish.mode, wish.scope, limit, room, wish.timezone, period.resets_at))
    return found


def _budgets(world: World, who: Principal) -> list[Obligation]:
    """What rules ask for of calls to no model in particular, and to the models that rules about budgets name."""
    facts = Facts(
        team=who.team,
        model="",
        dialect="",
        endpoint="",
        upstream="",
        project=who.project,
        service=who.service,
        groups=tuple(sorted(who.groups)),
        clock=world.meters.time_us() // 1_000_000,
        org=who.org,
        key=who.key_id,
        person=who.pseudonym,
        user=who.user or "",
    )
    policy = world.generation.policy
    wishes: dict[tuple[str, str], Obligation] = {}
    for model in ("", *_models(policy.said.rules)):
        for wish in decide(msgspec.structs.replace(facts, model=model), policy, "").obligations:
            if wish.kind is MeterKind.BUDGET and wish.mode != "audit" and not wish.scope.startswith("model:"):
                wishes.setdefault((wish.rule, wish.scope), wish)
    return list(wishes.values())


def _models(rules: Iterable[Rule]) -> list[str]:
    """A model for every pattern that a budget is about: a pattern fits itself without its stars."""
    globs = {glob for rule in rules if rule.verb == "budget" for selector in rule.match for glob in selector.models}
    return sorted(glob.replace("*", "").replace("?", "x") for glob in globs)

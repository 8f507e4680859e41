"""How things stand in the running store, for trials about this moment. Nothing there is touched."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import msgspec

from proxy.app.budgets.house import House
from proxy.app.budgets.standing import reaching
from proxy.app.trial.standing import Pair
from proxy.policy.facts import NOTHING, Facts
from proxy.policy.generation import Policy
from proxy.steps.recent import recent_of
from proxy.stores.looking import Stand, stands
from proxy.stores.usage import StoreUsage


class Live:
    """Satisfies ``Standing``. Each look is a connection of its own; both raise ``StoreAway``."""

    def __init__(self, house: House, policy: Policy) -> None:
        self._house = house
        self._policy = policy

    def stands(self, pairs: Sequence[Pair]) -> list[Stand]:
        """Their levels, what is held included."""
        return asyncio.run(self._stands(pairs)) if pairs else []

    def lately(self, facts: Facts) -> Facts:
        """What rules ask about, as a worker that starts now would read it."""
        return asyncio.run(self._lately(facts)) if self._policy.counted else facts

    async def _stands(self, pairs: Sequence[Pair]) -> list[Stand]:
        async with reaching(self._house) as store:
            return await stands(store, self._house.org, [draw for _, draw in pairs])

    async def _lately(self, facts: Facts) -> Facts:
        wanted = self._policy.wants(facts)
        async with reaching(self._house) as store:
            usage = StoreUsage(store, time.monotonic)
            for one in wanted:
                usage.of(facts.org, one.scope, one.ladders)
            await usage.round()
            known = [(one, usage.of(facts.org, one.scope, one.ladders)) for one in wanted]
        recent = [(one.scope, recent_of(found)) for one, found in known]
        since = [(rule, at) for one, found in known for rule, at in found.since if rule in one.ladders]
        told = tuple(pair for pair in recent if pair[1] != NOTHING)
        return msgspec.structs.replace(facts, usage=told, waste_since=tuple(since))

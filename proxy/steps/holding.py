"""Taking a hold for a plan: the draws of this moment, the row as a sweeper would finish it, and the store's answer."""

from __future__ import annotations

import msgspec

from proxy.domain.decision import Reserve
from proxy.domain.errors import StoreAway, Unavailable
from proxy.domain.meter import Held, Hold
from proxy.domain.row import Row
from proxy.policy.draws import draw
from proxy.steps.rows import open_row
from proxy.steps.visit import Plan
from proxy.steps.world import World

NEAR = 0.9  # of a limit: from here on prompts are counted exactly
_to_json = msgspec.json.Encoder().encode


def describe(world: World, plan: Plan) -> tuple[Row, Hold]:
    """The hold that the plan needs now, by the store's clock, and the row that it carries."""
    wishes, org, at_us = plan.decision.obligations, plan.call.principal.org, world.meters.time_us()
    draws = tuple([draw(wish, org, plan.amounts, at_us) for wish in wishes])
    row = open_row(plan, draws)
    hold = Hold(
        id=f"{plan.call.request_id}:{plan.number}",
        org=org,
        draws=draws,
        facts=_to_json(row),
        floor_nusd=plan.amounts.input_nusd,
        whole=True in [wish.reserve is Reserve.MAX for wish in wishes],
    )
    return row, hold


async def take(world: World, plan: Plan, hold: Hold) -> Held:
    """Ask for the hold. Raises ``Unavailable`` when the store is away and the rules leave nothing to admit meanwhile."""
    try:
        held = await world.meters.hold(hold, plan.decision.obligations)
    except StoreAway:
        raise Unavailable(
            "The store that keeps the limits is away, and no more may be spent without it; the call was not forwarded.",
            retry_after_s=5.0,
        ) from None
    world.is_tight = True in [
        level.level + d.amount > d.limit * NEAR for d, level in zip(hold.draws, held.levels, strict=False)
    ]
    return held

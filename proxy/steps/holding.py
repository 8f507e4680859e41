"""Taking a hold for a plan: the draws of this moment, the row as a sweeper would finish it, and the store's answer."""

from __future__ import annotations

import msgspec

from proxy.domain.decision import Reserve
from proxy.domain.errors import Unavailable
from proxy.domain.meter import Held, Hold
from proxy.domain.row import Row
from proxy.policy.draws import draw
from proxy.steps.rows import open_row
from proxy.steps.visit import Plan
from proxy.steps.world import World

TRIES = 3  # as many as open the store's breaker: by then the store answers, or is known to be away
NEAR = 0.9  # of a limit: from here on prompts are counted exactly
_to_json = msgspec.json.Encoder().encode


def describe(world: World, plan: Plan, tried: int = 0) -> tuple[Row, Hold]:
    """The hold that the plan needs now, by the store's clock, and the row that it carries.

    ``tried``: holds of this attempt that were given up; their names are refused from then on.
    """
    wishes, org, at_us = plan.decision.obligations, plan.call.principal.org, world.meters.time_us()
    draws = tuple([draw(wish, org, plan.amounts, at_us) for wish in wishes])
    row = open_row(plan, draws)
    hold = Hold(
        id=f"{plan.call.request_id}:{plan.number}" + (f".{tried}" if tried else ""),
        org=org,
        draws=draws,
        facts=_to_json(row),
        floor_nusd=plan.amounts.input_nusd,
        whole=True in [wish.reserve is Reserve.MAX for wish in wishes],
    )
    return row, hold


async def take(world: World, plan: Plan, hold: Hold) -> Held:
    """Ask for the hold. Raises ``StoreAway`` when the answer came too late, or nothing may be admitted without the store."""
    held = await world.meters.hold(hold, plan.decision.obligations)
    world.is_tight = True in [
        level.level + d.amount > d.limit * NEAR for d, level in zip(hold.draws, held.levels, strict=False)
    ]
    return held


def nobody_knows() -> Unavailable:
    """The refusal while the store is away and the rules leave nothing to admit meanwhile."""
    return Unavailable(
        "The store that keeps the limits is away, and no more may be spent without it; the call was not forwarded.",
        retry_after_s=5.0,
    )

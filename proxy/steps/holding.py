"""Taking a hold for a plan: the draws of this moment, the row as a sweeper would finish it, and the store's answer."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import msgspec

from proxy.domain.decision import Reserve
from proxy.domain.errors import CallError, StoreAway, Unavailable
from proxy.domain.meter import Held, Hold, HoldState
from proxy.domain.row import Row
from proxy.policy.draws import draws
from proxy.policy.levels import Reading, readings, reroute
from proxy.steps.detour import GivesWay
from proxy.steps.noticing import note_holding
from proxy.steps.refusal import refused_hold
from proxy.steps.rows import open_row
from proxy.steps.tallying import tell_meters
from proxy.steps.visit import Plan, Visit
from proxy.steps.world import World

TRIES = 3  # as many as open the store's breaker: by then the store answers, or is known to be away
NEAR = 0.9  # of a limit: from here on prompts are counted exactly
_to_json = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Taken:
    """What an attempt holds, and what the store said to it. ``hold`` grows with a stream that outgrows it."""

    row: Row  # as a sweeper would finish it
    hold: Hold
    held: Held


async def secure(world: World, visit: Visit, plan: Plan) -> Taken:
    """Have room on every meter of the plan. Raises what the caller is told where there is none, or ``GivesWay``."""
    clock, gauge = world.clock, world.gauge
    began = clock.monotonic()
    taken = await _take(world, visit, plan)
    if taken.held.state is HoldState.STALE:  # midnight passed between our clock and the store's
        taken = await _take(world, visit, plan)
    gauge.stage("decide", (began - visit.read_at) * 1e6)
    gauge.stage("hold", (clock.monotonic() - began) * 1e6)
    seen = readings(plan.decision.obligations, taken.hold.draws, taken.held.levels)
    tell_meters(gauge, seen)
    if taken.held.state is not HoldState.ADMITTED:
        raise _refusal(visit, plan, taken, seen)
    try:
        note_holding(world.notices, plan, seen, taken.hold, taken.held)
    except BaseException:  # whatever it is, what was taken for a call that is not made is given back
        world.meters.release(taken.hold)
        raise
    return taken


def _refusal(visit: Visit, plan: Plan, taken: Taken, seen: tuple[Reading, ...]) -> CallError | GivesWay:
    if taken.held.state is HoldState.REFUSED and (spent := reroute(seen) - visit.spent):
        return GivesWay(spent)  # each budget once: one that refuses all the same has the last word
    visit.refused_on, visit.refused_at_us = seen, taken.held.now_us
    return refused_hold(plan, taken.hold, taken.held)


async def _take(world: World, visit: Visit, plan: Plan) -> Taken:
    """Ask for a hold, by another name where an answer came too late; raises where nobody knows what may be admitted."""
    for _ in range(TRIES):
        row, hold = _describe(world, plan, visit.tried)
        with suppress(StoreAway):
            return Taken(row, hold, await _ask(world, plan, hold))
        visit.tried += 1
    raise Unavailable(
        "The store that keeps the limits is away, and no more may be spent without it; the call was not forwarded.",
        retry_after_s=5.0,
    )


def _describe(world: World, plan: Plan, tried: int) -> tuple[Row, Hold]:
    """The hold that the plan needs now, by the store's clock, and the row that it carries.

    ``tried``: holds of this attempt that were given up; their names are refused from then on.
    """
    wishes, org = plan.decision.obligations, plan.call.principal.org
    drawn = draws(wishes, org, plan.amounts, world.meters.time_us())
    row = open_row(plan, drawn)
    hold = Hold(
        id=f"{plan.call.request_id}:{plan.number}" + (f".{tried}" if tried else ""),
        org=org,
        draws=drawn,
        facts=_to_json(row),
        floor_nusd=plan.amounts.input_nusd,
        whole=True in [wish.reserve is Reserve.MAX and wish.enforce for wish in wishes],
    )
    return row, hold


async def _ask(world: World, plan: Plan, hold: Hold) -> Held:
    held = await world.meters.hold(hold, plan.decision.obligations)
    world.is_tight = True in [
        level.level + d.amount > (d.limit + level.granted) * NEAR
        for d, level in zip(hold.draws, held.levels, strict=False)
    ]
    return held

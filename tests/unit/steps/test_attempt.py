"""An attempt is left with a row, and with everybody told who kept something for it."""

from __future__ import annotations

from proxy.steps.attempt import Attempt
from tests.support.plans import BUDGET, UPSTREAM, NoonMeters, make_plan, make_visit, make_world


async def test_the_meters_hear_what_a_held_call_cost() -> None:
    meters = NoonMeters()
    world = make_world(meters=meters)
    permit = world.permits.take([UPSTREAM])
    assert permit is not None
    async with Attempt(world, make_visit(), make_plan(BUDGET), permit) as attempt:
        assert meters.ended_at == []
    assert meters.ended_at == [(attempt.hold, 0)]

"""Open attempts, and the leases of their holds."""

from __future__ import annotations

import asyncio
import contextlib

from proxy.domain.meter import Hold
from proxy.steps.leases import Leases
from tests.support.plans import BUDGET, NoonMeters, make_hold, make_plan


class Open:
    """An open attempt that costs a little more whenever it is asked."""

    def __init__(self, hold: Hold | None) -> None:
        self.hold = hold
        self._cost = self.kept_up = 0

    def so_far_nusd(self) -> int:
        self._cost += 1
        return self._cost

    def keep_up(self) -> None:
        self.kept_up += 1


async def keep_until(leases: Leases, meters: NoonMeters, touches: int) -> None:
    """Let leases be refreshed so many times."""
    keeping = asyncio.create_task(leases.keep())
    async with asyncio.timeout(20):
        while len(meters.touched) < touches:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.001)
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping


async def test_an_open_attempt_is_refreshed_again_and_again_with_its_cost_so_far() -> None:
    meters, hold = NoonMeters(), make_hold(make_plan(BUDGET))
    leases = Leases(meters, 0.001)
    attempt = Open(hold)
    leases.add(attempt)
    await keep_until(leases, meters, 3)
    assert meters.touched[:3] == [(hold, 1), (hold, 2), (hold, 3)]
    assert attempt.kept_up >= 2  # and has more held where that is not enough


async def test_an_attempt_that_ended_is_refreshed_no_more_and_may_end_twice() -> None:
    meters = NoonMeters()
    leases = Leases(meters, 0.001)
    ended, still = Open(make_hold(make_plan())), Open(make_hold(make_plan(BUDGET)))
    leases.add(ended)
    leases.add(still)
    assert len(leases) == 2
    leases.discard(ended)
    leases.discard(ended)
    assert len(leases) == 1
    await keep_until(leases, meters, 2)
    assert {hold for hold, _ in meters.touched} == {still.hold}


async def test_an_attempt_that_holds_nothing_yet_is_passed_over() -> None:
    meters = NoonMeters()
    leases = Leases(meters, 0.001)
    held = Open(make_hold(make_plan(BUDGET)))
    leases.add(Open(None))
    leases.add(held)
    await keep_until(leases, meters, 2)
    assert {hold for hold, _ in meters.touched} == {held.hold}

"""What comes before an upstream is asked for leave: the plan is looked up, where rules let repeats be answered here.

So a repeat waits in nobody's queue. The plan is made for the upstream that would be asked first. While that one is full or
left alone and has given no answer, the one that stands in for it is looked up, too, and what it says is kept as its own:
answers of two upstreams are never given for each other's. Where the upstream that was looked up fails, or is not the one that
is asked in the end, nothing is kept. Where no rule speaks of repeats, none of this is done.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from proxy.dedup.cache_control import CacheControl, caller_wishes
from proxy.domain.ask import Ask
from proxy.domain.call import Call
from proxy.domain.errors import NotCached
from proxy.domain.reuse import Hit
from proxy.domain.upstream import Upstream
from proxy.steps import relay
from proxy.steps.cache_status import MISS, REFRESH, CacheStatus
from proxy.steps.delivery import is_stream
from proxy.steps.detour import Elsewhere, Way
from proxy.steps.errors import cut_short
from proxy.steps.planning import plan_of
from proxy.steps.recording import Recording
from proxy.steps.reused import Reused, StoredAnswer, stored_answer
from proxy.steps.reusing import AGAIN, Found, look, may_reuse, may_stand_in
from proxy.steps.screened_answer import screen_of
from proxy.steps.screening import NotLookedYet, looked_through
from proxy.steps.verifying import verify
from proxy.steps.visit import Plan, Visit
from proxy.steps.world import World

_QUICK_S: Final = 0.06  # what the cache may cost a call; what took longer was a wait for somebody else
_NOT_CACHED: Final = (
    "This call wants a stored answer or none (Cache-Control: only-if-cached), and there is none that it may be given."
)


class Ahead:
    """Of one call. Leaving the block gives up what no attempt has taken over."""

    def __init__(self, world: World, visit: Visit, call: Call, ask: Ask) -> None:
        """Nothing is looked up yet."""
        self._world, self._visit, self._call, self._ask = world, visit, call, ask
        self._may_reuse = may_reuse(visit, ask)
        self._wishes = caller_wishes(visit.request.listed("cache-control"))
        self._plan: Plan | None = None
        self._recording: Recording | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go()

    async def answered(self, way: Way, number: int) -> bool:
        """Answer the call, if that can be done without the attempt of this ``number``; else the way may be another one.

        Raises what the caller is told: a refusal by rules, or ``NotCached``.
        """
        if not self._may_reuse and self._wishes.only_if_cached:
            raise NotCached(_NOT_CACHED)
        if not self._may_reuse or number > 1:  # after a failure it is too late: nobody waits for this call any more
            return False
        self._let_go()
        found, answer = await self._found(way)
        self._plan = found.plan
        if answer is not None and found.hit is not None:
            await self._pass_on(found.plan, found.hit, answer)
            return True
        return False

    async def _planned(self, way: Way) -> Plan:
        while True:
            try:
                return plan_of(self._world, self._visit, self._call, self._ask, way.left[0], 1)
            except Elsewhere as why:
                way.turn(why, way.left[0])
            except NotLookedYet as why:
                await looked_through(self._world.gauge, self._visit, why, self._world.turn)

    def plan_for(self, upstream: Upstream) -> Plan | None:
        """The plan that was looked up, if it is for this one."""
        plan, self._plan = self._plan, None
        if plan is not None and plan.upstream is upstream:
            return plan
        self._let_go()
        return None

    def recording(self) -> Recording | None:
        """What keeps the answer of the attempt that is made now, whose it is from here on."""
        recording, self._recording = self._recording, None
        return recording

    async def _found(self, way: Way) -> tuple[Found, StoredAnswer | None]:
        world, visit = self._world, self._visit
        plan = await self._planned(way)
        began = world.clock.monotonic()
        found, answer = await self._looked(plan, self._wishes)
        self._recording = found.recording
        if may_stand_in(found) and (other := self._standing_in(way, plan)) is not None:
            self._let_go()
            is_refresh = found.plan.cached.reason == AGAIN
            found, answer = await self._looked(
                other, self._wishes._replace(no_cache=True) if is_refresh else self._wishes
            )
            self._recording = found.recording
        took_s = world.clock.monotonic() - began
        world.gauge.stage("reuse", took_s * 1e6)
        if took_s > _QUICK_S:
            visit.read_at += took_s  # somebody else's work
        status = visit.cached = found.plan.cached
        world.gauge.looked_up(status.result, status.reason)
        if answer is None and self._wishes.only_if_cached:
            raise NotCached(_NOT_CACHED)
        return found, answer

    async def _looked(self, plan: Plan, wishes: CacheControl) -> tuple[Found, StoredAnswer | None]:
        world, visit = self._world, self._visit
        found = await look(world, visit, plan, wishes)
        if found.hit is not None:
            try:
                return found, stored_answer(found.plan, visit, found.hit)
            except ValueError:  # what lies there is no answer; a new one takes its place
                found = await look(world, visit, plan, wishes._replace(no_cache=True))
                if found.hit is not None:
                    found = Found(replace(found.plan, cached=CacheStatus(MISS, "unreadable")))
        return found, None

    def _standing_in(self, way: Way, plan: Plan) -> Plan | None:
        """The plan for the upstream that would be asked now, if that is another one."""
        upstream = self._world.permits.free(way.left)
        if upstream is None or upstream is plan.upstream:
            return None
        try:
            return plan_of(self._world, self._visit, self._call, self._ask, upstream, 1)
        except (Elsewhere, NotLookedYet):  # rules depend on the upstream: the attempt finds its way
            return None

    async def _pass_on(self, plan: Plan, hit: Hit, answer: StoredAnswer) -> None:
        world, visit = self._world, self._visit
        try:
            async with Reused(world, visit, plan, hit, answer) as reused:
                screen = screen_of(world, visit, plan)
                if is_stream(plan, answer):
                    await relay.stream(visit, plan, reused, answer, None, screen)
                else:
                    await relay.whole(visit, plan, reused, answer, screen)
            verify(world, visit, plan, hit)
        except asyncio.CancelledError as cancelled:
            raise cut_short(cancelled) from None

    def _let_go(self) -> None:
        if self._recording is not None:
            self._recording.stop("not-asked")
        self._plan = self._recording = None


def as_missed(visit: Visit, plan: Plan) -> Plan:
    """A plan whose answer is not kept: it is not the one that was looked up."""
    status = visit.cached
    if status.result in (MISS, REFRESH):  # what rules in shadow count would have been given, whoever is asked
        status = visit.cached = CacheStatus(MISS, "other-upstream")
    return replace(plan, cached=status) if status is not plan.cached else plan

"""Nobody is sent upstream beyond its bounds, nobody waits for nothing, and no place is ever lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.errors import Busy
from proxy.domain.upstream import BreakerRule, Queue, Upstream
from proxy.domain.verdict import STOOD, UNSEEN, Reason, Verdict
from proxy.upstream.desk import Desk
from proxy.upstream.permits import UpstreamPermit, UpstreamPermits

BROKEN = Verdict(good=False, reason=Reason.CONNECTION, told="refused")
THROTTLED = Verdict(good=False, reason=Reason.THROTTLED)
START = 100.0


class Hand:
    """A clock that a test moves."""

    now = START

    def __call__(self) -> float:
        return self.now


def at(name: str = "a", parallel: int | None = 2, waiting: int = 2, wait_s: float = 5.0) -> Upstream:
    return Upstream(
        name,
        "openai",
        f"https://{name}.example",
        queue=Queue(parallel, waiting, wait_s),
        breaker=BreakerRule(failures=2, open_s=10),
    )


def given_permit(permit: UpstreamPermit | None) -> UpstreamPermit:
    assert permit is not None
    return permit


def desk_of(permits: UpstreamPermits, name: str = "a") -> Desk:
    return next(desk for desk in permits.desks() if desk.upstream.name == name)


async def queueing(permits: UpstreamPermits, upstream: Upstream, count: int = 1) -> list[asyncio.Task[UpstreamPermit]]:
    """Calls that stand in line."""
    tasks = [asyncio.create_task(permits.wait([upstream])) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


def fail(permits: UpstreamPermits, upstream: Upstream, verdict: Verdict = BROKEN, times: int = 2) -> None:
    for _ in range(times):
        given_permit(permits.take([upstream])).ended(verdict)


def test_the_first_that_takes_a_call_is_asked() -> None:
    permits, first, second = UpstreamPermits(Hand()), at("a", 1), at("b", 1)
    taken = [given_permit(permits.take([first, second])) for _ in range(2)]
    assert [permit.upstream.name for permit in taken] == ["a", "b"]
    assert permits.take([first, second]) is None
    taken[0].ended(STOOD)
    taken[0].ended(BROKEN)  # told twice is told once
    assert given_permit(permits.take([first, second])).upstream is first
    assert permits.take([first]) is None


async def test_a_place_goes_to_whoever_waits_longest() -> None:
    permits, upstream = UpstreamPermits(Hand()), at(parallel=1)
    first = given_permit(permits.take([upstream]))
    waiting = await queueing(permits, upstream, 2)
    first.ended(STOOD)
    assert permits.take([upstream]) is None  # the place has changed hands already
    second = await waiting[0]
    assert not waiting[1].done()
    second.ended(STOOD)
    (await waiting[1]).ended(STOOD)
    assert (desk_of(permits).busy, desk_of(permits).queued) == (0, 0)


async def test_a_full_queue_refuses_at_once_and_a_long_wait_in_time() -> None:
    permits, upstream = UpstreamPermits(Hand()), at(parallel=1, waiting=1, wait_s=0.01)
    held = given_permit(permits.take([upstream]))
    (waiting,) = await queueing(permits, upstream)
    with pytest.raises(Busy, match="upstream a, and nobody else") as refused:
        await permits.wait([upstream])
    assert refused.value.retry_after_s == 1.0
    with pytest.raises(Busy):
        await waiting
    assert (desk_of(permits).busy, desk_of(permits).queued) == (1, 0)
    held.ended(STOOD)


async def test_whoever_leaves_the_queue_frees_its_place_there() -> None:
    permits, upstream = UpstreamPermits(Hand()), at(parallel=1, waiting=1)
    held = given_permit(permits.take([upstream]))
    for _ in range(3):
        (waiting,) = await queueing(permits, upstream)
        assert desk_of(permits).queued == 1
        waiting.cancel()
        await asyncio.wait([waiting])
    held.ended(STOOD)
    assert desk_of(permits).busy == 0


async def test_a_place_given_to_somebody_who_leaves_in_that_very_turn_is_passed_on() -> None:
    permits, upstream = UpstreamPermits(Hand()), at(parallel=1)
    held = given_permit(permits.take([upstream]))
    waiting = await queueing(permits, upstream, 2)
    held.ended(STOOD)
    waiting[0].cancel()
    (await waiting[1]).ended(STOOD)
    assert waiting[0].cancelled()
    assert desk_of(permits).busy == 0


async def test_those_in_line_are_told_as_soon_as_the_breaker_opens() -> None:
    permits, upstream = UpstreamPermits(Hand()), at(parallel=2)
    held = [given_permit(permits.take([upstream])) for _ in range(2)]
    waiting = await queueing(permits, upstream, 2)
    held[0].ended(BROKEN)
    assert given_permit(await waiting[0]) is not None
    held[1].ended(BROKEN)
    with pytest.raises(Busy, match="no call is sent for a moment to upstream a") as told:
        await waiting[1]
    assert told.value.retry_after_s == 10
    waiting[0].result().ended(STOOD)
    assert desk_of(permits).busy == 0


async def test_nobody_waits_for_an_upstream_that_is_left_alone() -> None:
    clock = Hand()
    permits, first, second = UpstreamPermits(clock), at("a"), at("b")
    fail(permits, first)
    clock.now += 4
    fail(permits, second)
    assert permits.take([first, second]) is None
    assert not permits.may_ask([first, second])
    with pytest.raises(Busy, match="upstream a or b") as told:
        await permits.wait([first, second])
    assert told.value.retry_after_s == 6  # whichever comes first


async def test_under_a_crowd_exactly_one_call_probes() -> None:
    clock = Hand()
    permits, upstream = UpstreamPermits(clock), at(parallel=100)
    fail(permits, upstream)
    clock.now += 10
    taken = [permit for _ in range(50) if (permit := permits.take([upstream]))]
    assert len(taken) == 1
    with pytest.raises(Busy):
        await permits.wait([upstream])
    taken[0].answered(STOOD)
    assert permits.take([upstream]) is not None


async def test_a_throttled_upstream_is_passed_by_and_asked_by_whoever_has_nobody_else() -> None:
    permits, first, second = UpstreamPermits(Hand()), at("a"), at("b", 1)
    fail(permits, first, THROTTLED)
    assert not permits.may_ask([first])
    assert given_permit(permits.take([first, second])).upstream is second
    assert permits.take([first, second]) is None
    assert permits.take([first]) is None
    assert (await permits.wait([first])).upstream is first


async def test_a_queue_is_worth_more_than_an_upstream_that_is_throttled() -> None:
    permits, first, second = UpstreamPermits(Hand()), at("a"), at("b", 1)
    fail(permits, first, THROTTLED)
    held = given_permit(permits.take([second]))
    waiting = asyncio.create_task(permits.wait([first, second]))
    await asyncio.sleep(0)
    assert not waiting.done()
    held.ended(STOOD)
    assert (await waiting).upstream is second


def test_failures_are_counted_with_their_reason() -> None:
    counted: list[tuple[str, str]] = []
    permits = UpstreamPermits(Hand(), on_failure=lambda upstream, why: counted.append((upstream.name, why)))
    fail(permits, at(), times=1)
    given_permit(permits.take([at()])).ended(UNSEEN)
    fail(permits, at(), THROTTLED, times=1)
    assert counted == [("a", "connection"), ("a", "throttled")]


async def test_a_reload_keeps_who_is_under_way_and_serves_those_who_wait_when_there_is_more_room() -> None:
    permits, upstream = UpstreamPermits(Hand()), at(parallel=1)
    permits.retain([upstream])
    held = given_permit(permits.take([upstream]))
    (waiting,) = await queueing(permits, upstream)
    permits.retain([msgspec.structs.replace(upstream, unpriced="free")])
    assert (desk_of(permits).busy, waiting.done()) == (1, False)
    permits.retain([at(parallel=2)])
    second = await waiting
    permits.retain([at(parallel=1)])
    held.ended(STOOD)
    assert permits.take([upstream]) is None  # one too many was under way
    second.ended(STOOD)
    assert permits.take([upstream]) is not None


async def test_a_reload_forgets_failures_only_of_what_is_elsewhere_now() -> None:
    permits, upstream = UpstreamPermits(Hand()), at()
    fail(permits, upstream)
    permits.retain([msgspec.structs.replace(upstream, unpriced="free")])
    assert permits.take([upstream]) is None
    permits.retain([msgspec.structs.replace(upstream, base_url="https://b.example")])
    assert permits.take([upstream]) is not None


async def test_those_in_line_are_told_when_their_upstream_is_taken_out() -> None:
    permits, upstream = UpstreamPermits(Hand()), at(parallel=1)
    held = given_permit(permits.take([upstream]))
    (waiting,) = await queueing(permits, upstream)
    permits.retain([])
    with pytest.raises(Busy):
        await waiting
    held.ended(STOOD)
    assert list(permits.desks()) == []


STEPS = st.lists(st.tuples(st.sampled_from(["take", "wait", "cancel", "end", "turn", "reload"]), st.integers(0, 99)))


@given(STEPS)
def test_whatever_happens_places_are_neither_lost_nor_doubled(steps: list[tuple[str, int]]) -> None:
    async def play() -> None:
        game = Game()
        for act, number in steps:
            await getattr(game, act)(number)
            assert game.desk.queued <= 3
        await game.end_all()

    asyncio.run(play())


class Game:
    """Callers who come, wait, leave and end in any order."""

    def __init__(self) -> None:
        self.clock = Hand()
        self.permits, self.upstream = UpstreamPermits(self.clock), at(parallel=2, waiting=3, wait_s=60)
        self.permits.retain([self.upstream])
        self.desk = desk_of(self.permits)
        self.most = 2  # that was ever allowed at the same time
        self.live: list[UpstreamPermit] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def take(self, _: int) -> None:
        if permit := self.permits.take([self.upstream]):
            self.live.append(permit)

    async def wait(self, _: int) -> None:
        async def stand() -> None:
            self.live.append(await self.permits.wait([self.upstream]))

        self.tasks.append(asyncio.create_task(stand()))

    async def cancel(self, number: int) -> None:
        if self.tasks:
            self.tasks[number % len(self.tasks)].cancel()

    async def end(self, number: int) -> None:
        if self.live:
            self.live.pop(number % len(self.live)).ended((STOOD, UNSEEN, BROKEN, THROTTLED)[number % 4])
            self.clock.now += number % 7

    async def turn(self, _: int) -> None:
        """Let everybody do what they can do now."""
        for _turn in range(3):
            await asyncio.sleep(0)
        assert len(self.live) == self.desk.busy <= self.most

    async def reload(self, number: int) -> None:
        self.most = max(self.most, parallel := 1 + number % 3)
        self.permits.retain([at(parallel=parallel, waiting=3, wait_s=60)])

    async def end_all(self) -> None:
        while self.live or not all(task.done() for task in self.tasks):
            while self.live:
                self.live.pop().ended(STOOD)
            await asyncio.sleep(0)
        for task in self.tasks:
            with suppress(Busy, asyncio.CancelledError):
                task.result()
        assert (self.desk.busy, self.desk.queued) == (0, 0)

"""Many who ask at once: one leads, over all workers, and whoever leaves or fails leaves the others as they were."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest
import redis

from proxy.domain.reuse import CacheKey, Hit, Missed
from proxy.ports import Lead
from proxy.stores.answers.asking import StoreAnswers
from proxy.stores.answers.flight import MOST_LEADERS
from proxy.stores.engine import Engine
from tests.support.cached import LEASE_S, STUCK_S, a_key, a_worker, an_entry, hit, led, settled, waiting

Asked = asyncio.Task[Hit | Lead | Missed]


@pytest.fixture
async def one(engine: Engine) -> AsyncIterator[StoreAnswers]:
    async with a_worker(engine.url) as made:
        yield made


@pytest.fixture(params=[True, False], ids=["told", "polling"])
async def other(engine: Engine, request: pytest.FixtureRequest) -> AsyncIterator[StoreAnswers]:
    """Another worker, told by the channel or not."""
    async with a_worker(engine.url, listens=request.param) as made:
        yield made


def asking(answers: StoreAnswers, count: int, key: CacheKey | None = None) -> list[Asked]:
    return [asyncio.create_task(answers.ask(key or a_key(), caller=f"k_{n}")) for n in range(count)]


async def first(tasks: list[Asked]) -> tuple[Lead, list[Asked]]:
    """The only one that was answered: it leads. And the others."""
    async with asyncio.timeout(STUCK_S):
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert len(done) == 1
    lead = done.pop().result()
    assert not isinstance(lead, Hit | Missed)
    return lead, list(rest)


async def all_of(tasks: list[Asked]) -> list[Hit | Lead | Missed]:
    async with asyncio.timeout(STUCK_S):
        return await asyncio.gather(*tasks)


async def test_of_two_hundred_who_ask_two_workers_one_leads(one: StoreAnswers, other: StoreAnswers) -> None:
    here, there = asking(one, 100), asking(other, 100)
    lead, rest = await first([*here, *there])
    await waiting(one, sum(task in rest for task in here))
    await waiting(other, sum(task in rest for task in there))
    lead.deposit(an_entry(a_key()))
    found = await all_of(rest)
    assert len(found) == 199
    assert all(isinstance(one, Hit) and one.coalesced and b"an answer" in one.entry.body for one in found)
    await settled(one)
    assert not (await hit(one, a_key(), "k_0")).coalesced  # who waited is not told again that they had it a moment ago
    assert one._flights == other._flights == {}


async def test_who_comes_later_looks_once_and_joins(one: StoreAnswers, raw: redis.Redis) -> None:
    lead = await led(one, a_key())
    before = raw.info("commandstats")["cmdstat_evalsha"]["calls"]
    late = asking(one, 20)
    await waiting(one, 20)
    assert raw.info("commandstats")["cmdstat_evalsha"]["calls"] - before <= 22  # and renewals
    lead.deposit(an_entry(a_key()))
    assert all(isinstance(found, Hit) for found in await all_of(late))


async def test_a_leader_without_an_answer_is_followed_by_one_of_those_who_wait(
    one: StoreAnswers, other: StoreAnswers
) -> None:
    lead = await led(one, a_key())
    here, there = asking(one, 3), asking(other, 3)
    await waiting(one, 3)
    await waiting(other, 3)
    lead.give_up()
    second, rest = await first(here + there)
    assert len(rest) == 5
    second.deposit(an_entry(a_key(), "of the second"))
    assert all(isinstance(found, Hit) and b"second" in found.entry.body for found in await all_of(rest))


async def test_after_some_leaders_without_an_answer_nobody_queues(one: StoreAnswers) -> None:
    lead = await led(one, a_key())
    rest = asking(one, 10)
    for _ in range(MOST_LEADERS - 1):
        await waiting(one, len(rest))
        lead.give_up()
        lead, rest = await first(rest)
    await waiting(one, len(rest))
    lead.give_up()
    assert await all_of(rest) == [Missed("failed")] * len(rest)
    await led(one, a_key())


async def test_an_answer_that_cannot_be_shared_lets_everybody_go(one: StoreAnswers, other: StoreAnswers) -> None:
    lead = await led(one, a_key())
    here, there = asking(one, 5), asking(other, 5)
    await waiting(one, 5)
    await waiting(other, 5)
    lead.give_up(alone=True)
    assert await all_of(here + there) == [Missed("alone")] * 10
    await settled(one)
    for answers in (one, other):  # for a moment nobody waits for anybody
        apart = [await led(answers, a_key()), await led(answers, a_key())]
        assert not any([await found.is_wanted() for found in apart])
    apart[0].deposit(an_entry(a_key()))
    await settled(other)
    await hit(one, a_key())


async def test_who_leaves_leaves_alone(one: StoreAnswers, other: StoreAnswers) -> None:
    lead = await led(one, a_key())
    here, there = asking(one, 4), asking(other, 4)
    await waiting(one, 4)
    await waiting(other, 4)
    for task in (*here[:2], *there[:2]):
        task.cancel()
    await waiting(one, 2)
    await waiting(other, 2)
    lead.deposit(an_entry(a_key()))
    assert all(isinstance(found, Hit) for found in await all_of(here[2:] + there[2:]))


async def test_when_all_have_left_nobody_looks_any_more(one: StoreAnswers, other: StoreAnswers) -> None:
    lead = await led(one, a_key())
    assert not await lead.is_wanted()
    here, there = asking(one, 2), asking(other, 2)
    await waiting(one, 2)
    await waiting(other, 2)
    assert await lead.is_wanted()
    for task in here + there:
        task.cancel()
    await waiting(one, 0)
    await waiting(other, 0)
    assert other._flights == {}
    async with asyncio.timeout(STUCK_S):
        while await lead.is_wanted():  # noqa: ASYNC110 - those of the other process are remembered for a moment
            await asyncio.sleep(0.05)
    lead.deposit(an_entry(a_key()))


async def test_a_leader_learns_at_once_that_somebody_waits_in_another_process(
    one: StoreAnswers, other: StoreAnswers
) -> None:
    lead = await led(one, a_key())
    there = asking(other, 1)
    await waiting(other, 1)
    assert await lead.is_wanted()
    lead.deposit(an_entry(a_key()))
    assert isinstance((await all_of(there))[0], Hit)
    assert not await lead.is_wanted()


async def test_a_lease_lasts_as_long_as_its_holder(one: StoreAnswers, other: StoreAnswers) -> None:
    lead = await led(one, a_key())
    there = asking(other, 1)
    await asyncio.sleep(3 * LEASE_S)
    await waiting(other, 1)
    lead.deposit(an_entry(a_key()))
    assert isinstance((await all_of(there))[0], Hit)


async def test_a_duty_that_is_let_fall_is_given_up(one: StoreAnswers, other: StoreAnswers) -> None:
    lead = await led(one, a_key())
    there = asking(other, 1)
    await waiting(other, 1)
    del lead
    gc.collect()
    assert hasattr((await all_of(there))[0], "deposit")


async def test_who_leaves_while_they_are_told_to_lead_gives_it_up(one: StoreAnswers) -> None:
    """Cancelled at every moment of an ask: whatever was leased for it is free at once, and not after the lease."""
    for turns in range(8):
        key = a_key(f"turn {turns}")
        task = asyncio.create_task(one.ask(key, caller="k_1"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
        if not task.cancelled():
            del task  # and what it found
        gc.collect()
        await asyncio.sleep(0)
        await settled(one)
        (await led(one, key)).give_up()


async def test_who_leaves_while_the_duty_is_handed_to_them_hands_it_on(one: StoreAnswers) -> None:
    for turns in range(8):
        key = a_key(f"turn {turns}")
        lead = await led(one, key)
        leaves, stays = asking(one, 2, key)
        await waiting(one, 2)
        lead.give_up()
        for _ in range(turns):
            await asyncio.sleep(0)
        leaves.cancel()
        await asyncio.wait((leaves,))
        if not leaves.cancelled():
            leaves.result().give_up()  # type: ignore[union-attr]  # it can only have been told to lead
        async with asyncio.timeout(STUCK_S):
            assert hasattr(await stays, "deposit")


async def test_nobody_waits_for_ever(engine: Engine) -> None:
    async with a_worker(engine.url, wait_s=0.2) as one, a_worker(engine.url, wait_s=0.2) as other:
        lead = await led(one, a_key())
        assert await all_of(asking(one, 2) + asking(other, 2)) == [Missed("waited")] * 4
        assert one._flights.keys()
        assert not other._flights
        lead.deposit(an_entry(a_key()))
        await settled(one)
        await hit(other, a_key())


async def test_a_lease_that_was_lost_costs_a_second_call_and_nothing_else(
    one: StoreAnswers, other: StoreAnswers, raw: redis.Redis
) -> None:
    mine = await led(one, a_key())
    raw.delete(*raw.keys("*:l"))
    theirs = await led(other, a_key())
    mine.deposit(an_entry(a_key(), "mine"))
    await settled(one)
    assert raw.keys("*:l") != []  # theirs
    theirs.deposit(an_entry(a_key(), "theirs"))
    await settled(other)
    assert b"theirs" in (await hit(one, a_key())).entry.body


async def test_a_closed_worker_gives_up_what_it_leads(engine: Engine, other: StoreAnswers) -> None:
    async with a_worker(engine.url) as one:
        lead = await led(one, a_key())
        there = asking(other, 1)
        await waiting(other, 1)
    assert hasattr((await all_of(there))[0], "deposit")
    lead.deposit(an_entry(a_key()))  # which nobody takes any more

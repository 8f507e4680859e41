"""What was asked before a flush or a deletion is given to nobody who asks after it, in whichever worker, and not stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import redis

from proxy.domain.reuse import Hit, Missed
from proxy.ports import Lead
from proxy.stores.answers.asking import StoreAnswers
from proxy.stores.engine import Engine
from tests.support.cached import LEASE_S, STUCK_S, a_key, a_worker, an_entry, hit, led, settled, stored, waiting

KEY = a_key()
Asked = asyncio.Task[Hit | Lead | Missed]
Empty = Callable[[StoreAnswers], Awaitable[object]]
WAYS: dict[str, Empty] = {
    "scope flushed": lambda answers: answers.flush(KEY.org, KEY.scope),
    "org flushed": lambda answers: answers.flush_all(KEY.org),
    "deleted": lambda answers: answers.forget(KEY.org, ["user:p_1", KEY.scope, "org"], KEY.name),
}


@pytest.fixture(params=WAYS)
def empty(request: pytest.FixtureRequest) -> Empty:
    return WAYS[request.param]


@pytest.fixture
async def one(engine: Engine) -> AsyncIterator[StoreAnswers]:
    async with a_worker(engine.url) as made:
        yield made


@pytest.fixture
async def other(engine: Engine) -> AsyncIterator[StoreAnswers]:
    async with a_worker(engine.url) as made:
        yield made


async def joined(answers: StoreAnswers, count: int) -> list[Asked]:
    """So many who wait, beside those who do."""
    already = sum(len(flight._waiting) for flight in answers._flights.values())
    tasks = [asyncio.create_task(answers.ask(KEY, caller=f"k_{number}")) for number in range(count)]
    await waiting(answers, already + count)
    return tasks


async def texts(tasks: list[Asked]) -> set[bytes]:
    """What those who waited were given."""
    async with asyncio.timeout(STUCK_S):
        found = await asyncio.gather(*tasks)
    assert all(isinstance(one, Hit) for one in found), found
    return {one.entry.body for one in found if isinstance(one, Hit)}


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same worker", "other worker"])
@pytest.mark.parametrize("first", ["before", "after"], ids=["old ends first", "new ends first"])
async def test_who_joins_afterwards_has_an_answer_that_was_asked_afterwards(
    one: StoreAnswers, other: StoreAnswers, empty: Empty, *, elsewhere: bool, first: str
) -> None:
    before = await led(one, KEY)
    waited = await joined(one, 3)
    await empty(other)
    newer = other if elsewhere else one
    after = await led(newer, KEY)
    late = await joined(one, 3)
    late += await joined(other, 3)
    leads = {"before": (one, before), "after": (newer, after)}
    for name in sorted(leads, key=lambda name: name != first):
        answers, lead = leads[name]
        lead.deposit(an_entry(KEY, name))
        await settled(answers)
    assert await texts(late) == {an_entry(KEY, "after").body}
    assert await texts(waited) <= {an_entry(KEY, "before").body, an_entry(KEY, "after").body}
    assert b"after" in (await hit(other, KEY, "k_9")).entry.body


async def test_those_who_waited_already_are_served(one: StoreAnswers, other: StoreAnswers, empty: Empty) -> None:
    lead = await led(one, KEY)
    waited = await joined(one, 3)
    await empty(other)
    lead.deposit(an_entry(KEY, "before"))
    assert await texts(waited) == {an_entry(KEY, "before").body}
    await settled(one)
    for answers in (one, other):
        assert await answers.ask(KEY, caller="k_9", only_if_cached=True) == Missed("not-cached")


async def test_those_who_wait_in_another_worker_find_somebody_who_leads(
    one: StoreAnswers, other: StoreAnswers, empty: Empty
) -> None:
    before = await led(one, KEY)
    waited = await joined(other, 3)
    await empty(other)
    async with asyncio.timeout(STUCK_S):
        (leads,), rest = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    before.deposit(an_entry(KEY, "before"))
    after = leads.result()
    assert not isinstance(after, Hit | Missed)
    after.deposit(an_entry(KEY, "after"))
    assert await texts(list(rest)) == {an_entry(KEY, "after").body}


async def test_a_leader_who_fails_afterwards_leaves_nobody_waiting(
    one: StoreAnswers, other: StoreAnswers, empty: Empty
) -> None:
    before = await led(one, KEY)
    waited = await joined(one, 2)
    await empty(other)
    after = await led(one, KEY)
    late = await joined(one, 2)
    before.give_up()
    after.deposit(an_entry(KEY, "after"))
    assert await texts(waited + late) == {an_entry(KEY, "after").body}


async def test_whoever_led_beside_the_lease_stores_nothing_either(
    one: StoreAnswers, other: StoreAnswers, empty: Empty
) -> None:
    await stored(one, KEY)
    leads = [await led(answers, KEY, fresh=True) for answers in (one, other, one)]
    await empty(other)
    later = await led(other, KEY, fresh=True)
    for answers, lead in zip((one, other, one), leads, strict=True):
        lead.deposit(an_entry(KEY, "before"))
        await settled(answers)
        assert await answers.ask(KEY, caller="k_9", only_if_cached=True) == Missed("not-cached")
    later.deposit(an_entry(KEY, "after"))
    await settled(other)
    assert b"after" in (await hit(one, KEY)).entry.body


async def test_a_leader_who_lives_on_does_not_take_its_lease_back(
    one: StoreAnswers, other: StoreAnswers, empty: Empty, raw: redis.Redis
) -> None:
    before = await led(one, KEY)
    await empty(other)
    await asyncio.sleep(LEASE_S)  # several renewals
    after = await led(other, KEY)
    await asyncio.sleep(LEASE_S)
    before.deposit(an_entry(KEY, "before"))
    await settled(one)
    assert len(raw.keys("*:l")) == 1  # the other's
    after.deposit(an_entry(KEY, "after"))
    await settled(other)
    assert b"after" in (await hit(one, KEY)).entry.body


async def test_an_answer_on_its_way_is_there_to_be_deleted_once(one: StoreAnswers) -> None:
    lead = await led(one, KEY)
    assert await one.forget(KEY.org, [KEY.scope], KEY.name)
    assert not await one.forget(KEY.org, [KEY.scope], KEY.name)
    lead.give_up()


async def test_word_that_nobody_is_to_wait_outlives_a_deletion(one: StoreAnswers) -> None:
    (await led(one, KEY)).give_up(alone=True)
    await settled(one)
    assert not await one.forget(KEY.org, [KEY.scope], KEY.name)
    leads = [await led(one, KEY), await led(one, KEY)]
    assert not any([await lead.is_wanted() for lead in leads])

"""The names of an attempt: a hold whose answer came too late is given up, and the next is asked for by another name.

All of them are one row in the journals. The releases may be late or lost: a machine that is cut off cannot send them.
"""

from __future__ import annotations

import redis

from proxy.domain.meter import Hold
from proxy.stores.meters import StoreMeters
from proxy.stores.settler import StoreSettler
from tests.contract.stores.test_leases import OPEN, expire, ready_to_sweep
from tests.contract.stores.test_settle import counters
from tests.support.meters import a_hold, budget, charge, entry, parallel, rate

FIRST, SECOND, THIRD = "r:1", "r:1.1", "r:1.2"
TOKENS = rate(10, 100, 10**6)


def asks(name: str) -> Hold:
    return a_hold(name, budget(400), TOKENS, parallel(10))


async def test_the_end_of_an_attempt_ends_the_first_hold_that_it_gave_up(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    await meters.hold(asks(FIRST))
    await meters.hold(asks(SECOND))
    await settler.settle([entry(1, SECOND, charge(budget(0), 250), charge(TOKENS, 30))])
    assert counters(raw) == (250, 0)
    assert raw.zcard(OPEN) == 0
    assert (await meters.hold(a_hold("h", rate(1, 100, 10**6), parallel(10)))).levels[0].level == 30


async def test_the_end_of_an_attempt_takes_the_sweep_of_a_hold_back_that_it_gave_up(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    for swept, kept in ((FIRST, THIRD), (SECOND, THIRD), (FIRST, SECOND)):
        raw.flushall()
        await meters.hold(asks(swept))
        await settler.settle([entry(1, swept, charge(budget(0), 100), charge(TOKENS, 10), journal="B", swept=True)])
        await meters.hold(asks(kept))
        final = entry(1, kept, charge(budget(0), 250), charge(TOKENS, 30))
        await settler.settle([final])
        await settler.settle([final])
        assert counters(raw) == (250, 0)
        assert raw.zcard(OPEN) == 0
        assert (await meters.hold(a_hold("h", rate(1, 100, 10**6)))).levels[0].level == 30


async def test_a_call_that_was_admitted_without_the_store_takes_such_a_sweep_back_too(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    await meters.hold(asks(FIRST))
    await settler.settle([entry(1, FIRST, charge(budget(0), 100), journal="B", swept=True)])
    await settler.settle([entry(1, THIRD, charge(budget(0), 250))])
    assert counters(raw) == (250, 0)


async def test_a_sweep_of_any_name_charges_nothing_after_the_end(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    for name in (FIRST, SECOND, THIRD):
        await meters.hold(asks(name))
    await settler.settle([entry(1, THIRD, charge(budget(0), 250))])
    for seq, name in enumerate((FIRST, SECOND, THIRD), 1):
        await settler.settle([entry(seq, name, charge(budget(0), 100), journal="B", swept=True)])
    assert counters(raw) == (250, 0)
    assert raw.zcard(OPEN) == 0


async def test_an_attempt_that_nobody_ended_is_charged_once_whatever_its_names(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    for names in ((FIRST, SECOND), (SECOND, FIRST)):
        raw.flushall()
        for name in names:
            await meters.hold(asks(name))
        for seq, name in enumerate(names, 1):
            await settler.settle([entry(seq, name, charge(budget(0), 100), journal="B", swept=True)])
        assert counters(raw) == (100, 0)
        assert raw.zcard(OPEN) == 0


async def test_a_hold_that_was_given_up_in_between_is_given_back_when_it_is_found(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    """Nobody has to write a row for it: that of its attempt is written."""
    await ready_to_sweep(settler)
    for name in (FIRST, SECOND, THIRD):
        await meters.hold(asks(name))
    await settler.settle([entry(1, THIRD, charge(budget(0), 250))])
    assert raw.zrange(OPEN, 0, -1) == [SECOND]
    expire(raw, SECOND)
    assert await settler.claim_expired("acme", 10) == []
    assert counters(raw) == (250, 0)
    assert raw.zcard(OPEN) == 0
    assert not raw.exists(f"{{acme}}:h:{SECOND}", "{acme}:m:live")


async def test_a_hold_whose_attempt_nobody_ended_is_found_by_every_name(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    await ready_to_sweep(settler)
    for name in (FIRST, SECOND):
        await meters.hold(asks(name))
        expire(raw, name)
    assert {orphan.hold_id for orphan in await settler.claim_expired("acme", 10)} == {FIRST, SECOND}

"""Ladders: since when a condition holds, remembered where all workers see it."""

from __future__ import annotations

import asyncio

import redis

from proxy.domain.decision import Watch
from proxy.stores.usage import StoreUsage
from tests.contract.stores.test_usage import ANN, FAILED, LADDER, ORG, SINCE, hour, later, since, stands
from tests.support.watchmaker import Watchmaker


async def test_all_workers_agree_since_when_a_ladder_stands(
    workers: tuple[StoreUsage, StoreUsage], clock: Watchmaker
) -> None:
    one, other = workers
    for usage, at in ((one, 100), (other, 130)):
        usage.of(ORG, ANN, [LADDER])
        usage.watch(ORG, stands(at))
        await usage.round()
    await later(clock, one, other)
    assert (since(one), since(other)) == (100, 100)


async def test_a_ladder_that_no_longer_stands_is_forgotten_everywhere_and_not_revived(
    workers: tuple[StoreUsage, StoreUsage], clock: Watchmaker
) -> None:
    one, other = workers
    one.of(ORG, ANN, [LADDER])
    one.watch(ORG, stands(100))
    await one.round()
    other.of(ORG, ANN, [LADDER])
    await other.round()
    assert since(other) == 100
    one.watch(ORG, stands(0, 0))
    assert since(one) is None
    await one.round()
    other.watch(ORG, stands(100))  # it has not heard yet
    await later(clock, other, one)
    assert (since(one), since(other)) == (None, None)


async def test_a_ladder_that_begins_anew_begins_now(
    workers: tuple[StoreUsage, StoreUsage], clock: Watchmaker, raw: redis.Redis
) -> None:
    usage, _ = workers
    usage.of(ORG, ANN, [LADDER])
    usage.watch(ORG, stands(100))
    await usage.round()
    for at in (0, 200, 0, 300):
        usage.watch(ORG, stands(at))
    await later(clock, usage)
    assert since(usage) == 300
    assert raw.get(SINCE) == "300"


async def test_who_reads_a_ladder_finds_what_it_stands_on(
    workers: tuple[StoreUsage, StoreUsage], clock: Watchmaker
) -> None:
    """Else a worker would see a ladder without its errors, and take it down."""
    one, other = workers
    one.of(ORG, ANN, [LADDER])
    one.add(ORG, [ANN], FAILED)
    one.watch(ORG, stands(100))
    turning = asyncio.create_task(one.round())
    while not turning.done():
        other.of(ORG, ANN, [LADDER])
        await later(clock, other)
        if since(other) is not None:
            assert hour(other).errors == 1
    await later(clock, other)
    assert since(other) == 100


async def test_scopes_that_stand_are_counted_by_rung(workers: tuple[StoreUsage, StoreUsage], clock: Watchmaker) -> None:
    usage, _ = workers
    for scope, rung in ((ANN, 1), ("user:p_rob", 2), ("user:p_eve", 2), ("user:p_joe", 2)):
        usage.of(ORG, scope, [LADDER])
        usage.watch(ORG, Watch(LADDER, scope, 100, rung))
    usage.watch(ORG, Watch(LADDER, "user:p_joe", 0, 0))
    await later(clock, usage)
    assert usage.standing == {(LADDER, 1): 1, (LADDER, 2): 2}

"""What scopes did lately: counted by several workers, read back by all, and forgotten in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import msgspec
import pytest
import redis

from proxy.domain.decision import Watch
from proxy.domain.lately import Counts
from proxy.stores.engine import Engine
from proxy.stores.store import Store
from proxy.stores.usage import FORGET_S, FRESH_S, MOST_PENDING, MOST_SCOPES, StoreUsage
from tests.support.watchmaker import Watchmaker

ORG, ANN, LADDER = "acme", "user:p_ann", "org/error-loop"
KEY, SINCE = f"{{{ORG}}}:u:{ANN}", f"{{{ORG}}}:w:{LADDER}:{ANN}"
CALL, FAILED = Counts(1, 0, 0, 50), Counts(1, 1, 0, 7)
DAY_S = 86_400


@pytest.fixture
def buckets(engine: Engine) -> Iterator[redis.Redis]:
    """The engine as bytes, to look into buckets."""
    with redis.Redis(unix_socket_path=str(engine.socket)) as client:
        yield client


def hour(usage: StoreUsage, scope: str = ANN) -> Counts:
    return usage.of(ORG, scope, [LADDER]).hour


def day(usage: StoreUsage, scope: str = ANN) -> Counts:
    return usage.of(ORG, scope, [LADDER]).day


def since(usage: StoreUsage) -> int | None:
    return dict(usage.of(ORG, ANN, [LADDER]).since).get(LADDER)


def stands(at: int, rung: int = 1) -> Watch:
    return Watch(LADDER, ANN, at, rung)


def counts(buckets: redis.Redis, name: bytes | str) -> list[int]:
    packed = buckets.hget(KEY, name)
    assert isinstance(packed, bytes)
    return msgspec.msgpack.decode(packed, type=list[int])


async def later(clock: Watchmaker, *workers: StoreUsage, rounds: int = 1) -> None:
    """Let so much time pass that everything is read anew, and every worker do its rounds."""
    clock.now += FRESH_S + 1
    for _ in range(rounds):
        for usage in workers:
            await usage.round()


async def test_what_a_worker_counted_it_knows_at_once(workers: tuple[StoreUsage, StoreUsage]) -> None:
    usage, _ = workers
    assert hour(usage) == Counts()
    usage.add(ORG, [ANN, "org"], CALL)
    usage.add(ORG, [ANN], FAILED)
    assert hour(usage) == day(usage) == Counts(2, 1, 0, 57)
    assert hour(usage, "user:p_rob") == Counts()


async def test_calls_of_all_workers_add_up(workers: tuple[StoreUsage, StoreUsage], clock: Watchmaker) -> None:
    one, other = workers
    for usage, calls in ((one, 3), (other, 4)):
        hour(usage)
        for _ in range(calls):
            usage.add(ORG, [ANN], FAILED)
    await later(clock, one, other, rounds=2)
    await later(clock, one, other)
    assert hour(one) == hour(other) == day(one) == day(other) == Counts(7, 7, 0, 49)


async def test_a_scope_that_was_never_asked_about_is_read_in_the_background_at_once(
    workers: tuple[StoreUsage, StoreUsage], clock: Watchmaker
) -> None:
    one, other = workers
    one.add(ORG, [ANN], CALL)
    await one.round()
    running = asyncio.create_task(other.run())
    try:
        assert hour(other) == Counts()
        other.add(ORG, [ANN], CALL)
        async with asyncio.timeout(5):
            while hour(other).requests < 2:  # noqa: ASYNC110  # its only event is its own
                await asyncio.sleep(0.002)
    finally:
        running.cancel()
    assert clock.now == 1000.0  # no round was due


async def test_calls_that_come_while_a_scope_is_read_are_counted_once(
    workers: tuple[StoreUsage, StoreUsage], clock: Watchmaker
) -> None:
    usage, _ = workers
    hour(usage)
    for _ in range(50):
        usage.add(ORG, [ANN], CALL)
        clock.now += FRESH_S + 1
        turning = asyncio.create_task(usage.round())
        while not turning.done():
            usage.add(ORG, [ANN], CALL)
            await asyncio.sleep(0)
        assert hour(usage).nusd == 50 * hour(usage).requests
    known = hour(usage)
    await later(clock, usage)
    assert hour(usage) == known


async def test_a_window_is_whole_buckets_and_the_one_that_has_begun(
    workers: tuple[StoreUsage, StoreUsage], buckets: redis.Redis
) -> None:
    usage, _ = workers
    while time.time() % 300 > 297:  # noqa: ASYNC110  # clocks have no events
        await asyncio.sleep(0.1)  # a bucket must not end while we look
    fine, coarse = int(time.time() // 300), int(time.time() // 3600)
    one = msgspec.msgpack.encode([1, 0, 0, 0])
    buckets.hset(KEY, mapping={f"m{fine - back}": one for back in range(20)})
    buckets.hset(KEY, mapping={f"h{coarse - back}": one for back in range(40)})
    hour(usage)
    await usage.round()
    assert hour(usage).requests == 13  # the hour, and at most five minutes more
    assert day(usage).requests == 25  # the day, and at most an hour more


async def test_what_is_too_old_leaves_the_store(
    workers: tuple[StoreUsage, StoreUsage], buckets: redis.Redis, clock: Watchmaker
) -> None:
    usage, _ = workers
    old = msgspec.msgpack.encode([9, 9, 9, 9])
    buckets.hset(KEY, mapping={"m1": old, "h1": old})
    usage.add(ORG, [ANN], CALL)
    usage.of(ORG, ANN, [LADDER])
    usage.watch(ORG, stands(5))
    await later(clock, usage)
    assert buckets.hlen(KEY) == 2
    for key in (KEY, SINCE):
        assert DAY_S < int(buckets.ttl(key)) <= DAY_S + 7200


async def test_a_count_that_only_newer_workers_know_survives_the_others(
    workers: tuple[StoreUsage, StoreUsage], buckets: redis.Redis, clock: Watchmaker
) -> None:
    usage, _ = workers
    usage.add(ORG, [ANN], CALL)
    hour(usage)
    await usage.round()
    for name in buckets.hkeys(KEY):
        buckets.hset(KEY, name, msgspec.msgpack.encode([*counts(buckets, name), 11]))
    usage.add(ORG, [ANN], CALL)
    await later(clock, usage)
    assert [counts(buckets, name) for name in buckets.hkeys(KEY)] == [[2, 0, 0, 100, 0, 0, 11]] * 2
    assert hour(usage) == Counts(2, 0, 0, 100)


async def test_what_nobody_asks_about_is_not_kept(workers: tuple[StoreUsage, StoreUsage], clock: Watchmaker) -> None:
    usage, _ = workers
    for n in range(MOST_SCOPES + 10):
        usage.of(ORG, f"user:p_{n}", ())
    assert len(usage._views) == MOST_SCOPES
    assert (ORG, "user:p_0") not in usage._views
    clock.now += FORGET_S + 1
    await usage.round()
    assert not usage._views


async def test_nothing_runs_while_no_rule_asks(workers: tuple[StoreUsage, StoreUsage], raw: redis.Redis) -> None:
    usage, _ = workers
    raw.config_resetstat()
    running = asyncio.create_task(usage.run())
    await asyncio.sleep(0.05)
    running.cancel()
    await usage.close()
    assert "cmdstat_evalsha" not in raw.info("commandstats")


async def test_a_slow_store_counts_what_it_was_sent_once(
    workers: tuple[StoreUsage, StoreUsage], clock: Watchmaker, raw: redis.Redis
) -> None:
    usage, _ = workers
    hour(usage)
    usage.add(ORG, [ANN], CALL)
    raw.client_pause(1500)
    await usage.round()  # nobody answers in time
    usage.add(ORG, [ANN], CALL)
    assert hour(usage) == Counts(2, 0, 0, 100)
    async with asyncio.timeout(10):
        while not raw.exists(KEY):  # noqa: ASYNC110  # another process: there is no event to wait for
            await asyncio.sleep(0.05)
    await usage._store.of(ORG).wait_up(5)
    await later(clock, usage, rounds=2)
    assert hour(usage) == Counts(2, 0, 0, 100)


async def test_while_the_store_is_away_scopes_stay_as_last_known_and_calls_arrive_later(
    new_store: Callable[[], Store], clock: Watchmaker
) -> None:
    usage = StoreUsage(new_store(), clock)
    await usage._store.wait_up(2)
    usage.add(ORG, [ANN], FAILED)
    hour(usage)
    await usage.round()
    await usage._store.close()
    usage.add(ORG, [ANN], CALL)
    usage.watch(ORG, stands(100))
    await later(clock, usage, rounds=3)
    assert hour(usage) == Counts(2, 1, 0, 57)
    assert since(usage) == 100
    for n in range(MOST_PENDING + 10):
        usage.add(ORG, [f"user:p_{n}"], CALL)
    assert len(usage._pending) == MOST_PENDING
    usage._store.start()
    await usage._store.wait_up(5)
    fresh = StoreUsage(new_store(), clock)
    await fresh._store.wait_up(5)
    await usage.round()
    fresh.of(ORG, ANN, [LADDER])
    await fresh.round()
    assert hour(fresh) == Counts(2, 1, 0, 57)
    assert since(fresh) == 100

"""Leases: touching, claiming, sweeping, and the late settlement of a hold that was swept."""

from __future__ import annotations

import asyncio

import redis

from proxy.domain.meter import HoldState
from proxy.stores.meters import StoreMeters
from proxy.stores.settler import StoreSettler
from tests.contract.stores.test_settle import counters
from tests.support.meters import a_hold, budget, charge, entry, parallel, rate

OPEN = "{acme}:open"


def expire(raw: redis.Redis, hold_id: str = "h1") -> None:
    """Let a lease run out now: what waiting would do."""
    raw.zadd(OPEN, {hold_id: 1})


async def ready_to_sweep(settler: StoreSettler) -> None:
    """Wait until one lease has passed since the connect and the start of the engine."""
    shard = settler._store.of("acme")
    await asyncio.sleep(settler._lease_s - shard.clock.steady_s() + 0.01)
    while int((await shard.command("INFO", "server")).split(b"uptime_in_seconds:")[1].split()[0]) < 1:  # noqa: ASYNC110  # the engine has no event for its age
        await asyncio.sleep(0.05)


async def test_an_orphan_is_claimed_once_with_all_that_a_row_needs(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    await ready_to_sweep(settler)
    draws = (budget(400), rate(3, 9, 1000), parallel(4))
    await meters.hold(a_hold("h1", *draws, floor=20, whole=True))
    meters.touch(a_hold("h1", *draws, floor=20, whole=True), 35)
    await meters.drain()
    assert await settler.claim_expired("acme", 10) == []
    expire(raw)
    (orphan,) = await settler.claim_expired("acme", 10)
    assert await settler.claim_expired("acme", 10) == []
    assert (orphan.hold_id, orphan.org, orphan.facts) == ("h1", "acme", b'{"n":"h1"}')
    assert (orphan.so_far_nusd, orphan.floor_nusd, orphan.whole) == (35, 20, True)
    assert orphan.draws == draws


async def test_a_claim_runs_out_like_a_lease(meters: StoreMeters, settler: StoreSettler, raw: redis.Redis) -> None:
    await meters.hold(a_hold("h1", budget(400)))
    await ready_to_sweep(settler)
    expire(raw)
    assert await settler.claim_expired("acme", 10)
    expire(raw)
    assert await settler.claim_expired("acme", 10)


async def test_nothing_is_claimed_within_one_lease_of_a_connect(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    await ready_to_sweep(settler)
    await meters.hold(a_hold("h1", budget(400)))
    expire(raw)
    settler._store.of("acme").clock.unsettle()
    assert await settler.claim_expired("acme", 10) == []


async def test_nothing_is_claimed_from_a_young_engine_or_by_a_wrong_clock(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    await ready_to_sweep(settler)
    await meters.hold(a_hold("h1", budget(400)))
    expire(raw)
    run, now_us = settler._store.of("acme").run, meters.time_us()
    assert await run("claim", (OPEN,), 10**9, 1000, 10, now_us, 2_000_000) == [1]
    assert await run("claim", (OPEN,), 500, 1000, 10, now_us + 10_000_000, 2_000_000) == [2]
    assert raw.zscore(OPEN, "h1") == 1


async def test_a_swept_hold_is_charged_and_leaves_a_tombstone(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    await meters.hold(a_hold("h1", budget(400), parallel(1)))
    await settler.settle([entry(1, "h1", charge(budget(0), 100), swept=True)])
    assert counters(raw) == (100, 0)
    assert raw.zcard(OPEN) == 0
    assert raw.exists("{acme}:m:live") == 0
    assert 34 * 86_400 < raw.ttl("{acme}:h:h1") <= 35 * 86_400


async def test_an_old_reading_of_a_sweep_that_was_counted_as_neutral_takes_nothing_back(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    """Two processes settle one journal: one read its sweep before the final row replaced it, and comes second."""
    await meters.hold(a_hold("h1", budget(400)))
    await settler.settle([entry(1, "", journal="B")])
    await settler.settle([entry(1, "h1", charge(budget(0), 100), journal="B", swept=True)])
    await settler.settle([entry(1, "h1", charge(budget(0), 250))])
    assert counters(raw) == (250, 0)


async def test_a_late_settlement_takes_the_sweeps_charge_back(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    tokens = rate(10, 100, 10**6)
    await meters.hold(a_hold("h1", budget(400), tokens))
    await settler.settle([entry(1, "h1", charge(budget(0), 100), charge(tokens, 30), journal="B", swept=True)])
    late = entry(1, "h1", charge(budget(0), 250), charge(tokens, 50))
    await settler.settle([late])
    await settler.settle([late])
    assert counters(raw) == (250, 0)
    assert (await meters.hold(a_hold("h2", rate(1, 100, 10**6)))).levels[0].level == 50


async def test_a_settlement_already_counted_takes_a_sweeps_charge_back(settler: StoreSettler, raw: redis.Redis) -> None:
    await settler.post_totals("acme", "A", 1, [charge(budget(0), 250)])
    await settler.settle([entry(1, "h1", charge(budget(0), 100), journal="B", swept=True)])
    await settler.settle([entry(1, "h1", charge(budget(0), 250))])
    assert counters(raw) == (250, 0)


async def test_a_sweep_that_comes_after_the_settlement_charges_nothing(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    await meters.hold(a_hold("h1", budget(400)))
    await ready_to_sweep(settler)
    expire(raw)
    await settler.claim_expired("acme", 10)
    await settler.settle([entry(1, "h1", charge(budget(0), 250))])
    await settler.settle([entry(1, "h1", charge(budget(0), 100), journal="B", swept=True)])
    assert counters(raw) == (250, 0)
    assert await settler.applied("acme", "B") == 1


async def test_a_sweep_of_a_copy_that_was_lost_charges_nothing_after_the_settlement(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    """A failover may have forgotten the claim, or the whole hold: who is late or lost is remembered nevertheless."""
    await meters.hold(a_hold("lapsed", budget(1)))
    expire(raw, "lapsed")
    again = a_hold("touched", budget(1))
    await meters.hold(again)
    expire(raw, "touched")
    meters.touch(again, 1)
    retaken = a_hold("retaken", budget(1))
    meters.touch(retaken, 1)
    await meters.drain()
    for seq, hold_id in enumerate(("lapsed", "touched", "retaken", "lost"), 1):
        await settler.settle([entry(seq, hold_id, charge(budget(0), 10))])
        await settler.settle([entry(seq, hold_id, charge(budget(0), 7), journal="B", swept=True)])
    assert counters(raw) == (40, 0)


async def test_a_journals_sums_leave_out_a_sweep_that_was_replaced_elsewhere(
    settler: StoreSettler, raw: redis.Redis
) -> None:
    await settler.settle([entry(1, "h1", charge(budget(0), 250))])
    swept = entry(1, "h1", charge(budget(0), 100), journal="B", swept=True)
    await settler.post_totals("acme", "B", 1, [charge(budget(0), 100)], [swept])
    assert counters(raw) == (250, 0)


async def test_a_journals_sums_bring_their_tombstones_and_end_their_holds(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    await meters.hold(a_hold("h2", budget(400)))
    recent = [
        entry(1, "h1", charge(budget(0), 100), journal="B", swept=True),
        entry(2, "h2", charge(budget(0), 30), journal="B"),
    ]
    for _ in range(2):
        await settler.post_totals("acme", "B", 2, [charge(budget(0), 130)], recent)
    assert counters(raw) == (130, 0)
    await settler.settle([entry(1, "h1", charge(budget(0), 250))])
    assert counters(raw) == (280, 0)


async def test_a_hold_released_after_it_was_swept_and_taken_again_keeps_the_sweeps_charge(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    hold = a_hold("h1", budget(400))
    await meters.hold(hold)
    await settler.settle([entry(1, "h1", charge(budget(0), 100), journal="B", swept=True)])
    meters.touch(hold, 1)
    meters.release(hold)
    await meters.drain()
    assert counters(raw) == (100, 0)
    await settler.settle([entry(1, "h1", charge(budget(0), 250))])
    assert counters(raw) == (250, 0)


async def test_two_sweepers_charge_once(meters: StoreMeters, settler: StoreSettler, raw: redis.Redis) -> None:
    await meters.hold(a_hold("h1", budget(400)))
    for journal in "BC":
        await settler.settle([entry(1, "h1", charge(budget(0), 100), journal=journal, swept=True)])
    assert counters(raw) == (100, 0)


async def test_a_touch_that_finds_its_hold_swept_takes_it_again(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    hold = a_hold("h1", budget(400), parallel(1))
    await meters.hold(hold)
    await settler.settle([entry(1, "h1", charge(budget(0), 100), journal="B", swept=True)])
    meters.touch(hold, 120)
    await meters.drain()
    assert counters(raw) == (100, 400)
    assert raw.zcard(OPEN) == raw.zcard("{acme}:m:live") == 1
    assert raw.ttl("{acme}:h:h1") == -1
    await settler.settle([entry(1, "h1", charge(budget(0), 250))])
    assert counters(raw) == (250, 0)
    assert raw.zcard(OPEN) == raw.zcard("{acme}:m:live") == 0


async def test_a_touch_that_finds_its_hold_lost_takes_it_again(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    hold = a_hold("h1", budget(400), rate(5, 10, 10**6))
    await meters.hold(hold)
    raw.flushall()
    meters.touch(hold, 120)
    await meters.drain()
    assert counters(raw) == (0, 400)
    assert raw.exists("{acme}:m:rate") == 0
    await settler.settle([entry(1, "h1", charge(budget(0), 250))])
    assert counters(raw) == (250, 0)


async def test_a_hold_swept_again_after_it_was_taken_again_is_charged_once(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    hold = a_hold("h1", budget(400))
    await meters.hold(hold)
    await settler.settle([entry(1, "h1", charge(budget(0), 100), journal="B", swept=True)])
    meters.touch(hold, 120)
    await meters.drain()
    await settler.settle([entry(2, "h1", charge(budget(0), 120), journal="B", swept=True)])
    assert counters(raw) == (100, 0)
    assert raw.zcard(OPEN) == 0


async def test_a_touch_never_takes_again_what_is_over(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    released, swept = a_hold("h1", budget(400)), a_hold("h2", budget(400))
    await meters.hold(released)
    meters.release(released)
    await meters.hold(swept)
    await settler.settle([entry(1, "h2", charge(budget(0), 1), journal="B", swept=True)])
    await settler.settle([entry(1, "h2", charge(budget(0), 2))])
    for hold in (released, swept):
        meters.touch(hold, 1)
    await meters.drain()
    assert counters(raw) == (2, 0)
    assert raw.zcard(OPEN) == 0


async def test_a_touch_refreshes_every_lease(meters: StoreMeters, raw: redis.Redis) -> None:
    hold = a_hold("h1", parallel(1))
    await meters.hold(hold)
    expire(raw)
    raw.zadd("{acme}:m:live", {"h1": 1})
    assert (await meters.hold(a_hold("h2", parallel(1)))).state is HoldState.ADMITTED
    meters.touch(hold, 0)
    await meters.drain()
    assert (raw.zscore(OPEN, "h1") or 0) > 10**12
    assert (await meters.hold(a_hold("h3", parallel(1)))).state is HoldState.REFUSED


async def test_leases_that_a_clock_set_back_would_keep_for_ever_are_cut(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    await meters.hold(a_hold("h1", budget(400)))
    raw.zadd(OPEN, {"h1": 10**14})
    await ready_to_sweep(settler)
    await settler.claim_expired("acme", 10)
    assert (raw.zscore(OPEN, "h1") or 10**15) < meters.time_us() / 1000 + 1000

"""What settling promises: counters are the sum of journal entries, each counted once, whatever happens to holds."""

from __future__ import annotations

import asyncio

import pytest
import redis

from proxy.domain.meter import Charge, Gap, HoldState
from proxy.stores.meters import StoreMeters
from proxy.stores.rows import EXACT
from proxy.stores.settler import StoreSettler
from tests.support.meters import FAR, a_hold, budget, charge, entry, parallel, rate

DAY = "{acme}:m:day"


def counters(raw: redis.Redis, key: str = DAY) -> tuple[int, int]:
    """Spent and reserved."""
    spent, reserved = raw.hmget(key, "s", "r")
    return int(spent or 0), int(reserved or 0)


async def test_settling_ends_the_hold_and_charges_the_actual(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    await meters.hold(a_hold("h1", budget(400), parallel(1)))
    await settler.settle([entry(1, "h1", charge(budget(0), 250))])
    assert counters(raw) == (250, 0)
    assert sorted(raw.keys("*")) == ["{acme}:applied", DAY]
    assert await settler.applied("acme", "A") == 1


async def test_settling_twice_is_settling_once(meters: StoreMeters, settler: StoreSettler, raw: redis.Redis) -> None:
    await meters.hold(a_hold("h1", budget(400)))
    for _ in range(3):
        await settler.settle([entry(1, "h1", charge(budget(0), 250))])
    assert counters(raw) == (250, 0)


async def test_an_entry_is_counted_when_its_hold_is_gone(settler: StoreSettler, raw: redis.Redis) -> None:
    await settler.settle([entry(1, "lost", charge(budget(0), 250)), entry(2, "", charge(budget(0), 3))])
    assert counters(raw) == (253, 0)
    assert raw.expiretime(DAY) == FAR + 35 * 86_400


async def test_a_gap_counts_nothing_and_tells_where_to_begin(settler: StoreSettler, raw: redis.Redis) -> None:
    with pytest.raises(Gap) as unknown:
        await settler.settle([entry(5, "", charge(budget(0), 1))])
    assert unknown.value.applied == 0
    await settler.settle([entry(1, "", charge(budget(0), 10))])
    with pytest.raises(Gap) as missing:
        await settler.settle([entry(3, "", charge(budget(0), 100)), entry(4, "", charge(budget(0), 100))])
    assert missing.value.applied == 1
    assert counters(raw) == (10, 0)


async def test_a_batch_up_to_a_gap_is_counted(settler: StoreSettler, raw: redis.Redis) -> None:
    with pytest.raises(Gap) as gap:
        await settler.settle([entry(1, "", charge(budget(0), 1)), entry(3, "", charge(budget(0), 100))])
    assert gap.value.applied == 1
    assert counters(raw) == (1, 0)


async def test_a_hold_that_remains_after_its_entry_was_counted_ends_without_a_charge(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    await settler.settle([entry(1, "h1", charge(budget(0), 250))])
    raw.delete("{acme}:h:h1")
    await meters.hold(a_hold("h1", budget(400)))
    await settler.settle([entry(1, "h1", charge(budget(0), 250))])
    assert counters(raw) == (250, 0)
    assert raw.zcard("{acme}:open") == 0


async def test_many_entries_of_several_journals_keep_their_order(settler: StoreSettler, raw: redis.Redis) -> None:
    entries = [entry(seq, "", charge(budget(0), 1), journal=journal) for seq in range(1, 200) for journal in "AB"]
    await settler.settle(entries)
    assert counters(raw) == (398, 0)
    assert (await settler.applied("acme", "A"), await settler.applied("acme", "B")) == (199, 199)


async def test_settles_sent_at_once_are_counted_in_the_order_they_were_sent(
    settler: StoreSettler, raw: redis.Redis
) -> None:
    await asyncio.gather(*(settler.settle([entry(seq, "", charge(budget(0), 1))]) for seq in range(1, 300)))
    assert counters(raw) == (299, 0)


async def test_settling_moves_a_rate_to_the_actual(meters: StoreMeters, settler: StoreSettler) -> None:
    tokens = rate(10, 100, 10**6)
    await meters.hold(a_hold("h1", tokens))
    await settler.settle([entry(1, "h1", charge(tokens, 70))])
    assert (await meters.hold(a_hold("h2", rate(1, 100, 10**6)))).levels[0].level == 70
    await settler.settle([entry(2, "h2", charge(tokens, 0))])
    assert (await meters.hold(a_hold("h3", rate(100, 100, 10**6)))).levels[0].level == 70


async def test_a_rate_that_refilled_meanwhile_gives_nothing_back(meters: StoreMeters, settler: StoreSettler) -> None:
    tokens = rate(10, 100, 1)
    await meters.hold(a_hold("h1", tokens))
    await asyncio.sleep(0.01)
    await settler.settle([entry(1, "h1", charge(tokens, 0))])
    assert (await meters.hold(a_hold("h2", rate(100, 100, 1)))).state is HoldState.ADMITTED


async def test_a_shadow_rate_that_took_nothing_gives_nothing_back(meters: StoreMeters, settler: StoreSettler) -> None:
    shadow = rate(50, 10, 10**6, enforce=False)
    await meters.hold(a_hold("h0", rate(10, 10, 10**6)))
    await meters.hold(a_hold("h1", shadow))
    await settler.settle([entry(1, "h1", charge(shadow, 0))])
    assert (await meters.hold(a_hold("h2", rate(1, 10, 10**6)))).levels[0].level == 10


async def test_totals_are_posted_once_and_only_where_nothing_is_known(settler: StoreSettler, raw: redis.Redis) -> None:
    totals = [charge(budget(0), 500), Charge("{acme}:m:total", budget(0).kind, 900)]
    for _ in range(2):
        await settler.post_totals("acme", "A", 7, totals)
    assert counters(raw) == (500, 0)
    assert counters(raw, "{acme}:m:total") == (900, 0)
    assert await settler.applied("acme", "A") == 7
    await settler.settle([entry(8, "", charge(budget(0), 1))])
    assert counters(raw) == (501, 0)


async def test_an_adjustment_may_be_negative(settler: StoreSettler, raw: redis.Redis) -> None:
    await settler.settle([entry(1, "", charge(budget(0), 10)), entry(2, "", charge(budget(0), -25))])
    assert counters(raw) == (-15, 0)


async def test_a_charge_to_a_period_long_past_leaves_no_key(settler: StoreSettler, raw: redis.Redis) -> None:
    await settler.settle([entry(1, "", charge(budget(0, period_end=1_000_000), 10))])
    assert raw.keys("*") == ["{acme}:applied"]


async def test_a_full_store_still_settles(meters: StoreMeters, settler: StoreSettler, raw: redis.Redis) -> None:
    await meters.hold(a_hold("h1", budget(400)))
    raw.config_set("maxmemory", 1)
    try:
        await settler.settle([entry(1, "h1", charge(budget(0), 250))])
    finally:
        raw.config_set("maxmemory", 0)
    assert counters(raw) == (250, 0)


async def test_a_meter_with_a_foreign_value_does_not_stop_the_others(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    await meters.hold(a_hold("h1", budget(1, name="wrong"), budget(400)))
    raw.set("{acme}:m:wrong", "text")
    await settler.settle([entry(1, "h1", charge(budget(0, name="wrong"), 5), charge(budget(0), 250))])
    await settler.settle([entry(1, "h1", charge(budget(0, name="wrong"), 5), charge(budget(0), 250))])
    assert counters(raw) == (250, 0)
    assert await settler.applied("acme", "A") == 1


async def test_charges_beyond_what_lua_counts_are_refused_here(settler: StoreSettler) -> None:
    with pytest.raises(ValueError, match="beyond"):
        await settler.settle([entry(1, "", charge(budget(0), EXACT + 1))])
    assert await settler.applied("acme", "A") is None

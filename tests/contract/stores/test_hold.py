"""What a hold promises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import redis

from proxy.domain.meter import HoldState
from proxy.stores.errors import Refused
from proxy.stores.meters import StoreMeters
from proxy.stores.store import Store
from tests.support.meters import a_hold, budget, parallel, rate


async def test_a_hold_that_fits_is_admitted_and_reserves(meters: StoreMeters, raw: redis.Redis) -> None:
    held = await meters.hold(a_hold("h1", budget(400), parallel(2)))
    assert held.state is HoldState.ADMITTED
    assert [level.level for level in held.levels] == [0, 0]
    assert raw.hget("{acme}:m:day", "r") == "400"
    assert raw.zrange("{acme}:m:live", 0, -1) == ["h1"]


async def test_a_hold_is_written_even_without_a_meter(meters: StoreMeters, raw: redis.Redis) -> None:
    assert (await meters.hold(a_hold("h1"))).state is HoldState.ADMITTED
    assert raw.zrange("{acme}:open", 0, -1) == ["h1"]
    assert raw.ttl("{acme}:h:h1") == -1


async def test_a_refused_hold_touches_no_meter(meters: StoreMeters, raw: redis.Redis) -> None:
    held = await meters.hold(a_hold("h1", budget(10), rate(5, 100, 1000), parallel(1), budget(2_000, name="team")))
    assert held.state is HoldState.REFUSED
    assert [level.over for level in held.levels] == [False, False, False, True]
    assert raw.keys("*") == []


async def test_a_shadow_meter_never_refuses_but_counts(meters: StoreMeters, raw: redis.Redis) -> None:
    draws = (budget(2_000, enforce=False), rate(50, 10, 1000, enforce=False), parallel(0, enforce=False))
    held = await meters.hold(a_hold("h1", *draws))
    assert held.state is HoldState.ADMITTED
    assert [level.over for level in held.levels] == [True, True, True]
    assert raw.hget("{acme}:m:day", "r") == "2000"
    assert raw.zcard("{acme}:m:live") == 1
    assert raw.exists("{acme}:m:rate") == 0


async def test_the_same_id_twice_is_answered_like_the_first_time(meters: StoreMeters, raw: redis.Redis) -> None:
    hold = a_hold("h1", budget(400), rate(5, 10, 10**6), parallel(1))
    first = await meters.hold(hold)
    second = await meters.hold(hold)
    assert (second.state, second.levels) == (first.state, first.levels)
    assert raw.hget("{acme}:m:day", "r") == "400"


async def test_a_budget_tells_how_long_to_wait_or_that_it_never_fits(meters: StoreMeters) -> None:
    end = meters.time_us() // 1_000_000 + 100
    await meters.hold(a_hold("h1", budget(900, period_end=end)))
    held = await meters.hold(a_hold("h2", budget(200, period_end=end), budget(1_001, name="total", period_end=0)))
    assert 95_000_000 < held.levels[0].wait_us <= 100_000_000
    assert held.levels[1].wait_us == -1


async def test_a_rate_refills_and_tells_the_exact_wait(meters: StoreMeters) -> None:
    assert (await meters.hold(a_hold("h1", rate(10, 10, 1_000_000)))).state is HoldState.ADMITTED
    held = await meters.hold(a_hold("h2", rate(3, 10, 1_000_000)))
    assert held.state is HoldState.REFUSED
    assert 2_900_000 < held.levels[0].wait_us <= 3_000_000
    assert held.levels[0].level == 10
    assert (await meters.hold(a_hold("h3", rate(11, 10, 1_000_000)))).levels[0].wait_us == -1


async def test_a_period_that_does_not_contain_the_stores_time_is_stale(meters: StoreMeters, raw: redis.Redis) -> None:
    now_s = meters.time_us() // 1_000_000
    for start, end in ((now_s - 200, now_s - 100), (now_s + 100, now_s + 200)):
        held = await meters.hold(a_hold("h1", budget(1), budget(1, name="old", period_start=start, period_end=end)))
        assert held.state is HoldState.STALE
        assert abs(held.now_us // 1_000_000 - now_s) <= 2
    assert raw.keys("*") == []


async def test_spent_periods_live_35_days_and_totals_for_ever(meters: StoreMeters, raw: redis.Redis) -> None:
    end = meters.time_us() // 1_000_000 + 100
    await meters.hold(a_hold("h1", budget(1, period_end=end), budget(1, name="total", period_start=0, period_end=0)))
    assert raw.expiretime("{acme}:m:day") == end + 35 * 86_400
    assert raw.ttl("{acme}:m:total") == -1


async def test_a_released_id_is_void(meters: StoreMeters, raw: redis.Redis) -> None:
    hold = a_hold("h1", budget(400), rate(5, 10, 10**6), parallel(1))
    await meters.hold(hold)
    meters.release(hold)
    await meters.drain()
    assert (await meters.hold(hold)).state is HoldState.VOID
    assert raw.hget("{acme}:m:day", "r") == "0"
    assert sorted(raw.keys("*")) == ["{acme}:m:day", "{acme}:void:h1"]
    assert 55 < raw.ttl("{acme}:void:h1") <= 60


async def test_a_release_that_overtakes_its_hold_refuses_it(meters: StoreMeters) -> None:
    meters.release(a_hold("h1", budget(1)))
    await meters.drain()
    assert (await meters.hold(a_hold("h1", budget(1)))).state is HoldState.VOID


async def test_a_caller_who_leaves_while_the_store_answers_leaves_nothing_held(
    meters: StoreMeters, raw: redis.Redis
) -> None:
    task = asyncio.ensure_future(meters.hold(a_hold("h1", budget(400))))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await meters.drain()
    assert raw.zcard("{acme}:open") == 0
    assert raw.hget("{acme}:m:day", "r") in (None, "0")


async def test_amounts_that_lua_cannot_count_are_refused_here(meters: StoreMeters, raw: redis.Redis) -> None:
    for draw in (budget(2**53 + 1), budget(-1), budget(1, limit=2**60)):
        with pytest.raises(ValueError, match="between 0 and"):
            await meters.hold(a_hold("h1", draw))
    assert raw.keys("*") == []


async def test_large_amounts_are_counted_to_the_last_unit(meters: StoreMeters, raw: redis.Redis) -> None:
    await meters.hold(a_hold("h1", budget(2**53 - 1, limit=2**53)))
    held = await meters.hold(a_hold("h2", budget(1, limit=2**53)))
    assert held.levels[0].level == 2**53 - 1
    assert raw.hget("{acme}:m:day", "r") == str(2**53)


async def test_a_hold_with_a_bad_draw_takes_nothing(meters: StoreMeters, raw: redis.Redis) -> None:
    raw.set("{acme}:m:wrong", "text")
    bad = (budget(1, name="wrong"), rate(1, 1, 0), budget(1, name="day"))
    for draw in bad:
        with pytest.raises(Refused):
            await meters.hold(a_hold("h1", budget(1), draw))
    stranger = budget(1)
    with pytest.raises(Refused):
        await meters.hold(a_hold("h1", type(stranger)("{other}:m:day", stranger.kind, stranger.unit, 1, 1)))
    assert [key for key in raw.keys("*") if ":void:" not in key] == ["{acme}:m:wrong"]


async def test_a_thousand_at_once_on_four_connections_admit_exactly_what_fits(
    new_store: Callable[[], Store], raw: redis.Redis
) -> None:
    workers = [StoreMeters(new_store()) for _ in range(4)]
    for worker in workers:
        await worker._store.wait_up(2)
    answers = await asyncio.gather(
        *(workers[i % 4].hold(a_hold(f"h{i}", budget(10), parallel(100), rate(1, 5_000, 10**6))) for i in range(1000))
    )
    assert sum(answer.state is HoldState.ADMITTED for answer in answers) == 100
    assert raw.hget("{acme}:m:day", "r") == "1000"
    assert raw.zcard("{acme}:open") == 100


async def test_whoever_has_ended_leaves_room_for_the_next_one_at_once(meters: StoreMeters) -> None:
    first, second = a_hold("h1", parallel(1)), a_hold("h2", parallel(1))
    await meters.hold(first)
    meters.ended(first, 0)  # its settlement waits for the journal
    assert (await meters.hold(second)).state is HoldState.ADMITTED

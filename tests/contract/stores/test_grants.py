"""What is granted by command: admitted to the unit, counted once, and it ends with its period."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import redis

from proxy.domain.meter import Charge, HoldState, MeterKind, Settlement
from proxy.stores.meters import StoreMeters
from proxy.stores.scan import scopes_between
from proxy.stores.settler import StoreSettler
from proxy.stores.store import Store
from tests.support.meters import FAR, ORG, a_hold, budget, charge, entry, rate

DAY = "{acme}:m:day"
KEPT_S = 35 * 86_400


def grant(seq: int, amount: int, key: str = DAY, end: int = FAR) -> Settlement:
    return Settlement(ORG, "M.budget", seq, "", (Charge(key, MeterKind.GRANT, amount, 0, end),))


async def test_exactly_what_is_granted_is_admitted_on_top(meters: StoreMeters, settler: StoreSettler) -> None:
    await settler.settle([grant(1, 250)])
    asked = await asyncio.gather(*(meters.hold(a_hold(f"h{i}", budget(10, limit=1_000))) for i in range(200)))
    assert sum(one.state is HoldState.ADMITTED for one in asked) == 125


async def test_the_answer_tells_the_level_and_the_grant_apart(meters: StoreMeters, settler: StoreSettler) -> None:
    await settler.settle([grant(1, 250), grant(2, -50), grant(3, 7, "{acme}:m:week")])
    draws = (budget(900), rate(1, 10, 1000), budget(1, name="month"), budget(1, name="week"))
    first = await meters.hold(a_hold("h1", *draws))
    assert [(level.level, level.granted) for level in first.levels] == [(0, 200), (0, 0), (0, 0), (0, 7)]
    assert (await meters.hold(a_hold("h1", *draws))).levels == first.levels  # our own resend
    refused = await meters.hold(a_hold("h2", budget(301)))
    assert (refused.state, refused.levels[0].level, refused.levels[0].granted) == (HoldState.REFUSED, 900, 200)
    assert await meters.spent(DAY) == (0, 900, 200)


async def test_what_fits_only_with_the_grant_waits_for_the_period_and_more_never_fits(
    meters: StoreMeters, settler: StoreSettler
) -> None:
    end = meters.time_us() // 1_000_000 + 100
    await settler.settle([grant(1, 500, end=end)])
    await meters.hold(a_hold("h1", budget(1_400, period_end=end)))
    fits, never = [await meters.hold(a_hold(f"w{n}", budget(n, period_end=end))) for n in (1_500, 1_501)]
    assert 0 < fits.levels[0].wait_us <= 100_000_000
    assert never.levels[0].wait_us == -1


async def test_a_grant_is_counted_once_and_replayed_after_a_flush(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    for _ in range(3):
        await settler.settle([grant(1, 250), grant(2, 10)])
    assert (await meters.spent(DAY)).granted == 260
    raw.flushall()
    totals = [Charge(DAY, MeterKind.GRANT, 260, 0, FAR), Charge(DAY, MeterKind.BUDGET, -3, 0, FAR)]
    for _ in range(2):
        await settler.post_totals(ORG, "M.budget", 2, totals, [grant(1, 250), grant(2, 10)])
    await settler.settle([grant(2, 10), grant(3, 1)])
    assert await meters.spent(DAY) == (-3, 0, 261)


async def test_a_grant_ends_with_its_period_also_where_nothing_is_spent(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    await settler.settle([grant(1, 250), grant(2, 9, "{acme}:m:total", 0)])
    assert raw.expiretime(DAY) == FAR + KEPT_S
    assert raw.expiretime("{acme}:m:total") == -1
    await meters.hold(a_hold("h1", budget(10)))
    assert raw.expiretime(DAY) == FAR + KEPT_S


async def test_an_adjustment_makes_room_or_takes_it_and_never_breaks_on_nothing(
    meters: StoreMeters, settler: StoreSettler
) -> None:
    day = budget(0)
    await settler.settle(
        [entry(1, "", charge(day, 900)), entry(2, "", charge(day, -400)), entry(3, "", charge(day, 0))]
    )
    assert (await meters.hold(a_hold("h1", budget(501)))).state is HoldState.REFUSED
    assert (await meters.hold(a_hold("h2", budget(500)))).state is HoldState.ADMITTED
    await settler.settle([entry(4, "", charge(day, -500))])
    assert await meters.spent(DAY) == (0, 500, 0)


async def test_a_foreign_value_under_a_key_stops_neither_the_grant_of_others_nor_the_journal(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    raw.set("{acme}:m:wrong", "text")
    await settler.settle([grant(1, 5, "{acme}:m:wrong"), grant(2, 6)])
    assert (await meters.spent(DAY)).granted == 6
    assert await settler.applied(ORG, "M.budget") == 2


async def test_the_scopes_of_a_rule_are_found_whatever_their_names(
    new_store: Callable[[], Store], raw: redis.Redis
) -> None:
    await (store := new_store()).wait_up(2)
    names = ["team:a", "team:b*", "model:gpt-5.1", "model:llama3:8b", "project:"]
    for name in names:
        raw.hset(f"{{acme}}:m:p/[x]?*:nusd:{name}:2026-11-23", "s", 1)
    for other in ("{acme}:m:p/x:nusd:team:c:2026-11-23", "{acme}:m:p/[x]?*:nusd:team:a:2026-11-24", "{acme}:open"):
        raw.hset(other, "s", 1)
    for number in range(3_000):
        raw.set(f"{{acme}}:h:{number}", 1)
    found = await scopes_between(store, ORG, "{acme}:m:p/[x]?*:nusd:", ":2026-11-23")
    assert found == set(names)

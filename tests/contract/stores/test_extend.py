"""Holding more for a call that goes on: all or nothing, once however often it is asked for, given back whole."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
import redis

from proxy.domain.decision import Obligation, StoreDown
from proxy.domain.meter import Draw, Extended, Extension, Hold, HoldState
from proxy.stores.meters import StoreMeters
from proxy.stores.rows import unpack_draws
from proxy.stores.settler import StoreSettler
from tests.contract.stores.test_leases import expire, ready_to_sweep
from tests.contract.stores.test_settle import counters
from tests.support.meters import a_hold, budget, charge, entry, parallel, rate

CUT, FINISH = "cut", "finish"


def wishes(draws: Sequence[Draw], on_outgrown: str = FINISH) -> list[Obligation]:
    return [
        Obligation(d.rule, d.kind, d.unit, "org", d.limit, enforce=d.enforce, on_outgrown=on_outgrown) for d in draws
    ]


def grown(hold: Hold, *amounts: int) -> tuple[Draw, ...]:
    """The draws of a hold, come to other amounts."""
    both = zip(hold.draws, amounts, strict=True)
    return tuple(msgspec.structs.replace(draw, amount=amount) for draw, amount in both)


async def extend(meters: StoreMeters, hold: Hold, *amounts: int, on_outgrown: str = FINISH) -> Extended:
    return await meters.extend(hold, grown(hold, *amounts), wishes(hold.draws, on_outgrown))


async def test_every_meter_holds_the_difference_and_the_record_the_new_total(
    meters: StoreMeters, raw: redis.Redis
) -> None:
    hold = a_hold("h1", budget(400), budget(400, name="team"), rate(5, 100, 10**6), parallel(2))
    await meters.hold(hold)
    assert await extend(meters, hold, 500, 500, 30, 1) == Extended(Extension.HELD)
    assert [raw.hget(f"{{acme}}:m:{name}", "r") for name in ("day", "team")] == ["500", "500"]
    assert (await meters.hold(a_hold("h2", rate(1, 100, 10**6)))).levels[0].level == 30
    assert raw.zcard("{acme}:m:live") == 1


async def test_the_same_total_twice_is_taken_once_and_a_smaller_one_takes_nothing(
    meters: StoreMeters, raw: redis.Redis
) -> None:
    hold = a_hold("h1", budget(400))
    await meters.hold(hold)
    for amount in (500, 500, 450, 100):
        assert await extend(meters, hold, amount) == Extended(Extension.HELD)
    assert counters(raw) == (0, 500)


async def test_where_a_rule_says_cut_there_must_be_room_on_every_meter_or_none_is_touched(
    meters: StoreMeters, raw: redis.Redis
) -> None:
    hold = a_hold(
        "h1",
        budget(400, name="team", limit=10_000, rule="org/team"),
        rate(5, 1000, 10**6),
        budget(400, rule="org/day"),
    )
    await meters.hold(hold)
    await meters.hold(a_hold("h2", budget(500)))
    assert await extend(meters, hold, 600, 50, 501, on_outgrown=CUT) == Extended(Extension.REFUSED, "org/day")
    assert raw.hget("{acme}:m:team", "r") == "400"
    assert counters(raw) == (0, 900)
    assert (await meters.hold(a_hold("h3", rate(1, 1000, 10**6)))).levels[0].level == 5
    assert await extend(meters, hold, 600, 50, 500, on_outgrown=CUT) == Extended(Extension.HELD)
    assert counters(raw) == (0, 1000)


async def test_a_rate_that_must_have_room_is_asked_like_a_hold_is(meters: StoreMeters) -> None:
    hold = a_hold("h1", rate(60, 100, 10**6, rule="org/pace"))
    await meters.hold(hold)
    assert await extend(meters, hold, 101, on_outgrown=CUT) == Extended(Extension.REFUSED, "org/pace")
    assert await extend(meters, hold, 100, on_outgrown=CUT) == Extended(Extension.HELD)


async def test_what_is_being_spent_is_held_although_there_is_no_room_so_that_others_see_it(
    meters: StoreMeters, raw: redis.Redis
) -> None:
    hold = a_hold("h1", budget(400), rate(60, 100, 10**6))
    await meters.hold(hold)
    assert await extend(meters, hold, 5_000, 300) == Extended(Extension.HELD)
    assert counters(raw) == (0, 5_000)
    refused = await meters.hold(a_hold("h2", budget(1), rate(1, 100, 10**6)))
    assert refused.state is HoldState.REFUSED
    assert [level.level for level in refused.levels] == [5_000, 300]


async def test_a_rule_in_audit_never_ends_a_stream(meters: StoreMeters, raw: redis.Redis) -> None:
    hold = a_hold("h1", budget(400, enforce=False))
    await meters.hold(hold)
    assert await extend(meters, hold, 5_000, on_outgrown=CUT) == Extended(Extension.HELD)
    assert counters(raw) == (0, 5_000)


async def test_grants_are_room(meters: StoreMeters, raw: redis.Redis) -> None:
    hold = a_hold("h1", budget(400))
    await meters.hold(hold)
    assert (await extend(meters, hold, 1_200, on_outgrown=CUT)).state is Extension.REFUSED
    raw.hset("{acme}:m:day", "g", 200)
    assert (await extend(meters, hold, 1_200, on_outgrown=CUT)).state is Extension.HELD


async def test_a_shadow_rate_that_took_nothing_takes_nothing_more(meters: StoreMeters, raw: redis.Redis) -> None:
    hold = a_hold("h1", rate(50, 10, 1000, enforce=False))
    await meters.hold(hold)
    assert await extend(meters, hold, 80) == Extended(Extension.HELD)
    assert raw.exists("{acme}:m:rate") == 0


async def test_a_settlement_gives_back_all_that_was_taken(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    tokens = rate(10, 1000, 10**6)
    hold = a_hold("h1", budget(400), tokens)
    await meters.hold(hold)
    await extend(meters, hold, 800, 200)
    await settler.settle([entry(1, "h1", charge(budget(0), 700), charge(tokens, 150))])
    assert counters(raw) == (700, 0)
    assert (await meters.hold(a_hold("h2", rate(1, 1000, 10**6)))).levels[0].level == 150


async def test_a_release_gives_back_all_that_was_taken(meters: StoreMeters, raw: redis.Redis) -> None:
    hold = a_hold("h1", budget(400), rate(10, 1000, 10**6))
    await meters.hold(hold)
    await extend(meters, hold, 800, 200)
    meters.release(hold)
    await meters.drain()
    assert counters(raw) == (0, 0)
    assert (await meters.hold(a_hold("h2", rate(1, 1000, 10**6)))).levels[0].level <= 1


async def test_an_orphan_is_swept_with_what_it_has_come_to(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    hold = a_hold("h1", budget(400), rate(10, 1000, 10**6))
    await meters.hold(hold)
    await extend(meters, hold, 2**52, 200)
    assert unpack_draws(raw_bytes(raw, "{acme}:h:h1")) == grown(hold, 2**52, 200)
    await ready_to_sweep(settler)
    expire(raw)
    (orphan,) = await settler.claim_expired("acme", 10)
    assert orphan.draws == grown(hold, 2**52, 200)
    await settler.settle([entry(1, "h1", charge(budget(0), 500), swept=True)])
    assert counters(raw) == (500, 0)


async def test_a_hold_that_is_over_or_lost_holds_nothing_more(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    settled, released, lost = (a_hold(name, budget(10)) for name in ("h1", "h2", "h3"))
    for hold in (settled, released):
        await meters.hold(hold)
    await settler.settle([entry(1, "h1", charge(budget(0), 20))])
    meters.release(released)
    await meters.drain()
    for hold in (settled, released, lost):
        assert await extend(meters, hold, 30, on_outgrown=CUT) == Extended(Extension.OPEN)
    assert counters(raw) == (20, 0)


async def test_a_touch_takes_a_lost_hold_again_with_what_it_had_come_to(meters: StoreMeters, raw: redis.Redis) -> None:
    hold = a_hold("h1", budget(400))
    await meters.hold(hold)
    await extend(meters, hold, 900)
    raw.flushall()
    meters.touch(msgspec.structs.replace(hold, draws=grown(hold, 900)), 850)
    await meters.drain()
    assert counters(raw) == (0, 900)


async def test_other_draws_than_the_holds_own_and_foreign_values_change_nothing(
    meters: StoreMeters, raw: redis.Redis
) -> None:
    hold = a_hold("h1", budget(400), rate(10, 1000, 10**6))
    await meters.hold(hold)
    strangers = (grown(a_hold("h1", budget(1)), 500), grown(a_hold("h1", budget(1, name="x"), rate(1, 9, 9)), 500, 9))
    for draws in strangers:
        assert (await meters.extend(hold, draws, wishes(draws))).state is Extension.OPEN
    raw.set("{acme}:m:rate", "text")
    await extend(meters, hold, 500, 100)
    assert counters(raw) == (0, 400)
    assert (await extend(meters, hold, 2**53 + 1, 1)).state is Extension.OPEN


@pytest.mark.parametrize(
    ("down", "amount", "goes_on"),
    [
        (StoreDown("deny"), 11, False),
        (StoreDown("allow"), 10**9, True),
        (StoreDown("local", local_share_millionths=500_000), 200, True),
        (StoreDown("local", local_share_millionths=500_000), 900, False),
    ],
)
async def test_while_the_store_is_away_a_rule_that_cuts_does_as_it_says_for_that(
    meters: StoreMeters, down: StoreDown, amount: int, *, goes_on: bool
) -> None:
    hold = a_hold("h1", budget(10, rule="org/day"))
    await meters.hold(hold)
    wish = [msgspec.structs.replace(wishes(hold.draws, CUT)[0], store_down=down)]
    await meters._store.close()
    expected = Extended(Extension.OPEN) if goes_on else Extended(Extension.REFUSED, "org/day")
    assert await meters.extend(hold, grown(hold, amount), wish) == expected
    assert await extend(meters, hold, 10**9) == Extended(Extension.OPEN)  # what may finish asks nobody


def raw_bytes(raw: redis.Redis, key: str) -> bytes:
    """The draws in a hold's record, as they are."""
    path = raw.connection_pool.connection_kwargs["path"]
    with redis.Redis(unix_socket_path=path) as client:
        return bytes(client.hget(key, "draws") or b"")

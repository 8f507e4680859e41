"""Looking at meters shows what a hold would find, and changes nothing."""

from __future__ import annotations

import pytest
import redis

from proxy.domain.errors import StoreAway
from proxy.stores.looking import Stand, stands
from proxy.stores.meters import StoreMeters
from proxy.stores.store import Store
from tests.support.meters import ORG, a_hold, budget, parallel, rate

DRAWS = (budget(400), rate(5, 10, 1_000_000_000), parallel(2))


async def test_meters_that_nobody_used_stand_at_nothing(store: Store, raw: redis.Redis) -> None:
    assert await stands(store, ORG, DRAWS) == [Stand(0), Stand(0), Stand(0)]
    assert raw.keys() == []


async def test_what_is_seen_is_what_the_next_hold_finds(store: Store, meters: StoreMeters, raw: redis.Redis) -> None:
    await meters.hold(a_hold("h1", *DRAWS))
    raw.hset(DRAWS[0].key, mapping={"s": 100, "g": 5_000})
    before = [raw.hgetall(DRAWS[0].key), raw.get(DRAWS[1].key), raw.zrange(DRAWS[2].key, 0, -1, withscores=True)]
    seen = await stands(store, ORG, DRAWS)
    after = [raw.hgetall(DRAWS[0].key), raw.get(DRAWS[1].key), raw.zrange(DRAWS[2].key, 0, -1, withscores=True)]
    assert after == before
    held = await meters.hold(a_hold("h2", *DRAWS))
    assert [one.used for one in seen] == [level.level for level in held.levels] == [500, 5, 1]
    assert seen[0].granted == 5_000


async def test_a_store_that_is_away_is_told(store: Store) -> None:
    await store.close()
    with pytest.raises(StoreAway):
        await stands(store, ORG, DRAWS)

"""The promise of the ledger: whatever happens to the store, at rest counters equal the journals and nothing is held."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
import redis

from proxy.stores.engine import Engine
from proxy.stores.store import Store
from tests.support.ledger_model import JOURNALS, ORG, World
from tests.support.ledger_truth import check_reserved, check_rest

SECONDS = float(os.environ.get("LEDGER_SECONDS", "4"))
STEPS = 150


async def live(seed: int, steps: int, stores: list[Store], raw: redis.Redis) -> Counter[str]:
    """One life of a world."""
    raw.flushall()
    random = Random(seed)
    world = World(random, stores, raw)
    for n in range(steps):
        await world.step()
        if n % 10 == 0:
            check_reserved(raw, ORG)
    await world.come_to_rest()
    check_rest(raw, ORG, world.journals.totals(*JOURNALS))
    return world.done


async def test_counters_equal_the_journals_whatever_happens(engine: Engine, new_store: Callable[[], Store]) -> None:
    """Random lives until the time is up; LEDGER_SEED repeats one, and a failure names the shortest that fails."""
    stores = [new_store(), new_store()]
    for store in stores:
        await store.wait_up(2)
    given = os.environ.get("LEDGER_SEED")
    first = int(given) if given else time.time_ns() % 10**9
    ends, seed, done = time.monotonic() + SECONDS, first, Counter[str]()
    with redis.Redis(unix_socket_path=str(engine.socket)) as raw:
        while True:
            try:
                done += await live(seed, STEPS, stores, raw)
            except AssertionError as failure:
                pytest.fail(f"LEDGER_SEED={seed}: {failure}; fails after {await shortest(seed, stores, raw)} steps")
            seed += 1
            if time.monotonic() > ends or given:
                break
    print(f"{seed - first} lives from seed {first}: {dict(done)}")


async def shortest(seed: int, stores: list[Store], raw: redis.Redis) -> int:
    """The fewest steps after which this life does not come to a true rest."""
    for steps in range(STEPS):
        try:
            await live(seed, steps, stores, raw)
        except AssertionError:
            return steps
    return STEPS

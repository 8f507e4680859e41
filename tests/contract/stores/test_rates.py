"""A rate admits exactly what a token bucket would, also when settling moves it."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import redis

from proxy.domain.meter import HoldState
from proxy.stores.engine import Engine
from proxy.stores.meters import StoreMeters
from proxy.stores.settler import StoreSettler
from tests.support.ledger_model import move
from tests.support.meters import a_hold, charge, entry, rate

UNIT_S = 1_000  # so long that the time which the test itself takes decides nothing
UNIT_US = UNIT_S * 1_000_000
BURST = 50


class Bucket:
    """Units in use, draining at one per UNIT_S: the definition, without arrival times."""

    def __init__(self) -> None:
        self.used = 0.0

    def drain(self, units: int) -> None:
        self.used = max(0.0, self.used - units)

    def fits(self, units: int) -> bool | None:
        """Whether there is room; None when it is too close to call, for real time passes too."""
        room = BURST - self.used - units
        return None if -0.5 < room < 0 else room >= 0


@pytest.mark.parametrize("seed", range(8))
async def test_admissions_are_those_of_an_exact_bucket(
    seed: int, engine: Engine, meters: StoreMeters, settler: StoreSettler
) -> None:
    random, bucket, seq, live = Random(seed), Bucket(), 0, dict[str, int]()
    client: Any
    with redis.Redis(unix_socket_path=str(engine.socket)) as client:
        for n in range(250):
            thing = random.random()
            if thing < 0.45:
                units = random.randint(0, 20)
                fits = bucket.fits(units)
                held = await meters.hold(a_hold(f"h{n}", rate(units, BURST, UNIT_US)))
                assert fits is None or fits is (held.state is HoldState.ADMITTED), (n, bucket.used, units, held)
                if held.state is HoldState.ADMITTED:
                    bucket.used += units
                    live[f"h{n}"] = units
            elif thing < 0.75 and live:
                hold_id, units = live.popitem()
                actual = random.randint(0, 40)
                bucket.used = max(0.0, bucket.used + actual - units)
                seq += 1
                await settler.settle([entry(seq, hold_id, charge(rate(0, BURST, UNIT_US), actual))])
            else:
                units = random.choice((1, 3, 10, 60))
                bucket.drain(units)
                move(client, units * UNIT_S)

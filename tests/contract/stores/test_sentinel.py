"""A store behind Sentinel is found through whichever of them lives, and followed through a failover."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
import redis

from proxy.config.store_url import parse_endpoint
from proxy.domain.errors import StoreAway
from proxy.domain.meter import HoldState
from proxy.stores.meters import StoreMeters
from proxy.stores.store import Store
from tests.support.ledger_truth import check_rest
from tests.support.meters import a_hold, budget
from tests.support.paper_load import PaperLoad
from tests.support.running import free_port
from tests.support.sentinels import SentinelPair, running_pair
from tests.support.servers import wait_for


@pytest.fixture(scope="module")
def pair() -> Iterator[SentinelPair]:
    with running_pair("valkey") as found:  # of one kind: what is ours does not depend on it
        yield found


async def test_a_sentinel_that_is_dead_or_silent_does_not_hide_the_others(pair: SentinelPair) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel accepts, and nobody ever speaks
        ports = free_port(), silent.getsockname()[1], pair.ports[0]
        named = ",".join(f"127.0.0.1:{port}" for port in ports)
        store = Store(parse_endpoint(f"redis+sentinel://{named}/main"), deadline_s=2)
        store.start()
        await store.wait_up(10)
        assert (await StoreMeters(store).hold(a_hold("h", budget(1)))).state is HoldState.ADMITTED
        await store.close()


async def test_a_name_that_no_sentinel_knows_is_said(pair: SentinelPair) -> None:
    store = Store(parse_endpoint(pair.url.replace("/main", "/other")))
    store.start()
    with pytest.raises(StoreAway, match="No such master"):
        await store.wait_up(0.5)
    await store.close()


async def test_counters_are_the_sum_of_the_journals_though_the_primary_dies_under_load(pair: SentinelPair) -> None:
    stores = [Store(parse_endpoint(pair.url), deadline_s=0.3) for _ in range(2)]
    for store in stores:
        store.start()
    with redis.Redis(unix_socket_path=str(pair.primary().engine.socket)) as raw:
        raw.flushall()
    first = pair.primary()
    async with PaperLoad("acme", dict(zip("AB", stores, strict=True))) as load:
        await load.more(50)
        first.kill()
        await load.more(50)
    await asyncio.to_thread(wait_for, lambda: pair.primary() is not first)
    with pair.primary().client() as raw:
        check_rest(raw, "acme", load.charges)
    for store in stores:
        await store.close()

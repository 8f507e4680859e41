"""Two proxies on a pair that Sentinels watch: a failover under load costs nobody a count."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from tests.support.fleet import Hammering, Machine, fleet, wait_rest
from tests.support.sentinels import SentinelPair, running_pair
from tests.support.servers import Node, wait_for


@pytest.fixture(scope="module")
def servers() -> Iterator[SentinelPair]:
    with running_pair("valkey", 3) as found:
        yield found


@pytest.fixture(scope="module")
def pair(servers: SentinelPair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Machine]]:
    """Two proxies with money enough for the local allowance."""
    with fleet(tmp_path_factory.mktemp("home"), [(servers.url, None)] * 2, "limit: $1000/day") as found:
        yield found


async def promoted(servers: SentinelPair, old: Node) -> None:
    await asyncio.to_thread(wait_for, lambda: servers.primary() is not old)


async def test_a_primary_that_dies_under_load_is_followed_by_its_replica(
    servers: SentinelPair, pair: list[Machine]
) -> None:
    """Settled money is replayed to the new one; when the old one comes back, it has nothing to say."""
    old = servers.primary()
    async with Hammering(pair) as load:
        await load.served(50)
        old.kill()
        await promoted(servers, old)
        await load.served(50)
        old.engine.start()
        await load.served(50)
    await asyncio.to_thread(wait_rest, pair, lambda: servers.primary().client())
    load.check_nothing_lost()


async def test_a_primary_that_wakes_up_after_its_replica_was_promoted_counts_nothing(
    servers: SentinelPair, pair: list[Machine]
) -> None:
    """For a moment there are two, and what the wrong one is told is lost with it."""
    old = servers.primary()
    await asyncio.to_thread(wait_for, lambda: old.info("replication")["connected_slaves"] == 1)
    pid = old.engine.pid
    assert pid is not None
    async with Hammering(pair) as load:
        os.kill(pid, signal.SIGSTOP)
        try:
            await promoted(servers, old)
        finally:
            os.kill(pid, signal.SIGCONT)
        await load.served(100)
    await asyncio.to_thread(wait_rest, pair, lambda: servers.primary().client())
    load.check_nothing_lost()

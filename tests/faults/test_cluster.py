"""Two proxies on a Redis Cluster: one budget, held exactly, whatever happens to the node that has it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support.clusters import Cluster, running_cluster
from tests.support.fleet import ORG, Hammering, Machine, admit_exactly, fleet, wait_rest


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three nodes that share the slots, and a replica of the one that has the org."""
    with running_cluster("valkey", replica_of=ORG) as found:
        yield found


@pytest.fixture(scope="module")
def pair(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Machine]]:
    """Two proxies with money enough for the local allowance; the first test has left nothing in the store."""
    with fleet(tmp_path_factory.mktemp("home"), [(cluster.url, None)] * 2, "limit: $1000/day") as found:
        yield found


def client(cluster: Cluster) -> redis.Redis:
    return cluster.owner(ORG).client()


async def test_of_all_calls_on_both_proxies_exactly_those_that_fit_are_admitted(
    cluster: Cluster, tmp_path: Path
) -> None:
    await admit_exactly(tmp_path, [(cluster.url, None)] * 2, lambda: client(cluster))
    client(cluster).flushall()


async def test_a_slot_that_moves_under_load_takes_everything_along(cluster: Cluster, pair: list[Machine]) -> None:
    home = cluster.owner(ORG)
    away = next(node for node in cluster.masters() if node is not home)
    async with Hammering(pair) as load:
        for node in (away, home):
            await asyncio.to_thread(cluster.move, ORG, node, pause_s=0.05, at_once=5)
            await load.served(20)
    await asyncio.to_thread(wait_rest, pair, lambda: client(cluster))
    load.check_nothing_lost()


async def test_a_node_that_dies_under_load_is_followed_by_its_replica(cluster: Cluster, pair: list[Machine]) -> None:
    """What the replica had not heard is settled once more: counters are a projection of journals."""
    dead = cluster.owner(ORG)
    async with Hammering(pair) as load:
        await load.served(50)
        dead.kill()
        await load.served(100)
    await asyncio.to_thread(wait_rest, pair, lambda: client(cluster))
    assert cluster.owner(ORG) is cluster.nodes[3]
    load.check_nothing_lost()

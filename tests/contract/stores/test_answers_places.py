"""A cache behind Sentinel is followed through a failover; in a cluster each scope lies in one slot, and its scripts run there."""

from __future__ import annotations

import asyncio

import pytest

from proxy.domain.reuse import Hit, Missed
from proxy.stores.answers.spots import BUCKETS
from tests.support.cached import STUCK_S, a_key, a_worker, an_entry, hit, led, stored, waiting
from tests.support.clusters import running_cluster
from tests.support.engines import KINDS
from tests.support.sentinels import running_pair

SCOPES = ("org", "team:growth", "team:research", "user:p_1", "user:p_2")


@pytest.mark.parametrize("kind", KINDS)
async def test_scopes_are_spread_and_each_is_whole(kind: str) -> None:
    with running_cluster(kind) as cluster:
        async with a_worker(cluster.url) as one, a_worker(cluster.url) as other:
            for scope in SCOPES:
                await stored(one, a_key(scope=scope))
                await hit(other, a_key(scope=scope))
                lead = await led(one, a_key("slow", scope))
                there = asyncio.create_task(other.ask(a_key("slow", scope), caller="k_1"))
                await waiting(other, 1)
                lead.deposit(an_entry(a_key("slow", scope)))
                async with asyncio.timeout(STUCK_S):
                    assert isinstance(await there, Hit)
            assert sum(bool(node.ask("DBSIZE")) for node in cluster.masters()) > 1
            await one.flush("acme", "team:growth")
            await led(other, a_key(scope="team:growth"))
            assert await other.forget("acme", SCOPES, a_key(scope="org").name)
            await led(one, a_key(scope="org"))
            await hit(one, a_key(scope="user:p_1"), "k_2")
            for person in range(200):  # however many scopes there are
                await led(one, a_key(scope=f"user:p_{person}"))
            assert len(one._store._shards) <= BUCKETS  # each of which has a connection
            await other.flush_all("acme")
            for scope in SCOPES:
                await led(one, a_key(scope=scope))
            assert one.troubles == other.troubles == {}


async def test_after_a_failover_workers_share_answers_again() -> None:
    with running_pair("valkey") as pair:  # of one kind: what is ours does not depend on it
        async with a_worker(pair.url) as one, a_worker(pair.url) as other:
            await stored(one, a_key())
            await hit(other, a_key())
            pair.primary().kill()
            async with asyncio.timeout(STUCK_S):
                while isinstance(lead := await one.ask(a_key("after"), caller="k_1"), Missed):  # noqa: ASYNC110 - another process: there is no event to wait for
                    await asyncio.sleep(0.05)
                assert not isinstance(lead, Hit)
                await other._store.wait_up(STUCK_S)
                there = asyncio.create_task(other.ask(a_key("after"), caller="k_1"))
                await waiting(other, 1)
                lead.deposit(an_entry(a_key("after")))
                assert isinstance(await there, Hit)

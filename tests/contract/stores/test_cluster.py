"""A Redis Cluster: every org is counted where its slot is, and neither a failover nor a slot that moves loses or doubles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from proxy.config.store_url import parse_endpoint
from proxy.domain.decision import Watch
from proxy.domain.errors import StoreAway
from proxy.domain.lately import Counts, Lately
from proxy.domain.meter import Charge, Draw, Hold, HoldState, MeterKind, Settlement, Unit
from proxy.stores.meters import StoreMeters
from proxy.stores.settler import StoreSettler
from proxy.stores.store import Store
from proxy.stores.usage import StoreUsage
from tests.support.clusters import Cluster, running_cluster, slot_of
from tests.support.engines import KINDS, running_engine
from tests.support.ledger_truth import check_rest
from tests.support.meters import FAR
from tests.support.paper_load import PaperLoad
from tests.support.running import free_port
from tests.support.servers import Node

ORG, ELSEWHERE = "acme", "hooli"  # two orgs whose slots lie on two nodes


@pytest.fixture(scope="module", params=KINDS)
def formed(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with running_cluster(request.param, replica_of=ORG) as cluster:
        yield cluster


@pytest.fixture
def cluster(formed: Cluster) -> Cluster:
    """A cluster that knows nothing, with its slots wherever the last test left them."""
    for node in formed.masters():
        node.ask("CLUSTER", "SETSLOT", slot_of(ORG), "STABLE")
        node.ask("FLUSHALL")
    return formed


@asynccontextmanager
async def a_store(url: str, deadline_s: float = 5) -> AsyncIterator[Store]:
    store = Store(parse_endpoint(url), deadline_s=deadline_s)
    store.start()
    try:
        yield store
    finally:
        await store.close()


def a_hold(hold_id: str, org: str = ORG, meters: tuple[str, ...] = ("day",)) -> Hold:
    """Ten of each budget."""
    draws = (
        Draw(f"{{{org}}}:m:{meter}", MeterKind.BUDGET, Unit.NUSD, 10, 10**9, period_start=1, period_end=FAR)
        for meter in meters
    )
    return Hold(hold_id, org, tuple(draws), b"{}", 0)


def an_entry(seq: int, hold: Hold, amount: int, journal: str = "A") -> Settlement:
    charges = tuple(Charge(draw.key, draw.kind, amount, 0, draw.period_end) for draw in hold.draws)
    return Settlement(hold.org, journal, seq, hold.id, charges)


def another(cluster: Cluster, node: Node) -> Node:
    """A master that is not this one."""
    return next(master for master in cluster.masters() if master is not node)


def everything(node: Node) -> dict[bytes, bytes]:
    """All that a node has, as it keeps it, whether its slot has come whole or not."""
    found = {}
    with node.client() as client:
        for name in client.keys("*"):
            pipeline = client.pipeline(transaction=False)
            pipeline.execute_command("ASKING")
            _, found[name] = pipeline.dump(name).execute()
    return found


async def until(what: Callable[[], Awaitable[object]]) -> None:
    """Ask until it is so; a store that is away is asked again."""
    async with asyncio.timeout(30):
        while True:
            try:
                if await what():
                    return
            except StoreAway:
                pass
            await asyncio.sleep(0.05)


async def test_every_org_is_held_and_counted_where_its_slot_is(cluster: Cluster) -> None:
    async with a_store(cluster.url) as store:
        meters, settler = StoreMeters(store), StoreSettler(store)
        for org in (ORG, ELSEWHERE):
            hold, given_up, key = a_hold("h", org), a_hold("given up", org), f"{{{org}}}:m:day"
            assert (await meters.hold(hold)).state is HoldState.ADMITTED
            await meters.hold(given_up)
            meters.touch(hold, 5)
            meters.release(given_up)
            await meters.drain()
            assert await meters.spent(key) == (0, 10, 0)
            assert await settler.open_holds(org) == ["h"]
            await settler.settle([an_entry(1, hold, 7)])
            assert await settler.applied(org, "A") == 1
            await settler.post_totals(org, "B", 3, [Charge(key, MeterKind.BUDGET, 5, 0, FAR)])
            assert await meters.spent(key) == (12, 0, 0)
        assert store.up
        here, there = cluster.owner(ORG), cluster.owner(ELSEWHERE)
        assert here is not there
        assert {name.partition(b":")[0] for name in everything(here)} == {b"{acme}"}
        assert {name.partition(b":")[0] for name in everything(there)} == {b"{hooli}"}


async def test_an_orphan_is_found_on_its_node(cluster: Cluster) -> None:
    async with a_store(cluster.url) as store:
        settler = StoreSettler(store, lease_s=0.5, claim_s=1)
        await StoreMeters(store, lease_s=0.5).hold(a_hold("orphan"))
        found: list[str] = []

        async def claim() -> bool:
            found.extend(orphan.hold_id for orphan in await settler.claim_expired(ORG, 10))
            return bool(found)

        await until(claim)
        assert found == ["orphan"]


async def test_a_cluster_whose_first_named_nodes_are_dead_is_found(cluster: Cluster) -> None:
    dead = ",".join(f"127.0.0.1:{free_port()}" for _ in range(2))
    async with a_store(f"redis+cluster://{dead},127.0.0.1:{cluster.nodes[2].port}") as store:
        for number in range(3):
            await StoreMeters(store).hold(a_hold("h", f"org{number}"))


async def test_a_name_and_password_open_every_node_and_are_never_shown(cluster: Cluster) -> None:
    for node in cluster.nodes:
        node.ask("ACL", "SETUSER", "ann", "on", ">s3cret", "~*", "+@all")
    async with a_store(cluster.url.replace("://", "://ann:s3cret@")) as store:
        for org in (ORG, ELSEWHERE):
            await StoreMeters(store).hold(a_hold("h", org))
            assert await store.of(org).command("ACL", "WHOAMI") == b"ann"
    async with a_store(cluster.url.replace("://", "://ann:wr0ng@"), 0.5) as store:
        with pytest.raises(StoreAway, match="WRONGPASS") as away:
            await StoreMeters(store).hold(a_hold("h"))
        assert "wr0ng" not in f"{away.value} {store.fault}"


async def test_a_server_that_is_no_cluster_is_named_with_what_it_said() -> None:
    port = free_port()
    with running_engine("valkey", "--port", str(port)):
        async with a_store(f"redis+cluster://127.0.0.1:{port}", 0.5) as store:
            with pytest.raises(StoreAway, match="cluster support disabled"):
                await StoreMeters(store).hold(a_hold("h"))
            assert not store.up
            assert "cluster support disabled" in store.fault


async def test_a_slot_that_moved_is_followed_whoever_asks_first(cluster: Cluster) -> None:
    async with a_store(cluster.url) as store:
        meters, settler, hold = StoreMeters(store), StoreSettler(store), a_hold("h")
        asks: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: settler.applied(ORG, "A"),
            lambda: meters.spent("{acme}:m:day"),
            lambda: settler.settle([an_entry(1, hold, 7)]),
            lambda: meters.hold(a_hold("next")),
        )
        await meters.hold(hold)
        for ask in asks:
            await asyncio.to_thread(cluster.move, ORG, another(cluster, cluster.owner(ORG)))
            await ask()
        assert await meters.spent("{acme}:m:day") == (7, 10, 0)


@pytest.mark.parametrize("gone", ["m:day", "open", "applied", "h:h", "open applied", "m:day h:h", "m:day open applied"])
async def test_nothing_is_done_while_some_keys_of_an_org_are_here_and_some_there(cluster: Cluster, gone: str) -> None:
    """Half of a settlement would be money lost: a meter that has left looks like one that never was."""
    source = cluster.owner(ORG)
    target, hold, given_up = another(cluster, source), a_hold("h", ORG, ("day", "month")), a_hold("given up")
    asks: tuple[Callable[[Store], Awaitable[object]], ...] = (
        lambda store: StoreMeters(store).hold(a_hold("new")),
        lambda store: StoreSettler(store).settle([an_entry(1, hold, 7)]),
        lambda store: StoreSettler(store).post_totals(ORG, "C", 1, an_entry(1, hold, 7).charges),
        lambda store: StoreSettler(store, lease_s=0).claim_expired(ORG, 10),
        lambda store: _touched(store, hold),
        lambda store: _touched(store, a_hold("new")),
    )
    async with AsyncExitStack() as stack:  # each asks on a connection of its own, from before the slot began to move
        store, *stores = [await stack.enter_async_context(a_store(cluster.url, 0.3)) for _ in range(len(asks) + 1)]
        for one in stores:
            await StoreMeters(one).spent("{acme}:m:day")
        meters, settler = StoreMeters(store), StoreSettler(store)
        await meters.hold(hold)
        await meters.hold(given_up)
        await settler.settle([an_entry(1, a_hold("none"), 1, "B")])
        with source.client() as raw:
            raw.zadd("{acme}:open", {"h": 1})  # its lease has run out: an orphan could be claimed
        cluster.begin_move(ORG, target)
        cluster.migrate(source, target, [f"{{acme}}:{name}" for name in gone.split()])
        before = everything(source), everything(target)
        meters.release(given_up)
        async with asyncio.TaskGroup() as group:
            for ask, one in zip(asks, stores, strict=True):
                group.create_task(_refused(ask, one))
        assert (everything(source), everything(target)) == before
        cluster.finish_move(ORG, source, target)
        await until(lambda: _is(settler.open_holds(ORG), ["h"]))  # the release was owed
        await settler.settle([an_entry(1, hold, 7)])
        assert await meters.spent("{acme}:m:day") == (8, 0, 0)
        assert await meters.spent("{acme}:m:month") == (7, 0, 0)


async def _refused(ask: Callable[[Store], Awaitable[object]], store: Store) -> None:
    with pytest.raises((StoreAway, TimeoutError)):
        async with asyncio.timeout(0.4):  # some would wait for longer
            await ask(store)
    assert not store.up
    assert "ASK" in store.fault or "TRYAGAIN" in store.fault


async def _touched(store: Store, hold: Hold) -> None:
    """What a touch does in the background."""
    await StoreMeters(store)._touch(hold, 9)


async def _is(answer: Awaitable[object], wanted: object) -> bool:
    return await answer == wanted


async def test_counters_are_the_sum_of_the_journals_though_the_slot_moves_under_load(cluster: Cluster) -> None:
    async with a_store(cluster.url, 0.3) as one, a_store(cluster.url, 0.3) as two:
        async with PaperLoad(ORG, {"A": one, "B": two}) as load:
            for _ in range(2):
                to = another(cluster, cluster.owner(ORG))
                await asyncio.to_thread(cluster.move, ORG, to, pause_s=0.05, at_once=3)
                await load.more(20)
        with cluster.owner(ORG).client() as raw:
            check_rest(raw, ORG, load.charges)


async def test_counters_are_the_sum_of_the_journals_though_the_node_dies_under_load(cluster: Cluster) -> None:
    """What the replica had not heard yet is settled once more."""
    master = cluster.master_of(cluster.nodes[3])
    if cluster.owner(ORG) is not master:
        await asyncio.to_thread(cluster.move, ORG, master)
    async with a_store(cluster.url, 0.3) as one, a_store(cluster.url, 0.3) as two:
        async with PaperLoad(ORG, {"A": one, "B": two}) as load:
            await load.more(50)
            master.kill()
            await load.more(50)
        assert cluster.owner(ORG) is cluster.nodes[3]
        with cluster.nodes[3].client() as raw:
            check_rest(raw, ORG, load.charges)


async def test_what_scopes_did_lately_is_counted_where_their_org_is(cluster: Cluster) -> None:
    async with a_store(cluster.url) as store:
        usage = StoreUsage(store, lambda: 0.0)
        for org in (ORG, ELSEWHERE):
            usage.of(org, "user:p_ann", ["org/loop"])
            usage.add(org, ["user:p_ann"], Counts(1, 1))
            usage.watch(org, Watch("org/loop", "user:p_ann", 7, 1))
        await usage.round()
        fresh = StoreUsage(store, lambda: 0.0)
        for org in (ORG, ELSEWHERE):
            fresh.of(org, "user:p_ann", ["org/loop"])
        await fresh.round()
        for org in (ORG, ELSEWHERE):
            assert fresh.of(org, "user:p_ann", ["org/loop"]) == Lately(Counts(1, 1), Counts(1, 1), (("org/loop", 7),))

"""Every contract test of the store runs on both ends of the range of engines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import redis

from proxy.config.store_url import parse_endpoint
from proxy.stores.engine import Engine
from proxy.stores.meters import StoreMeters
from proxy.stores.settler import StoreSettler
from proxy.stores.store import Store
from proxy.stores.usage import StoreUsage
from proxy.stores.virtual import VirtualMeters, virtual_meters
from tests.support.engines import KINDS, running_engine
from tests.support.watchmaker import Watchmaker

LEASE_S = 0.5


@pytest.fixture(scope="session", params=KINDS)
def shared_engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with running_engine(request.param) as engine:
        yield engine


@pytest.fixture
def engine(shared_engine: Engine) -> Engine:
    """An engine that knows nothing. A test that stops or breaks one starts its own."""
    with redis.Redis(unix_socket_path=str(shared_engine.socket)) as client:
        client.flushall()
        client.script_flush()
    return shared_engine


@pytest.fixture
def raw(engine: Engine) -> Iterator[redis.Redis]:
    """The engine, seen by another client."""
    with redis.Redis(unix_socket_path=str(engine.socket), decode_responses=True) as client:
        yield client


@pytest.fixture
async def new_store(engine: Engine) -> AsyncIterator[Callable[[], Store]]:
    """Makes started stores, as each worker has one."""
    stores: list[Store] = []

    def make() -> Store:
        store = Store(
            parse_endpoint(engine.url), deadline_s=2
        )  # tests judge what happens, not how fast this machine is
        store.start()
        stores.append(store)
        return store

    yield make
    for store in stores:
        await store.close()


@pytest.fixture
async def store(new_store: Callable[[], Store]) -> Store:
    made = new_store()
    await made.wait_up(2)
    return made


@pytest.fixture
async def meters(store: Store) -> AsyncIterator[StoreMeters]:
    made = StoreMeters(store, lease_s=LEASE_S)
    yield made
    await made.drain()


@pytest.fixture
def settler(store: Store) -> StoreSettler:
    return StoreSettler(store, lease_s=LEASE_S, claim_s=LEASE_S)


@pytest.fixture(scope="session")
def virtual_engine() -> Iterator[VirtualMeters]:
    """A private engine with a clock of its own."""
    with virtual_meters() as made:
        yield made


@pytest.fixture
def virtual(virtual_engine: VirtualMeters) -> VirtualMeters:
    """One that knows nothing."""
    virtual_engine.forget()
    return virtual_engine


@pytest.fixture
def clock() -> Watchmaker:
    return Watchmaker()


@pytest.fixture
async def workers(new_store: Callable[[], Store], clock: Watchmaker) -> tuple[StoreUsage, StoreUsage]:
    """What two workers know of scopes; their rounds are made by the test."""
    stores = new_store(), new_store()
    for made in stores:
        await made.wait_up(2)
    return StoreUsage(stores[0], clock), StoreUsage(stores[1], clock)

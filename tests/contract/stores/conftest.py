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
from tests.support.engines import KINDS, running_engine

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

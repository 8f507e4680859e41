"""A store behind TLS: verified, with a client certificate where the server wants one, alone, in a cluster, under Sentinel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.config.store_url import parse_endpoint
from proxy.domain.errors import StoreAway
from proxy.domain.meter import HoldState
from proxy.stores.meters import StoreMeters
from proxy.stores.store import Store
from tests.support.certificates import self_signed
from tests.support.clusters import running_cluster
from tests.support.engines import short_folder
from tests.support.meters import a_hold, budget
from tests.support.sentinels import running_pair
from tests.support.servers import HOST, Node

pytestmark = pytest.mark.needs("redis-server")  # the embedded engine has no TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Certificate and key of the server, which is its own authority, and signs our own name, too."""
    return self_signed(tmp_path_factory.mktemp("tls"), HOST, "localhost")


@pytest.fixture(scope="module")
def flags(certificate: tuple[Path, Path]) -> list[str]:
    """A server that wants to see its clients' certificates."""
    cert, key = map(str, certificate)
    return ["--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "yes"]


@pytest.fixture(scope="module")
def options(certificate: tuple[Path, Path]) -> str:
    cert, key = certificate
    return f"ssl_ca_certs={cert}&ssl_certfile={cert}&ssl_keyfile={key}"


@pytest.fixture(scope="module")
def server(flags: list[str]) -> Iterator[Node]:
    with short_folder() as folder:
        node = Node("store", folder, "redis", tls=flags)
        node.engine.start()
        yield node
        node.engine.stop()


@asynccontextmanager
async def a_store(url: str) -> AsyncIterator[Store]:
    store = Store(parse_endpoint(url), deadline_s=2)
    store.start()
    try:
        yield store
    finally:
        await store.close()


async def serves(url: str) -> None:
    async with a_store(url) as store:
        assert (await StoreMeters(store).hold(a_hold("h", budget(1)))).state is HoldState.ADMITTED
        assert store.up


async def test_a_server_is_verified_and_shown_our_certificate(server: Node, options: str) -> None:
    await serves(f"rediss://{HOST}:{server.port}/2?{options}")
    await serves(f"rediss://localhost:{server.port}?{options}")


async def test_a_server_whose_name_or_authority_is_wrong_is_not_used(
    server: Node, options: str, tmp_path: Path
) -> None:
    stranger, _ = self_signed(tmp_path, HOST)
    faults = {
        f"rediss://{HOST}:{server.port}": "self-signed certificate",
        f"rediss://{HOST}:{server.port}?ssl_ca_certs={stranger}": "certificate verify failed",
        f"rediss://127.0.0.2:{server.port}?{options}": "Connect call failed|IP address mismatch",
        f"rediss://{HOST}:{server.port}?ssl_ca_certs={tmp_path}/none.pem": "No such file",
    }
    for url, fault in faults.items():
        async with a_store(url) as store:
            with pytest.raises(StoreAway, match=fault):
                await store.wait_up(0.3)


async def test_a_server_that_wants_a_certificate_is_not_used_without(
    server: Node, certificate: tuple[Path, Path]
) -> None:
    async with a_store(f"rediss://{HOST}:{server.port}?ssl_ca_certs={certificate[0]}") as store:
        with pytest.raises(StoreAway):
            await store.wait_up(0.3)


async def test_a_cluster_is_asked_and_used_by_tls(flags: list[str], options: str) -> None:
    with running_cluster("redis", tls=flags) as cluster:
        await serves(f"{cluster.url}?{options}")


async def test_sentinels_are_asked_by_tls(flags: list[str], options: str) -> None:
    with running_pair("redis", tls=flags) as pair:
        await serves(f"{pair.url}?{options}")

"""A store behind Sentinel is followed through a failover."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from proxy.config.store_url import parse_endpoint
from proxy.domain.errors import StoreAway
from proxy.domain.meter import Held, HoldState
from proxy.stores.engine import Engine, embedded_binary, store_flags
from proxy.stores.meters import StoreMeters
from proxy.stores.store import Store
from tests.support.engines import short_folder
from tests.support.meters import a_hold, budget


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def sentinel_port() -> Iterator[int]:
    """The port of a Sentinel that watches a master and its replica; of one kind, for a failover takes ten seconds."""
    binary, ports = embedded_binary(), (free_port(), free_port(), free_port())
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        for name, port, extra in (("a", ports[0], ()), ("b", ports[1], ("--replicaof", f"127.0.0.1 {ports[0]}"))):
            flags = (
                *store_flags(),
                "--port",
                str(port),
                "--bind",
                "127.0.0.1",
                "--repl-diskless-sync-delay",
                "0",
                *extra,
            )
            engine = Engine(name, folder, flags, binary=binary)
            stack.callback(engine.stop)
            engine.start()
        with redis.Redis(port=ports[1], decode_responses=True) as replica:
            while replica.info("replication")["master_link_status"] != "up":
                time.sleep(0.05)
        stack.callback(watch(binary, folder, ports[2], ports[0]))
        yield ports[2]


def watch(binary: str, folder: Path, port: int, master_port: int) -> Callable[[], None]:
    """Start a Sentinel; returns what ends it."""
    settings = folder / "sentinel.conf"
    settings.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {folder}\nsentinel monitor main 127.0.0.1 {master_port} 1\n"
        "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n"
    )
    process = subprocess.Popen([binary, str(settings), "--sentinel"], stdout=subprocess.DEVNULL)

    def end() -> None:
        process.terminate()
        process.wait()

    return end


async def sure(meters: StoreMeters, name: str) -> Held:
    """A hold that goes through as soon as there is a master."""
    async with asyncio.timeout(30):
        for n in range(10_000):
            try:
                return await meters.hold(a_hold(f"{name}{n}", budget(1)))
            except StoreAway:
                await asyncio.sleep(0.05)
    raise AssertionError


async def replicated(port: int) -> None:
    """Wait until the Sentinel knows a replica that it could promote."""
    async with asyncio.timeout(30):
        with redis.Redis(port=port, decode_responses=True, socket_timeout=1) as sentinel:
            while True:
                try:
                    sentinel.execute_command("SENTINEL DEBUG", "info-period", 100)  # instead of ten seconds
                    if "slaves=1" in sentinel.info("sentinel")["master0"] or sentinel.sentinel_slaves("main"):
                        return
                except (redis.RedisError, KeyError, TypeError):
                    pass
                await asyncio.sleep(0.1)


async def test_a_failover_is_followed(sentinel_port: int) -> None:
    await replicated(sentinel_port)
    store = Store(parse_endpoint(f"redis+sentinel://127.0.0.1:{sentinel_port}/main"), deadline_s=2)
    store.start()
    meters = StoreMeters(store)
    assert (await sure(meters, "before")).state is HoldState.ADMITTED
    first = await store.command("CONFIG", "GET", "port")
    with redis.Redis(port=sentinel_port) as sentinel:
        async with asyncio.timeout(30):
            while True:
                try:
                    sentinel.execute_command("SENTINEL FAILOVER", "main")
                except redis.ResponseError:  # NOGOODSLAVE until the replica has caught up
                    await asyncio.sleep(0.2)
                else:
                    break
    async with asyncio.timeout(30):
        while True:
            await sure(meters, "after")
            try:
                if await store.command("CONFIG", "GET", "port") != first:
                    break
            except StoreAway:
                pass
            await asyncio.sleep(0.1)
    held = await sure(meters, "last")
    assert held.state is HoldState.ADMITTED
    await meters.drain()
    await store.close()

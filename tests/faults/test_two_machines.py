"""Two machines on networks of their own share one Redis: one budget, held exactly, whatever happens to the wires."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Event

import pytest
import redis

from proxy.domain.row import Rank
from proxy.stores.engine import Engine
from tests.support.callers import STREAMS
from tests.support.engines import running_engine
from tests.support.fleet import Hammering, Machine, admit_exactly, fleet, wait_rest
from tests.support.namespaces import Namespace, machines
from tests.support.scripts import Talk, streamed
from tests.support.waiting import until

pytestmark = pytest.mark.needs("ip", "iptables", "redis-server")

PORT = 6379


@pytest.fixture(scope="module")
def networks() -> Iterator[tuple[Namespace, ...]]:
    """A hub and two machines."""
    with machines("one", "two") as found:
        yield found


@pytest.fixture(scope="module")
def engine(networks: tuple[Namespace, ...]) -> Iterator[Engine]:
    """Redis on the hub."""
    with ExitStack() as stack:
        with networks[0].entered():
            flags = ("--port", str(PORT), "--bind", "0.0.0.0", "--protected-mode", "no")
            found = stack.enter_context(running_engine("redis", *flags))
        yield found


def places(networks: tuple[Namespace, ...], db: int) -> list[tuple[str, Namespace | None]]:
    """Each machine's own address of the hub."""
    return [(f"redis://{network.hub}:{PORT}/{db}", network) for network in networks[1:]]


def client(engine: Engine, db: int) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(engine.socket), db=db, socket_timeout=5)


@pytest.fixture(scope="module")
def pair(
    networks: tuple[Namespace, ...], engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Machine]]:
    """Two machines with money enough for the local allowance."""
    assert engine.pid
    with fleet(tmp_path_factory.mktemp("home"), places(networks, 0), "limit: $1000/day") as found:
        yield found


async def test_of_all_calls_on_both_machines_exactly_those_that_fit_are_admitted(
    networks: tuple[Namespace, ...], engine: Engine, tmp_path: Path
) -> None:
    await admit_exactly(tmp_path, places(networks, 1), partial(client, engine, 1))


def answers_lost(network: Namespace) -> None:
    """What was asked is done, and nobody here hears of it."""
    network.drop("INPUT", "--sport", PORT)


def requests_lost(network: Namespace) -> None:
    network.drop("OUTPUT", "--dport", PORT)


def unplugged(network: Namespace) -> None:
    network.unplug()


@pytest.mark.parametrize("cut", [answers_lost, requests_lost, unplugged], ids=lambda cut: str(cut.__name__))
async def test_a_machine_that_is_cut_off_goes_on_and_is_counted_when_it_is_back(
    cut: Callable[[Namespace], None], networks: tuple[Namespace, ...], engine: Engine, pair: list[Machine]
) -> None:
    """A call that runs on there is swept by the other machine meanwhile; its own row replaces that."""
    (one, two), (_, wire, _), model = pair, networks, f"gemini-{cut.__name__}"
    back = _stream_with_a_pause(one, model)
    async with Hammering(pair) as load:
        long = await one.call(model, stream=True)
        await long.reader.readuntil(b"data:")
        cut(wire)
        try:
            await load.served(20, 1)
            await until(lambda: _swept(two, model))
            await asyncio.sleep(2)  # until the connection itself is given up
        finally:
            wire.heal()
        back.set()
        assert b"0\r\n\r\n" in await long.reader.readuntil(b"0\r\n\r\n")
        long.leave()
        await load.served(20)
    rows = await asyncio.to_thread(wait_rest, pair, partial(client, engine, 0))
    load.check_nothing_lost()
    assert [row.rank for row in rows if row.model_requested == model] == [Rank.FINAL]
    assert any(row.local for row in one.proxy.rows())


def _stream_with_a_pause(machine: Machine, model: str) -> Event:
    """Script an answer that goes on when it is told."""
    told = Event()

    async def pause(_: Talk) -> None:
        while not told.is_set():  # noqa: ASYNC110  # told by another thread
            await asyncio.sleep(0.02)

    whole = streamed(STREAMS["gemini"])
    assert not callable(whole)
    machine.upstream.replies([*whole[:2], pause, *whole[2:]], path=f"/v1beta/models/{model}:streamGenerateContent")
    return told


async def _swept(machine: Machine, model: str) -> bool:
    return bool(machine.proxy.rows(model_requested=model, rank=Rank.SWEPT))

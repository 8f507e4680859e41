"""Whatever happens to the store under a light load, calls are answered, nothing is lost, and counters come back right."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Self

import pytest
import redis

from proxy.domain.row import Row
from proxy.stores.engine import Engine
from tests.support.at_rest import wait_rest
from tests.support.callers import ANSWERS, FAMILIES, STREAMS, ask, calling, model_of, told, upstreams
from tests.support.engines import running_engine
from tests.support.killing import all_serve
from tests.support.listening import Heard
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import joined, pause, streamed, whole
from tests.support.waiting import until

STUCK_S = 5.0  # of a call whose upstream takes 50 ms: the promise is a store's deadline, 50 ms more
CALLERS = 4


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(autouse=True)
def _fresh(scripted: ScriptedUpstream) -> None:
    scripted.forget()
    scripted.replies(joined(pause(0.05), whole(ANSWERS["openai"])), path="/v1/chat/completions", always=True)
    scripted.replies(streamed(STREAMS["anthropic"], every=0.01), path="/v1/messages", always=True)


@contextmanager
def a_proxy(home: Path, scripted: ScriptedUpstream, engine: Engine, down: str) -> Iterator[RunningProxy]:
    budget = f"budget: {{ limit: $1000/day, timezone: UTC, on_store_down: {{ meters: {down} }} }}"
    store = f'store: {{ url: "{engine.url}" }}'
    with RunningProxy(home, upstreams(scripted.base_url), workers=2, lease="2s", budget=budget, more=store) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with running_engine("valkey") as found:
        yield found


@pytest.fixture(scope="module")
def proxy(
    scripted: ScriptedUpstream, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    with a_proxy(tmp_path_factory.mktemp("home"), scripted, engine, "local") as running:
        yield running


class Load:
    """A few callers that ask without a pause; every answer is noted with the model that only this call named."""

    numbers = count(1)

    def __init__(self, proxy: RunningProxy) -> None:
        self._proxy = proxy
        self._ending = False
        self.heard: dict[str, Heard] = {}
        self.longest_s = 0.0

    async def __aenter__(self) -> Self:
        await until(partial(all_serve, self._proxy))
        self._tasks = [asyncio.create_task(self._ask()) for _ in range(CALLERS)]
        await self.more(20)  # both workers have met the store, and know what remained
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let running calls end: their answers count, too."""
        self._ending = True
        done, stuck = await asyncio.wait(self._tasks, timeout=STUCK_S)
        assert not stuck
        for task in done:
            task.result()
        print(f"the longest call took {self.longest_s * 1000:.0f} ms")  # shown by pytest -s

    async def more(self, calls: int) -> None:
        """Wait until so many more calls were answered."""
        enough = len(self.heard) + calls

        async def answered() -> bool:
            for task in self._tasks:
                if task.done():
                    task.result()
            return len(self.heard) >= enough

        await until(answered, calls * STUCK_S)

    async def _ask(self) -> None:
        while not self._ending:
            number = next(self.numbers)
            family = ("openai", "anthropic")[number % 2]
            began = time.monotonic()
            async with asyncio.timeout(STUCK_S):
                self.heard[f"{family}-{number}"] = await ask(
                    self._proxy, f"{family}-{number}", stream=family == "anthropic"
                )
            self.longest_s = max(self.longest_s, time.monotonic() - began)


def check_nothing_lost(load: Load, rows: list[Row], scripted: ScriptedUpstream) -> None:
    """Whoever was answered has one row; whoever was refused was not forwarded."""
    times = Counter(row.model_requested for row in rows if row.attempt == 1)
    served = {model for model, heard in load.heard.items() if heard.status == 200}
    assert served
    assert {model: times[model] for model in served} == dict.fromkeys(served, 1)
    seen = Counter(map(model_of, scripted.seen))
    assert {model: seen[model] for model in load.heard} == {model: int(model in served) for model in load.heard}


def client(engine: Engine) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(engine.socket))


def kill(engine: Engine) -> None:
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)
    engine.stop()


async def killed_and_back(engine: Engine, load: Load) -> None:
    kill(engine)
    await load.more(20)
    engine.start()


async def killed_and_back_empty(engine: Engine, load: Load) -> None:
    kill(engine)
    await load.more(20)
    shutil.rmtree(engine.home)
    engine.start()


async def hung_for_a_moment(engine: Engine, load: Load) -> None:
    await _hang(engine, load, 0.5)


async def hung_beyond_patience(engine: Engine, load: Load) -> None:
    await _hang(engine, load, 4.0)


async def _hang(engine: Engine, load: Load, seconds: float) -> None:
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGSTOP)
    try:
        await load.more(10)
        await asyncio.sleep(seconds)
    finally:
        os.kill(engine.pid, signal.SIGCONT)


async def scripts_flushed(engine: Engine, _: Load) -> None:
    client(engine).script_flush()


async def everything_flushed(engine: Engine, _: Load) -> None:
    client(engine).flushall()


async def connections_cut(engine: Engine, _: Load) -> None:
    client(engine).client_kill_filter(_type="normal", skipme=True)


FAULTS: list[Callable[[Engine, Load], Awaitable[None]]] = [
    killed_and_back,
    killed_and_back_empty,
    hung_for_a_moment,
    hung_beyond_patience,
    scripts_flushed,
    everything_flushed,
    connections_cut,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_a_store_that_is(
    fault: Callable[[Engine, Load], Awaitable[None]], proxy: RunningProxy, scripted: ScriptedUpstream, engine: Engine
) -> None:
    async with Load(proxy) as load:
        await fault(engine, load)
        await load.more(20)
    rows = await asyncio.to_thread(wait_rest, proxy, engine.socket)
    assert {heard.status for heard in load.heard.values()} == {200}  # the local allowance is ample
    check_nothing_lost(load, rows, scripted)


async def test_counters_come_back_after_a_flush_though_nobody_calls(proxy: RunningProxy, engine: Engine) -> None:
    async with Load(proxy):
        pass
    await asyncio.to_thread(wait_rest, proxy, engine.socket)
    client(engine).flushall()
    await asyncio.to_thread(wait_rest, proxy, engine.socket)


async def test_calls_admitted_from_the_local_allowance_say_so_and_are_counted_when_the_store_is_back(
    proxy: RunningProxy, scripted: ScriptedUpstream, engine: Engine
) -> None:
    async with Load(proxy):
        pass
    kill(engine)
    try:
        async with Load(proxy) as load:
            pass
    finally:
        engine.start()
    rows = await asyncio.to_thread(wait_rest, proxy, engine.socket)
    check_nothing_lost(load, rows, scripted)
    local = {row.model_requested for row in rows if row.local}
    assert set(load.heard) <= local
    assert all("locally" in heard.headers["x-tally-warning"] for heard in load.heard.values())


async def test_a_stream_that_outlives_the_stores_absence_is_booked_and_counted(
    proxy: RunningProxy, scripted: ScriptedUpstream, engine: Engine
) -> None:
    scripted.forget()
    scripted.replies(streamed(STREAMS["anthropic"], every=0.3))
    async with calling(proxy, "anthropic-long", stream=True) as caller:
        await caller.reader.readuntil(b"message_start")
        kill(engine)
        shutil.rmtree(engine.home)
        engine.start()
        assert b"message_stop" in await caller.reader.readuntil(b"0\r\n\r\n")
    rows = await asyncio.to_thread(wait_rest, proxy, engine.socket)
    assert [row.cost_nusd for row in rows if row.model_requested == "anthropic-long"] == [18_000]


async def test_where_the_rule_says_deny_calls_are_refused_clearly_and_at_once_while_the_store_is_away(
    scripted: ScriptedUpstream, tmp_path: Path
) -> None:
    with running_engine("valkey") as engine, a_proxy(tmp_path, scripted, engine, "deny") as proxy:
        scripted.replies(whole(ANSWERS["gemini"]), path="/v1beta/models/gemini-1:generateContent", always=True)
        for family in FAMILIES:
            assert (await ask(proxy, f"{family}-1")).status == 200
        await asyncio.to_thread(wait_rest, proxy, engine.socket)
        scripted.seen.clear()
        for hang in (False, True):
            await _go_away(engine, hang=hang)
            for family in FAMILIES:
                async with asyncio.timeout(STUCK_S):
                    check_unavailable(family, await ask(proxy, f"{family}-1"))
            await until(partial(_degraded, proxy))
            await _come_back(engine, hang=hang)
            await until(partial(_served, proxy))
        await asyncio.to_thread(wait_rest, proxy, engine.socket)
        assert set(map(model_of, scripted.seen)) == {"openai-1"}
        assert len(scripted.seen) == 2


def check_unavailable(family: str, heard: Heard) -> None:
    """503 in the caller's dialect, worth another try."""
    error = told(heard)
    assert heard.status == 503
    kinds = {"openai": "server_error", "anthropic": "overloaded_error", "gemini": "UNAVAILABLE"}
    assert kinds[family] in (error.get("type"), error.get("status"))
    assert "not forwarded" in error["message"]
    assert heard.headers["x-should-retry"] == "true"
    assert int(heard.headers["retry-after"]) >= 1


async def _go_away(engine: Engine, *, hang: bool) -> None:
    assert engine.pid is not None
    if hang:
        os.kill(engine.pid, signal.SIGSTOP)
    else:
        kill(engine)


async def _come_back(engine: Engine, *, hang: bool) -> None:
    if hang:
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGCONT)
    else:
        engine.start()


async def _served(proxy: RunningProxy) -> bool:
    return (await ask(proxy, "openai-1")).status == 200


async def _degraded(proxy: RunningProxy) -> bool:
    """Whether /readyz says so; it answers 200 all the while."""
    return b"degraded: the store is away" in await asyncio.to_thread(proxy.get, "/readyz")

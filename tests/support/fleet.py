"""Several complete proxies that share a store: each with its own journal, upstream and callers, perhaps on its own network."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from itertools import count
from pathlib import Path
from typing import Any, Final, Self

import redis

from proxy.domain.row import Rank, Row
from tests.support.callers import ANSWERS, STREAMS, model_of, question, upstreams
from tests.support.ledger_truth import check_rest
from tests.support.listening import Caller, Heard, post
from tests.support.namespaces import Namespace
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import joined, pause, streamed, whole

ORG: Final = "acme"
STUCK_S: Final = 10.0  # of a call whose upstream takes 20 ms: the promise is a store's deadline, 50 ms more
CALLERS: Final = 3  # at one time, on each machine
CALLS, ROOM = 300, 60


class Machine:
    """One proxy with what it needs. On a network of its own it can only be called from there, as it is here."""

    def __init__(self, proxy: RunningProxy, upstream: ScriptedUpstream, network: Namespace | None) -> None:
        self.proxy, self.upstream, self.network = proxy, upstream, network

    async def ask(self, model: str, *, stream: bool = False) -> Heard:
        """A call and its whole answer."""
        caller = await self.call(model, stream=stream)
        try:
            return await caller.answer()
        finally:
            caller.reset()

    async def call(self, model: str, *, stream: bool = False) -> Caller:
        """A call that is under way; whoever asked for it resets it."""
        with _within(self.network):
            sock = socket.socket()
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.proxy.port))
        caller = Caller(*await asyncio.open_connection(sock=sock))
        path, body = question(model, stream=stream)
        await caller.send(post(path, json.dumps(body).encode(), f"authorization: Bearer {self.proxy.key}"))
        return caller


@contextmanager
def fleet(
    home: Path, places: Sequence[tuple[str, Namespace | None]], budget: str, *, prices: str = "{ input: 1, output: 2 }"
) -> Iterator[list[Machine]]:
    """A proxy for each (URL of the store, network), started at one time; they serve ``openai-…`` and ``anthropic-…``."""
    with ExitStack() as stack:

        def start(number: int, url: str, network: Namespace | None) -> Machine:
            with _within(network):
                upstream = stack.enter_context(ScriptedUpstream())
                answer = joined(pause(0.02), whole(ANSWERS["openai"]))
                upstream.replies(answer, path="/v1/chat/completions", always=True)
                upstream.replies(streamed(STREAMS["anthropic"], every=0.005), path="/v1/messages", always=True)
                proxy = RunningProxy(
                    home / f"machine{number}", upstreams(upstream.base_url, prices=prices), lease="1s",
                    budget=f"budget: {{ timezone: UTC, {budget} }}", more=f'store: {{ url: "{url}" }}',
                )  # fmt: skip
                return Machine(stack.enter_context(proxy), upstream, network)

        with ThreadPoolExecutor() as threads:  # a thread is in a network by itself
            starting = [threads.submit(start, number, *place) for number, place in enumerate(places)]
        yield [machine.result() for machine in starting]


class Hammering:
    """``async with Hammering(fleet)``: a few callers on every machine that ask without a pause; every answer is noted."""

    numbers = count(1)

    def __init__(self, machines: Sequence[Machine]) -> None:
        """All machines are asked at one time."""
        self._machines = machines
        self._ending = False
        self.heard: list[dict[str, Heard]] = [{} for _ in machines]

    async def __aenter__(self) -> Self:
        every = range(len(self._machines))
        self._tasks = [asyncio.create_task(self._ask(number)) for number in every for _ in range(CALLERS)]
        await self.served(10)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let running calls end: their answers count, too."""
        self._ending = True
        async with asyncio.timeout(STUCK_S):
            await asyncio.gather(*self._tasks)

    async def served(self, calls: int, *numbers: int) -> None:
        """Wait until each machine, or these, served so many more calls."""
        numbers = numbers or tuple(range(len(self._machines)))
        enough = {number: self._served(number) + calls for number in numbers}
        async with asyncio.timeout(30):
            while any(self._served(number) < wanted for number, wanted in enough.items()):
                for task in self._tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.02)

    def check_nothing_lost(self) -> None:
        """Whoever was served has one row; whoever was refused was told to come again, and not forwarded."""
        for machine, heard in zip(self._machines, self.heard, strict=True):
            assert {answer.status for answer in heard.values()} <= {200, 503}
            served = {model for model, answer in heard.items() if answer.status == 200}
            times = Counter(row.model_requested for row in machine.proxy.rows() if row.attempt == 1)
            assert {model: times[model] for model in heard} == {model: int(model in served) for model in heard}
            seen = Counter(map(model_of, machine.upstream.seen))
            assert {model: seen[model] for model in heard} == {model: int(model in served) for model in heard}

    def _served(self, number: int) -> int:
        return sum(answer.status == 200 for answer in self.heard[number].values())

    async def _ask(self, number: int) -> None:
        while not self._ending:
            name = next(self.numbers)
            family = ("openai", "anthropic")[name % 2]
            async with asyncio.timeout(STUCK_S):
                answer = await self._machines[number].ask(f"{family}-{name}", stream=family == "anthropic")
            self.heard[number][f"{family}-{name}"] = answer
            if answer.status != 200:
                await asyncio.sleep(0.02)


def wait_rest(machines: Sequence[Machine], client: Callable[[], redis.Redis], seconds: float = 20.0) -> list[Row]:
    """Wait until the store's counters are the sum of all journals and nothing is held; returns the rows that stand."""
    end = time.monotonic() + seconds
    while True:
        rows = standing(machines)
        try:
            with client() as raw:
                check_rest(raw, ORG, [charge for row in rows for charge in row.charges])
        except (AssertionError, redis.RedisError) as wrong:
            if time.monotonic() > end:
                logs = "\n".join(machine.proxy.log.read_text()[-3000:] for machine in machines)
                raise AssertionError(f"not at rest after {seconds:g} s: {wrong}\n{logs}") from None
            time.sleep(0.1)
        else:
            return rows


def standing(machines: Sequence[Machine]) -> list[Row]:
    """The rows of all journals; where a final one tells of the same attempt as a swept one, it alone stands."""
    best: dict[tuple[str, int], Row] = {}
    for machine in machines:
        for row in machine.proxy.rows():
            other = best.get((row.request_id, row.attempt))
            if other is None or other.rank is Rank.SWEPT:
                best[row.request_id, row.attempt] = row
    return list(best.values())


def _within(network: Namespace | None) -> Any:
    return network.entered() if network else nullcontext()


async def admit_exactly(
    home: Path, places: Sequence[tuple[str, Namespace | None]], client: Callable[[], redis.Redis]
) -> None:
    """Ask all machines at one time for far more than fits a budget, and check that exactly what fits was admitted.

    A call costs a dollar whatever it says, so that its hold is what it costs: settling frees no room for another.
    """
    with fleet(home, places, f"limit: ${ROOM}/day, reserve: max", prices="{ per_request: 1 }") as machines:
        names = [f"{('openai', 'anthropic')[number % 2]}-{number}" for number in range(CALLS)]
        asked = [(machines[number % len(machines)], name) for number, name in enumerate(names)]
        async with asyncio.timeout(60):
            heard = await asyncio.gather(*(_verdict(machine, name) for machine, name in asked))
        rows = await asyncio.to_thread(wait_rest, machines, client)
    assert Counter(answer.status for answer in heard) == {200: ROOM, 429: CALLS - ROOM}
    admitted = {name for name, answer in zip(names, heard, strict=True) if answer.status == 200}
    assert Counter(model_of(seen) for machine in machines for seen in machine.upstream.seen) == Counter(admitted)
    assert {row.model_requested for row in rows if row.attempt == 1} == admitted
    assert sum(row.cost_nusd for row in rows) == ROOM * 10**9


async def _verdict(machine: Machine, model: str) -> Heard:
    """The answer of a caller who asks again when told to, as SDKs do: served, or refused for good."""
    while (heard := await machine.ask(model)).status == 503:  # noqa: ASYNC110  # there is no event to wait for
        await asyncio.sleep(0.1)
    return heard

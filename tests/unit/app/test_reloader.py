"""A worker's orders: given once, tried until they are obeyed or another one comes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from proxy.app.in_force import packed
from proxy.app.reloader import Reloader
from proxy.config.reading import Reading, read
from proxy.steps.generation import Generation
from proxy.telemetry.logs import setup
from tests.support.config_files import DIRECTORY
from tests.support.waiting import until

MODEL = "upstreams:\n  a: { dialect: openai, base_url: http://127.0.0.1:9/v1, max_connections: %d }\n"


class Bench:
    """Files, and a reloader that builds what a test says."""

    def __init__(self, home: Path) -> None:
        self.config = home / "tallygate.yaml"
        (home / "directory.yaml").write_text(DIRECTORY)
        self.write(1)
        self.failures = 0
        self.built: list[str] = []
        self.taken: list[Generation] = []
        self.hook: Callable[[int], None] = lambda _: None
        self.begin = self.read()
        self.reloader = Reloader(self.begin, setup("error", "json"), self._build, self.taken.append, self._failed)

    def write(self, number: int) -> None:
        self.config.write_text(f"state: {self.config.parent}/state\ndirectory: directory.yaml\n{MODEL % number}")

    def read(self) -> Reading:
        return read(self.config, os.environ)

    def _build(self, reading: Reading) -> Generation:
        self.built.append(reading.generation)
        self.hook(len(self.built))
        return cast("Generation", reading.generation)  # it is only passed on

    def _failed(self) -> None:
        self.failures += 1

    async def took(self) -> bool:
        return bool(self.taken)


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[None]:
    task = asyncio.create_task(bench.reloader.run())
    yield
    task.cancel()
    await asyncio.wait({task})


async def test_what_could_not_be_built_is_built_again_and_told_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    def twice_out_of_memory(number: int) -> None:
        if number < 3:
            raise MemoryError

    bench.hook = twice_out_of_memory
    bench.write(2)
    wanted = bench.read()
    async with running(bench):
        bench.reloader.ask(packed(wanted))
        await until(bench.took)
    assert bench.built == [wanted.generation] * 3
    assert bench.reloader.reading.generation == wanted.generation
    assert bench.failures == 1


async def test_what_is_told_is_taken_whatever_the_files_are_meanwhile(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.write(2)
    wanted = bench.read()
    bench.config.write_text("no: configuration")
    async with running(bench):
        bench.reloader.ask(packed(wanted))
        await until(bench.took)
    assert bench.reloader.reading.settings == wanted.settings
    assert bench.failures == 0


async def test_another_order_takes_the_place_of_one_that_cannot_be_obeyed(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.write(2)
    bad = bench.read()
    bench.write(3)
    good = bench.read()

    def refuse(_: int) -> None:
        if bench.built[-1] == bad.generation:
            bench.reloader.ask(packed(good))
            raise MemoryError

    bench.hook = refuse
    async with running(bench):
        bench.reloader.ask(packed(bad))
        await until(bench.took)
    assert bench.built == [bad.generation, good.generation]


async def test_what_is_in_force_already_is_not_built_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.write(2)
    fresh = bench.read()
    async with running(bench):
        bench.reloader.ask(packed(bench.begin))

        async def heard() -> bool:
            return bench.reloader.reading is not bench.begin

        await until(heard)
        assert bench.built == []
        bench.reloader.ask(packed(fresh))
        await until(bench.took)
    assert bench.built == [fresh.generation]

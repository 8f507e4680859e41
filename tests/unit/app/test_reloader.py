"""A worker's orders: given once, tried until they are obeyed or another one comes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

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
        self.reloader = Reloader(self.read(), setup("error", "json"), self._build, self.taken.append, self._failed)

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
    wanted = bench.read().generation
    async with running(bench):
        bench.reloader.ask(wanted)
        await until(bench.took)
    assert bench.built == [wanted] * 3
    assert bench.reloader.reading.generation == wanted
    assert bench.failures == 1


async def test_an_order_outlives_files_that_are_others_for_a_moment(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.write(2)
    wanted = bench.read().generation

    def edited_meanwhile(number: int) -> None:
        if number == 1:
            bench.write(3)

    bench.hook = edited_meanwhile

    async def built() -> bool:
        return bool(bench.built)

    async with running(bench):
        bench.reloader.ask(wanted)
        await until(built)
        assert bench.taken == []
        bench.write(2)
        await until(bench.took)
    assert bench.reloader.reading.generation == wanted
    assert bench.failures == 0


async def test_another_order_takes_the_place_of_one_that_cannot_be_obeyed(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.write(2)
    async with running(bench):
        bench.reloader.ask("0000000")
        await asyncio.sleep(0)
        bench.reloader.ask(bench.read().generation)
        await until(bench.took)
    assert bench.built == [bench.read().generation]

"""The heartbeat measures and flushes."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from proxy.telemetry import metrics
from proxy.telemetry.accumulator import Accumulator
from proxy.telemetry.heartbeat import Heartbeat
from tests.support.exposition import value


async def test_a_blocked_loop_shows_as_lag(accumulator: Accumulator, folder: Path) -> None:
    heartbeat = Heartbeat(accumulator)
    heartbeat.start()
    await asyncio.sleep(0)
    time.sleep(0.3)  # noqa: ASYNC251 - blocking is what is measured
    await asyncio.sleep(0.15)
    heartbeat.stop()
    total = value(folder, f"{metrics.LOOP_LAG.name}_sum")
    assert total is not None
    assert total >= 0.15


async def test_the_end_flushes_what_was_counted_last(accumulator: Accumulator, folder: Path) -> None:
    heartbeat = Heartbeat(accumulator, lambda: accumulator.cell(metrics.JOURNAL_LAG).set(7))
    heartbeat.start()
    accumulator.cell(metrics.RELOAD_FAILURES).value += 1
    heartbeat.stop()
    heartbeat.stop()
    assert value(folder, metrics.RELOAD_FAILURES.name) == 1
    assert value(folder, metrics.JOURNAL_LAG.name) == 7


async def test_a_flush_that_fails_does_not_stop_the_heart(accumulator: Accumulator) -> None:
    beats: list[int] = []
    third = asyncio.Event()
    caught: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: caught.append(context["exception"]))

    def before_flush() -> None:
        beats.append(1)
        if len(beats) == 3:
            third.set()
        raise OSError(28, "No space left on device")

    heartbeat = Heartbeat(accumulator, before_flush, tick_s=0.001)
    heartbeat.start()
    async with asyncio.timeout(5):
        await third.wait()
    heartbeat.cancel()
    assert caught

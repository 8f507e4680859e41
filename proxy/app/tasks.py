"""A worker's tasks beside its calls: chores that never end by themselves, and endings of calls, which must all be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from proxy.telemetry.logs import Log, describe

ENDINGS_S = 2.0  # at the end, for answers that are read on although their callers left
AGAIN_S = 1.0

Report = Callable[[str, str, Exception], None]


class Tasks:
    """Of one worker, on one loop."""

    def __init__(self, report: Report) -> None:
        """``report``: (event, request id, error), for a task that failed."""
        self._report = report
        self._chores: set[asyncio.Future[None]] = set()
        self._endings: set[asyncio.Future[None]] = set()  # of calls whose row waits for a drain or a count

    def keep(self, chore: Callable[[], Awaitable[None]]) -> None:
        """Do for ever what should never end; see ``steadily``."""
        self._run(steadily(chore, self._report), self._chores)

    def later(self, work: Coroutine[Any, Any, None] | Awaitable[None]) -> None:
        """Do what ends a call, beside the calls (``ports.Later``)."""
        self._run(work, self._endings)

    async def end_calls(self) -> None:
        """Let drains and counts end; those that take too long book what they know. The books close only then."""
        if self._endings:
            await asyncio.wait(self._endings, timeout=ENDINGS_S)
        while self._endings:  # a drain that is cut may leave a count behind
            await _cancel(self._endings)

    async def end_chores(self) -> None:
        """End what never ends by itself."""
        await _cancel(self._chores)

    def _run(self, work: Coroutine[Any, Any, None] | Awaitable[None], among: set[asyncio.Future[None]]) -> None:
        task = asyncio.ensure_future(work)
        among.add(task)
        task.add_done_callback(among.discard)
        task.add_done_callback(partial(_ended, self._report))


async def steadily(chore: Callable[[], Awaitable[None]], report: Report, again_s: float = AGAIN_S) -> None:
    """Do what should never end; when it fails, say so and begin again after a moment."""
    while True:
        try:
            await chore()
        except Exception as error:  # noqa: BLE001 - leases, sweeps and audits must outlive every surprise
            report("task_failed", "", error)
        await asyncio.sleep(again_s)


def reporter(log: Log) -> Report:
    """A ``World.report`` that writes an error's kind and place, never its text."""

    def report(event: str, request_id: str, error: Exception) -> None:
        log.event("error", event, request_id=request_id, **describe(error))

    return report


def _ended(report: Report, task: asyncio.Future[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        report("task_failed", "", error if isinstance(error, Exception) else Exception())


async def _cancel(tasks: set[asyncio.Future[None]]) -> None:
    """End tasks and wait for them."""
    await asyncio.sleep(0)  # one that has not begun would be cancelled without a chance to clean up
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

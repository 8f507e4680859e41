"""The supervisor's hand on the shipper: one process a machine, started again whenever it dies, ended after the workers."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from proxy.config.settings import Settings
from proxy.server import link
from proxy.server.supervisor import Backoff
from proxy.server.worker_handle import WorkerHandle, how_it_ended
from proxy.telemetry.logs import Log

LEDGER_VARIABLE: Final = "TALLYGATE_LEDGER_URL"  # from supervisor to shipper: never on a command line
FINISH_S: Final = 4.0  # what the shipper may take at the end
_PATIENCE_S: Final = FINISH_S + 2.0

Degraded = Callable[[], tuple[str, ...]]


@asynccontextmanager
async def shipping(settings: Settings, log: Log) -> AsyncIterator[Degraded]:
    """Ship while in the block, where a ledger is configured; at its end what is left is shipped. Gives what is missing."""
    if settings.ledger.embedded:
        yield tuple
        return
    os.environ[LEDGER_VARIABLE] = settings.ledger.url
    keeper = _Keeper(settings, log)
    keeping = asyncio.create_task(keeper.run(), name="ledger")
    try:
        yield lambda: keeper.degraded
    finally:
        await keeper.stop()
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


class _Keeper:
    """Keeps one shipper running."""

    def __init__(self, settings: Settings, log: Log) -> None:
        self._settings = settings
        self._log = log
        self._backoff = Backoff()
        self._shipper: WorkerHandle | None = None
        self._ended = asyncio.Event()

    @property
    def degraded(self) -> tuple[str, ...]:
        """What ``/readyz`` says of it; calls are served all the same."""
        if self._shipper is None:
            return ("rows are not shipped just now",)
        return (self._shipper.degraded,) if self._shipper.degraded else ()

    async def run(self) -> None:
        """Start it again and again, ever more slowly while it keeps dying."""
        crashes = 0
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            how = await self._run_one()
            crashes = 1 if loop.time() - began > self._backoff.stable_s else crashes + 1
            delay_s = self._backoff.delay_s(crashes)
            self._log.event("error", "ledger_shipper_ended", detail=f"by {how}; started again in {delay_s:.1f} s")
            await asyncio.sleep(delay_s)

    async def stop(self) -> None:
        """Let it finish, or kill it: what is not shipped stays in the file."""
        if self._shipper is None:
            return
        self._shipper.say(link.DRAIN)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._ended.wait()
        except TimeoutError:
            self._shipper.kill()

    async def _run_one(self) -> str:
        self._ended.clear()
        try:
            self._shipper = await WorkerHandle.start(self._command, lambda: None)
        except OSError as error:
            return str(error.strerror)
        try:
            return how_it_ended(await self._shipper.ended())
        finally:
            self._shipper = None
            self._ended.set()

    def _command(self, link_fd: int) -> Sequence[str]:
        """The same program, so that there is one thing to install."""
        log = self._settings.log
        return (
            *(sys.executable, "-m", "proxy", "shipper", "--state", str(self._settings.state), "--link", str(link_fd)),
            *("--log-level", log.level, "--log-format", log.format),
        )

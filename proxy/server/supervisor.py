"""The process that users start: keeps the workers alive, passes orders on, and ends them in order.

It serves no calls. A crashed worker is started again, more slowly the more often it crashes, and never given up; one that
refuses its configuration (exit code 2) before any worker served ends everything, since starting it again would not change
its mind.

Workers are handed what is in force, at their start and after every change: they end up with the newest, whenever they began.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Sequence

import msgspec

from proxy.config.settings import Drain
from proxy.server import link
from proxy.server.health import Readiness
from proxy.server.worker_handle import WorkerHandle, how_it_ended

_log = logging.getLogger(__name__)
BAD_CONFIGURATION = 2
ANSWER_S = 2.0  # for a worker to say how its upstreams do: its loop may be busy

WorkerCommand = Callable[[int, int], Sequence[str]]  # (index of the worker, file descriptor of its link) -> argv


class Backoff(msgspec.Struct, frozen=True):
    """How long to wait before a crashed worker is started again."""

    first_s: float = 0.2
    longest_s: float = 30.0
    stable_s: float = 10.0  # a worker that lived this long has not "crashed again"

    def delay_s(self, crashes: int) -> float:
        """Doubles with every crash in a row."""
        return float(min(self.longest_s, self.first_s * 2 ** min(crashes - 1, 20)))


class Supervisor:
    """Runs ``workers`` processes until told to stop. ``readiness`` feeds the admin listener's ``/readyz``."""

    def __init__(
        self,
        command: WorkerCommand,
        in_force: Callable[[], bytes],
        *,
        workers: int,
        drain: Drain,
        backoff: Backoff | None = None,
        on_ready: Callable[[], None] | None = None,
        on_hangup: Callable[[], None] | None = None,
        kill_after_s: float = 15.0,
    ) -> None:
        """``in_force``: what a worker is handed. ``kill_after_s``: patience beyond the drain's own.

        ``on_ready`` is called once, when all workers serve.

        ``on_hangup`` is what SIGHUP does.
        """
        self._command = command
        self._in_force = in_force
        self._workers = workers
        self._drain = drain
        self._backoff = backoff or Backoff()
        self._on_ready = on_ready
        self._on_hangup = on_hangup or self.reload
        self._kill_after_s = kill_after_s
        self._running: dict[int, WorkerHandle] = {}
        self._stopping = asyncio.Event()
        self._orders = 0
        self._killer: asyncio.TimerHandle | None = None
        self._exit_code = 0
        self._served = False  # some worker did, once
        self._afresh = asyncio.Event()  # ends every pause between starts; each has one of its own time

    @property
    def readiness(self) -> Readiness:
        """Ready while one worker serves; what the others lack is said."""
        if self._stopping.is_set():
            return Readiness(ready=False, reason="draining")
        ready = [worker for worker in self._running.values() if worker.ready]
        if not ready:
            return Readiness(ready=False, reason="starting")
        degraded = dict.fromkeys(worker.degraded for worker in ready if worker.degraded)
        if len(ready) < self._workers:
            degraded[f"{len(ready)} of {self._workers} workers serve"] = None
        return Readiness(ready=True, degraded=tuple(degraded))

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers, in the order of their indices."""
        return [self._running[index].pid for index in sorted(self._running)]

    async def run(self) -> int:
        """Start the workers, obey signals, and come back with the exit code when every worker has been reaped.

        SIGTERM and SIGINT: drain; a second one: now; a third: kill. SIGHUP: see ``on_hangup``.
        """
        loop = asyncio.get_running_loop()
        signals = {signal.SIGTERM: self.stop, signal.SIGINT: self.stop, signal.SIGHUP: self._on_hangup}
        for number, obey in signals.items():
            loop.add_signal_handler(number, obey)
        try:
            async with asyncio.TaskGroup() as slots:
                for index in range(self._workers):
                    slots.create_task(self._keep(index))
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
            if self._killer is not None:
                self._killer.cancel()
        return self._exit_code

    def stop(self) -> None:
        """Drain; when called again, end now; a third time, kill."""
        self._orders += 1
        self._stopping.set()
        self._wake()
        match self._orders:
            case 1:
                _log.info("stopping: not ready for %g s, then at most %g s for calls to end", *self._patience())
                self._tell(link.DRAIN, kill_after_s=sum(self._patience()) + self._kill_after_s)
            case 2:
                _log.warning("stopping now: calls are cut")
                self._tell(link.NOW, kill_after_s=self._kill_after_s)
            case _:
                self._kill()

    async def upstreams(self) -> list[str | None]:
        """What each worker says of its upstreams, as JSON; None of one that does not run or gives no word in time."""
        ready = [worker for worker in self._running.values() if worker.ready]
        words = await asyncio.gather(*[worker.upstreams(ANSWER_S) for worker in ready])
        return [*words, *[None] * (self._workers - len(ready))]

    def reload(self) -> None:
        """Have every worker take what is in force now; who could not start tries again at once."""
        self._wake()
        in_force = self._in_force()
        for worker in self._running.values():
            worker.hand(in_force)

    def _wake(self) -> None:
        self._afresh.set()
        self._afresh = asyncio.Event()

    def _patience(self) -> tuple[float, float]:
        return self._drain.delay_s, self._drain.max_s

    def _tell(self, word: str, *, kill_after_s: float) -> None:
        if self._killer is not None:
            self._killer.cancel()
        self._killer = asyncio.get_running_loop().call_later(kill_after_s, self._kill)
        for worker in self._running.values():
            worker.say(word)

    def _kill(self) -> None:
        for worker in self._running.values():
            _log.error("worker %d did not end and is killed", worker.pid)
            worker.kill()

    async def _keep(self, index: int) -> None:
        """Keep one worker running until the supervisor stops."""
        loop = asyncio.get_running_loop()
        crashes = 0
        while not self._stopping.is_set():
            began = loop.time()
            code = await self._run_one(index)
            if self._stopping.is_set():
                return
            if code == BAD_CONFIGURATION and not self._served:
                self._exit_code = BAD_CONFIGURATION
                self.stop()
                return
            lived_s = loop.time() - began
            crashes = 1 if lived_s > self._backoff.stable_s else crashes + 1
            delay_s = self._backoff.delay_s(crashes)
            _log.error(
                "worker %d ended by %s after %.1f s (%d in a row); starting it again in %.1f s",
                *(index, how_it_ended(code), lived_s, crashes, delay_s),
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._afresh.wait(), delay_s)
                crashes = 0

    async def _run_one(self, index: int) -> int:
        try:
            worker = await WorkerHandle.start(lambda fd: self._command(index, fd), self._changed)
        except OSError as error:
            _log.error("worker %d cannot be started: %s", index, error.strerror)
            return 1
        self._running[index] = worker
        worker.hand(self._in_force())  # only now, when every later change reaches it, too
        if self._stopping.is_set():  # the order came while it was being started
            worker.say(link.NOW)
        try:
            return await worker.ended()
        finally:
            del self._running[index]

    def _changed(self) -> None:
        ready = sum(worker.ready for worker in self._running.values())
        self._served = self._served or ready > 0
        if ready == self._workers and self._on_ready is not None:
            self._on_ready()
            self._on_ready = None

"""Watches the files of the configuration for all workers of a machine, and has them take what was found good.

A change is examined whole, its tests included, by a process of its own; only what was found good is handed to workers.
Whatever is wrong, the last good one stays in force, which is said once in the log, and as long as it is so to probes and
in the metrics.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

from proxy.app.examination import Verdict, examined
from proxy.config import reload
from proxy.config.problems import ConfigError
from proxy.config.reading import Reading, Reread, reread
from proxy.telemetry import metrics
from proxy.telemetry.accumulator import Accumulator
from proxy.telemetry.logs import Log

LOOK_S = 1.0
QUIET_S = 0.2  # without a change: a checkout writes one file after the other
MOST_QUIET = 50  # looks; whoever writes for ever is not waited for
AGAIN_S = (1.0, 30.0)  # until what could not be examined is examined again: at first, and at most


class Follower:
    """One per machine. ``reading`` is the last good one."""

    def __init__(self, reading: Reading, log: Log, accumulator: Accumulator) -> None:
        """``reading`` is what was found good at the start."""
        self.reading = reading
        self._log = log
        self._accumulator = accumulator
        self._asked = asyncio.Event()
        self._paths, self._seen = reading.paths(), reading.seen
        self._fault = ""
        self._again_s, self._again_at = AGAIN_S[0], math.inf
        self._good()

    @property
    def degraded(self) -> tuple[str, ...]:
        """What ``/readyz`` says of a change that was refused."""
        return (f"generation {self.reading.generation} stays in force: {self._fault}",) if self._fault else ()

    def ask(self) -> None:
        """Look now, changed or not (SIGHUP)."""
        self._asked.set()

    async def run(self, order: Callable[[], None]) -> None:
        """Look once a second, for ever. ``order`` has every worker take ``reading``."""
        while True:
            asked = await self._wait() or time.monotonic() >= self._again_at
            if asked or await asyncio.to_thread(reload.changed, self._paths, self._seen):
                await self._follow(order)

    async def _wait(self) -> bool:
        try:
            async with asyncio.timeout(LOOK_S):
                await self._asked.wait()
        except TimeoutError:
            return False
        self._asked.clear()
        return True

    async def _follow(self, order: Callable[[], None]) -> None:
        await asyncio.to_thread(_wait_for_quiet, self._paths)
        fresh = await asyncio.to_thread(reread, self.reading, os.environ)
        error = fresh.error
        if error is None and _is_news(fresh, self.reading):
            verdict = await examined(fresh.reading.settings.source)
            if verdict.unknown:
                self._postpone(ConfigError(verdict.problems))
                self._paths, self._seen = fresh.reading.paths(), fresh.reading.seen
                return
            if wrong := (*verdict.problems, *verdict.failing):
                error = ConfigError(wrong)
            elif verdict.settled and verdict.generation == fresh.reading.generation:
                self._take(fresh, verdict)
                order()
            else:
                return  # it is not what was examined: look again
        self._paths, self._seen = fresh.reading.paths(), fresh.reading.seen
        self._again_s, self._again_at = AGAIN_S[0], math.inf
        if error is None:
            self._mended()
        else:
            self._refuse(error)

    def _postpone(self, error: ConfigError) -> None:
        """Say once that nothing is known of the files, and ask again, less and less often."""
        if self._fault != _first(error):
            self._refuse(error)
        self._again_at = time.monotonic() + self._again_s
        self._again_s = min(2 * self._again_s, AGAIN_S[1])

    def _take(self, fresh: Reread, verdict: Verdict) -> None:
        self.reading = fresh.reading
        for remark in verdict.remarks:
            self._log.event("warning", "policy_remark", detail=remark)
        for line in fresh.change.lines():
            self._log.event("info", "reloaded", detail=line, generation=fresh.reading.generation)
        self._good()

    def _refuse(self, error: ConfigError) -> None:
        self._fault = _first(error)
        self._log.event("error", "reload_failed", detail=str(error), generation=self.reading.generation)
        self._accumulator.cell(metrics.RELOAD_FAILURES).value += 1
        self._accumulator.flush()

    def _mended(self) -> None:
        """Say once that what was refused is gone, be it that a good change took its place or that it was taken back."""
        if self._fault:
            self._fault = ""
            self._log.event("info", "reload_mended", generation=self.reading.generation)
            self._good()

    def _good(self) -> None:
        self._accumulator.cell(metrics.LAST_GOOD).set(time.time())
        self._accumulator.flush()


def _first(error: ConfigError) -> str:
    return str(error.problems[0]).partition("\n")[0]


def _is_news(fresh: Reread, last: Reading) -> bool:
    """Whether workers must do something. Secrets have no part in a generation's name; a renewed one shows in what changed."""
    change = fresh.change
    return bool(change.taken or change.at_restart) or fresh.reading.generation != last.generation


def _wait_for_quiet(paths: tuple[Path, ...]) -> None:
    """Return once nothing was written for a moment."""
    for _ in range(MOST_QUIET):
        before = reload.fingerprint(paths)
        time.sleep(QUIET_S)
        if not reload.changed(paths, before):
            return

"""What a worker does beside its calls: follow the configuration, load vocabularies that were missed, keep what it learnt."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from proxy.config import reload
from proxy.config.reading import Reading, reread
from proxy.domain.errors import Unavailable
from proxy.journal.log import Log as JournalLog
from proxy.journal.writer import Writer
from proxy.metering.estimate import Estimator
from proxy.metering.vocab import Vocabulary
from proxy.telemetry.logs import Log, describe

LOOK_S = 1.0
SAVE_S = 30.0
AGAIN_S = 1.0


class Reloader:
    """Rereads the files when they change or on SIGHUP; a bad file changes nothing and is told once."""

    def __init__(self, reading: Reading, log: Log, take: Callable[[Reading], None], failed: Callable[[], None]) -> None:
        """``take`` puts a new reading into force and may raise ``ConfigError``; ``failed`` counts a bad one."""
        self.reading = reading
        self._log = log
        self._take = take
        self._failed = failed
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Reread now, changed or not (SIGHUP)."""
        self._asked.set()

    async def run(self) -> None:
        """Look once a second, for ever."""
        while True:
            asked = await self._wait()
            if asked or await asyncio.to_thread(reload.changed, self.reading.paths(), self.reading.seen):
                await self._reread()

    async def _wait(self) -> bool:
        try:
            async with asyncio.timeout(LOOK_S):
                await self._asked.wait()
        except TimeoutError:
            return False
        self._asked.clear()
        return True

    async def _reread(self) -> None:
        fresh = await asyncio.to_thread(reread, self.reading, os.environ)
        error: Exception | None = fresh.error
        # Secrets have no part in a generation's name: a renewed one shows only in what changed.
        if error is None and (fresh.change.taken or fresh.reading.generation != self.reading.generation):
            try:
                self._take(fresh.reading)
            except Exception as refused:  # noqa: BLE001 - whatever is wrong with it, the last good one stays
                error = refused
        if error is not None:
            self._failed()
            self._log.event("error", "reload_failed", detail=str(error), generation=self.reading.generation)
            self.reading = msgspec.structs.replace(self.reading, seen=fresh.reading.seen)
            return
        self.reading = fresh.reading
        for line in fresh.change.lines():
            self._log.event("info", "reloaded", detail=line, generation=fresh.reading.generation)


class Memory:
    """What the estimator learnt, kept with the journal so that a restart does not begin at zero."""

    def __init__(self, slot: int, writer: Writer, estimator: Estimator, vocabulary: Vocabulary, log: Log) -> None:
        """Every slot keeps its own."""
        self._name = f"estimator.{slot}"
        self._writer = writer
        self._estimator = estimator
        self._vocabulary = vocabulary
        self._log = log

    async def recall(self) -> None:
        """Load what the slot's last worker learnt; anything unreadable is forgotten."""
        noted = await self._writer.run(partial(JournalLog.note, key=self._name))
        if noted:
            try:
                self._estimator.load(msgspec.json.decode(noted))
            except msgspec.DecodeError:
                self._log.event("warning", "estimator_forgotten", detail="its saved state could not be read")

    async def keep(self) -> None:
        """Save now and then, and load vocabularies that calls have asked for."""
        while True:
            await asyncio.sleep(SAVE_S)
            for name in self._vocabulary.missed():
                await asyncio.to_thread(self._vocabulary.load, name)
            await self.save()

    async def save(self) -> None:
        """Save now; a disk that fails is told by the writer itself."""
        dumped = msgspec.json.encode(self._estimator.dump())
        try:
            await self._writer.run(partial(JournalLog.put_note, key=self._name, value=dumped))
        except Unavailable:
            self._log.event("warning", "estimator_not_saved", error="Unavailable")


async def steadily(
    chore: Callable[[], Awaitable[None]], report: Callable[[str, str, Exception], None], again_s: float = AGAIN_S
) -> None:
    """Do what should never end; when it fails, say so and begin again after a moment."""
    while True:
        try:
            await chore()
        except Exception as error:  # noqa: BLE001 - leases, sweeps and audits must outlive every surprise
            report("task_failed", "", error)
        await asyncio.sleep(again_s)


def reporter(log: Log) -> Callable[[str, str, Exception], None]:
    """A ``World.report`` that writes an error's kind and place, never its text."""

    def report(event: str, request_id: str, error: Exception) -> None:
        log.event("error", event, request_id=request_id, **describe(error))

    return report

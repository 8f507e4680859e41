"""What a worker does beside its calls: load vocabularies that were missed, keep what it learnt."""

from __future__ import annotations

import asyncio
from functools import partial

import msgspec

from proxy.domain.errors import Unavailable
from proxy.journal.log import Log as JournalLog
from proxy.journal.writer import Writer
from proxy.metering.estimate import Estimator
from proxy.metering.vocab import Vocabulary
from proxy.telemetry.logs import Log

SAVE_S = 30.0


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

"""Holds whose lease ran out: somebody died, and what they spent must be told by somebody else.

A claimed hold becomes a row of rank ``swept`` in our own journal, committed and settled like any other entry. The final
row of a caller who was only slow replaces it later, here and in the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from proxy.domain.errors import StoreAway, Unavailable
from proxy.domain.meter import Expired, Gap, Settlement
from proxy.journal.log import Log
from proxy.journal.steady import Trouble
from proxy.journal.swept import swept_row
from proxy.journal.writer import Writer
from proxy.ports import Settler

CLAIM: Final = 64


class Sweeper:
    """Any number of them may run: the store gives each hold to one at a time.

    ``orgs`` names the orgs to look after, ``committed`` is told of entries that were written (``JournalBooks.committed``).
    """

    def __init__(
        self,
        writer: Writer,
        settler: Settler,
        committed: Callable[[list[Settlement]], None],
        orgs: Callable[[], Iterable[str]],
        trouble: Trouble,
    ) -> None:
        self._writer = writer
        self._settler = settler
        self._committed = committed
        self._orgs = orgs
        self._trouble = trouble
        self.swept = 0

    async def run(self, every_s: float) -> None:
        """Sweep for ever, every third of a lease; a failure is retried at the next turn."""
        while True:
            await asyncio.sleep(every_s)
            try:
                await self.sweep()
            except (StoreAway, Unavailable):
                continue  # both say so themselves, loudly
            except Exception as error:  # noqa: BLE001  # the next turn must come
                self._trouble("sweep_failed", f"{type(error).__name__}: {error}")

    async def sweep(self) -> int:
        """Tell of every hold that has expired; returns how many. Raises ``StoreAway`` and ``Unavailable``."""
        ended = 0
        for org in self._orgs():
            while expired := await self._settler.claim_expired(org, CLAIM):
                for hold in expired:
                    await self._end(hold)
                ended += len(expired)
                if len(expired) < CLAIM:
                    break
        return ended

    async def _end(self, hold: Expired) -> None:
        row = swept_row(hold)
        entry, written = await self._writer.run(partial(Log.sweep, row=row, hold_id=hold.hold_id))
        if written:
            self.swept += 1
            self._committed([entry])
            return
        # The attempt was ended already, yet its hold stands (a late touch, a lost reply). Its own entry ends it; but only
        # its journal's worker may be the first to send it, others would disturb the order in which it counts.
        applied = await self._settler.applied(entry.org, entry.journal)
        if applied is not None and applied >= entry.seq:
            try:
                await self._settler.settle([entry])
            except Gap:
                return  # an older copy came up meanwhile: the owner sends it again

"""Record, then settle: every row is committed first, and then counted by the store in the journal's order.

One task per worker sends what is committed, a batch at a time, and never the next batch before the last is answered. The
store remembers how far it counted; whenever that may differ from what we believe (start, gap, lost reply, reconnect),
we ask and go on from there out of the file. A store that knows nothing of a journal gets its sums once. So no failure of
the store changes what is counted, and rows wait in the file for as long as it is away.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Final

from proxy.domain.errors import StoreAway, Unavailable
from proxy.domain.meter import Gap, Hold, Settlement
from proxy.domain.row import Row
from proxy.journal import entries
from proxy.journal.lane import Lane
from proxy.journal.log import Log
from proxy.journal.reader import Reader
from proxy.journal.steady import Trouble
from proxy.journal.writer import Writer
from proxy.ports import Settler

BATCH: Final = 128  # entries a settlement: one script's worth, about a millisecond of the engine
RECENT: Final = 1024  # entries that go with sums, because their holds may still stand
GAPS: Final = 3  # in a row before we take a rest: two can be a failover at the wrong moment
PAUSE_S: Final = (0.05, 1.0)
OPEN_S: Final = 2.0  # a caller waits for this commit, and a disk may hang
LOOK_S: Final = 5.0  # a store may be emptied behind a connection that stands, and a journal at rest would never know


class JournalBooks:
    """Satisfies ``ports.Books``. ``start`` once, ``close`` once; made on the loop that uses it.

    ``workers`` is how many share the file: slot 0 also settles the journals of slots beyond it, and of commands. Those
    come and go, so it looks for them now and then.
    """

    def __init__(
        self,
        writer: Writer,
        reader: Reader,
        settler: Settler,
        trouble: Trouble,
        *,
        workers: int = 1,
        open_s: float = OPEN_S,
    ) -> None:
        """``reader`` is for settlement alone: whoever shares it makes settlement wait. ``open_s`` bounds ``open``."""
        self._writer = writer
        self._reader = reader
        self._settler = settler
        self._trouble = trouble
        self._workers = workers
        self._open_s = open_s
        self._journal = ""
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._work = asyncio.Event()
        self._store_back = asyncio.Event()
        self._look_at = 0.0
        self._rest = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        writer.committed = self.committed

    async def start(self) -> None:
        """Take over what earlier processes left and begin to settle. Raises ``Unavailable`` when the file fails."""
        self._journal, lanes = await self._writer.run(lambda log: (log.name, log.take_over(self._workers)))
        for (journal, org), last in lanes.items():
            self._lane(journal, org, last)
        self._work.set()
        self._task = asyncio.create_task(self._settle_all(), name="settle")

    @property
    def healthy(self) -> bool:
        """Whether calls may be admitted: their rows will find room."""
        return self._writer.healthy

    @property
    def behind(self) -> int:
        """Committed entries that the store has not counted, for the lag metric."""
        return sum(lane.behind for lane in self._lanes.values())

    @property
    def lag_s(self) -> float:
        """How long the oldest committed entry has waited for the store to count it; 0 at rest."""
        now = time.monotonic()
        return max((lane.age_s(now) for lane in self._lanes.values()), default=0.0)

    def book(self, row: Row, hold: Hold | None) -> None:
        """Take the final row of an attempt; whoever leaves now, it will be committed and then settled."""
        self._writer.put(row, "" if hold is None else hold.id)

    async def open(self, row: Row) -> None:
        """Commit an open row before forwarding. Its cost and charges are what is due if its end is never told.

        Raises ``Unavailable`` when it cannot be committed, or not in time; the call must not go upstream then.
        """
        try:
            async with asyncio.timeout(self._open_s):
                await self._writer.run(partial(Log.open, row=row))
        except TimeoutError:
            raise Unavailable("the journal is too slow; try again shortly", code="journal_unavailable") from None

    async def put_note(self, key: str, value: bytes) -> None:
        """Keep a small state (calibration, say) with the journal. Raises ``Unavailable``."""
        await self._writer.run(partial(Log.put_note, key=key, value=value))

    async def note(self, key: str) -> bytes | None:
        """The state that was last kept under this name."""
        return await self._writer.run(partial(Log.note, key=key))

    def committed(self, settlements: Iterable[Settlement]) -> None:
        """Hear of entries that are in the file now."""
        now = time.monotonic()
        for entry in settlements:
            lane = self._lanes.get((entry.journal, entry.org)) or self._lane(entry.journal, entry.org, 0)
            lane.add(entry, now)
        self._rest.clear()
        self._work.set()

    def store_returned(self) -> None:
        """Compare with the store now: it was away, and may have come back as an older copy."""
        for lane in self._lanes.values():
            lane.unsure = True
        self._rest.clear()
        self._work.set()
        self._store_back.set()

    async def settled(self) -> None:
        """Wait until everything committed is counted."""
        await self._rest.wait()

    async def close(self, timeout_s: float = 5.0) -> int:
        """Commit what waits, settle what can be; returns the rows that could not be written."""
        lost = await self._writer.close(timeout_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._rest.wait()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        return lost

    def _lane(self, journal: str, org: str, last: int) -> Lane:
        lane = self._lanes[journal, org] = Lane(journal, org, last)
        return lane

    async def _settle_all(self) -> None:
        pause_s = PAUSE_S[0]
        while True:
            await self._due()
            self._work.clear()
            self._store_back.clear()
            done = [await self._catch_up(lane) for lane in tuple(self._lanes.values())]
            if all(done):
                pause_s = PAUSE_S[0]
                if not self._work.is_set():
                    self._rest.set()
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._store_back.wait()
            pause_s = min(2 * pause_s, PAUSE_S[1])
            self._work.set()

    async def _due(self) -> None:
        """Wait for work; every ``LOOK_S``, work or not, all lanes are to be compared with the store."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._look_at):
                await self._work.wait()
        now = asyncio.get_running_loop().time()
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            await self._find_more()
            for lane in self._lanes.values():
                lane.unsure = True

    async def _find_more(self) -> None:
        """Take up what others have left in the file since we started: a command that was killed before it could settle."""
        try:
            found = await self._reader.run(partial(entries.lanes_of, journal=self._journal, workers=self._workers))
        except sqlite3.Error as error:
            self._trouble("settle_failed", f"{self._journal}: {type(error).__name__}: {error}")
            return
        for (journal, org), last in found.items():
            if journal != self._journal:
                lane = self._lanes.get((journal, org)) or self._lane(journal, org, last)
                lane.committed = max(lane.committed, last)

    async def _catch_up(self, lane: Lane) -> bool:
        """Settle a lane to its end; False when that must be tried again later."""
        gaps = 0
        while lane.unsure or lane.behind > 0:
            try:
                while lane.unsure:
                    await self._compare(lane)
                batch = lane.next(BATCH) or await self._reader.run(
                    partial(entries.after, journal=lane.journal, org=lane.org, seq=lane.settled, limit=BATCH)
                )
                if batch:
                    await self._settler.settle(batch)
                    lane.settled = batch[-1].seq
            except Gap:
                lane.unsure = True
                gaps += 1
                if gaps == GAPS:
                    self._trouble("journal_gap", f"{lane.journal}: the store does not take entry {lane.settled + 1}")
                    return False
            except StoreAway:
                lane.unsure = True
                return False
            except Exception as error:  # noqa: BLE001  # settling must outlive every surprise
                lane.unsure = True
                self._trouble("settle_failed", f"{lane.journal}: {type(error).__name__}: {error}")
                return False
        return True

    async def _compare(self, lane: Lane) -> None:
        """Find out where to go on: rule 2 of Limits in DESIGN."""
        applied = await self._settler.applied(lane.org, lane.journal)
        mine = lane.journal == self._journal
        if applied is not None and mine and lane.known is not None and applied > lane.known:
            await self._refill(lane, lane.known, applied)
        elif applied is not None or lane.known == 0:  # the latter: nothing of this journal was ever sent
            lane.resume(applied or 0)
        else:
            read = partial(entries.sums, journal=lane.journal, org=lane.org, settled=lane.settled, limit=RECENT)
            sums = await self._reader.run(read)
            await self._settler.post_totals(lane.org, lane.journal, sums.seq, sums.totals, sums.recent)
            lane.known = None  # and compare again: somebody else may have been faster

    async def _refill(self, lane: Lane, known: int, applied: int) -> None:
        self._trouble(
            "journal_shorter_than_store", f"{lane.journal}: {applied - known} entries were lost with the power"
        )
        last = await self._writer.run(partial(Log.fill, org=lane.org, known=known, counted=applied))
        lane.resume(applied)
        lane.committed = max(lane.committed, last)

"""Calls that never pause, on a store that may do anything meanwhile, and a journal on paper for each worker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import count
from typing import Final, Self

from proxy.domain.errors import StoreAway
from proxy.domain.meter import Charge, Draw, Gap, Hold, HoldState, MeterKind, Unit
from proxy.stores.meters import StoreMeters
from proxy.stores.settler import StoreSettler
from proxy.stores.store import Store
from tests.support.meters import FAR
from tests.support.paper_journal import PaperJournals

CALLERS: Final = 4
METERS: Final = ("day", "month", "team", "live")
PATIENCE_S: Final = 30.0


class PaperLoad:
    """``async with PaperLoad(org, {"A": store})``: leaving it lets calls end, and waits until all is settled."""

    def __init__(self, org: str, stores: Mapping[str, Store]) -> None:
        """Journals by name, each with the store of the worker who writes it."""
        self._org, self._stores = org, stores
        self._journals = PaperJournals(org, list(stores))
        self._meters = {name: StoreMeters(store) for name, store in stores.items()}
        self._numbers = count(1)
        self._ending = False
        self.admitted = 0

    @property
    def charges(self) -> list[Charge]:
        """What the journals say was spent."""
        return self._journals.totals(*self._stores)

    async def __aenter__(self) -> Self:
        self._callers = [asyncio.create_task(self._call(name)) for name in self._stores for _ in range(CALLERS)]
        self._settlers = [asyncio.create_task(self._settle(name)) for name in self._stores]
        await self.more(20)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ending = True
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*self._callers)
            await asyncio.gather(*self._settlers)
            for meters in self._meters.values():
                while meters._owed:  # noqa: ASYNC110  # holds given up are given back when the store lets them
                    await asyncio.sleep(0.05)

    async def more(self, calls: int) -> None:
        """Wait until so many more calls were admitted."""
        enough = self.admitted + calls
        async with asyncio.timeout(PATIENCE_S):
            while self.admitted < enough:
                assert not any(task.done() for task in (*self._callers, *self._settlers)), "the load has ended"
                await asyncio.sleep(0.01)

    async def _call(self, name: str) -> None:
        meters = self._meters[name]
        while not self._ending:
            hold = Hold(f"call{next(self._numbers)}", self._org, tuple(map(self._draw, METERS)), b"{}", 0)
            try:
                held = await meters.hold(hold)
            except StoreAway:
                await asyncio.sleep(0.01)
                continue
            assert held.state is HoldState.ADMITTED
            meters.touch(hold, 1)
            await asyncio.sleep(0.005)
            charges = tuple(Charge(draw.key, draw.kind, 7, 0, draw.period_end) for draw in hold.draws)
            self._journals.end(name, hold.id, charges)
            self.admitted += 1

    async def _settle(self, name: str) -> None:
        """As the journal does: after every failure ask how far the store has counted, and go on from there."""
        settler, settled, unsure = StoreSettler(self._stores[name]), 0, True
        while not self._ending or unsure or settled < self._journals.last(name) or self._running():
            try:
                if unsure:
                    settled, unsure = await settler.applied(self._org, name) or 0, False
                batch = self._journals.read(name, settled, 64)
                await settler.settle(batch)
                settled += len(batch)
            except (StoreAway, Gap):
                unsure = True
            await asyncio.sleep(0.01)

    def _running(self) -> bool:
        return not all(task.done() for task in self._callers)

    def _draw(self, meter: str) -> Draw:
        key = f"{{{self._org}}}:m:{meter}"
        if meter == "live":
            return Draw(key, MeterKind.PARALLEL, Unit.CALLS, 1, 1000)
        return Draw(key, MeterKind.BUDGET, Unit.NUSD, 10, 10**12, period_start=1, period_end=FAR)

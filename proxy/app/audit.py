"""Gauges that must be asked for: what is left of the budgets, and whether counters and journal agree."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec

from proxy.domain.errors import StoreAway
from proxy.domain.meter import MeterKind
from proxy.journal import entries
from proxy.journal.amendments import granted
from proxy.journal.books import JournalBooks
from proxy.journal.reader import Reader
from proxy.policy.decide import decide
from proxy.policy.draws import meter_key
from proxy.policy.facts import Facts
from proxy.policy.periods import period_at
from proxy.steps.world import World
from proxy.telemetry import metrics
from proxy.telemetry.accumulator import Accumulator

LOOK_S = 5.0
NOBODY = Facts(team="", model="", dialect="", endpoint="", upstream="")


class Audit:
    """Looks every few seconds. ``drift`` is told by one worker only, and only where this machine's journal is the whole one."""

    def __init__(
        self, world: World, books: JournalBooks, reader: Reader, accumulator: Accumulator, *, drift: bool
    ) -> None:
        """``drift``: this worker compares counters with the journal."""
        self._world = world
        self._books = books
        self._reader = reader
        self._accumulator = accumulator
        self._drift = drift

    async def run(self) -> None:
        """Look now and then for ever; a store that is away leaves the last readings as they are."""
        while True:
            with suppress(StoreAway):
                await self._look()
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        world, org = self._world, self._world.generation.directory.org
        booked = await self._reader.run(entries.totals) if self._drift else {}
        given = await self._reader.run(granted) if self._drift else {}
        apart, now_us = 0, world.meters.time_us()
        nobody = msgspec.structs.replace(NOBODY, org=org, clock=now_us // 1_000_000)
        for wish in decide(nobody, world.generation.policy, "").obligations:
            if wish.kind is not MeterKind.BUDGET or wish.scope != "org":  # nobody in particular has other budgets
                continue
            key = meter_key(org, wish, period_at(wish.period, wish.timezone, now_us).name)
            found = await world.meters.spent(key)
            limit = wish.limit + found.granted
            left = max(0.0, (limit - found.spent - found.held) / limit) if limit else 0.0
            self._accumulator.cell(metrics.BUDGET, wish.scope, wish.rule).set(left, at=world.clock.now())
            apart += booked.get(key, 0) - found.spent + given.get(key, 0) - found.granted
        if self._drift and self._books.behind == 0:  # at rest; in between, the difference is only what is on its way
            self._accumulator.cell(metrics.DRIFT).set(apart)

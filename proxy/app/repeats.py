"""Repeats, put together: what walks leave is fingerprinted, looked up in the store, and told to metrics and to rules."""

from __future__ import annotations

import time

from proxy.app.doors import Doors
from proxy.app.shown_repeats import ShownRepeats
from proxy.app.tasks import reporter
from proxy.domain.lately import Counts
from proxy.domain.repeat import Asked, Sight
from proxy.steps.measuring import Measuring
from proxy.stores.repeats import StoreRepeats
from proxy.telemetry.gauge import CallGauge
from proxy.telemetry.logs import Log


class Repeats:
    """Of one worker."""

    def __init__(self, doors: Doors, gauge: CallGauge, log: Log) -> None:
        """Nothing runs until ``chores`` do."""
        self._usage = doors.usage
        self._shown = ShownRepeats(gauge)
        self._store = StoreRepeats(doors.store, self._found, self._shown.stands)
        self.measuring = Measuring(self._store, time.monotonic, reporter(log))
        self.chores = (self.measuring.run, self._store.run)
        self.refresh = self._shown.refresh

    async def last(self) -> None:
        """Count what came last; the chores have ended, the store is still there."""
        await self.measuring.finish()
        await self._store.close()
        self.refresh()

    def _found(self, asked: Asked, sight: Sight) -> None:
        self._shown.found(asked, sight)
        for scope, which in asked.scopes:
            repeated = asked.tokens if sight.repeats(which) else 0
            self._usage.add(asked.org, (scope,), Counts(looked=asked.tokens, repeated=repeated))

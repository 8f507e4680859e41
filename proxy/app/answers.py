"""A worker's cache of answers: a server of its own, which may evict, so that counters and answers never fight for room.

It starts and ends with the worker's other doors. While it is away calls go upstream, as they would without it.
"""

from __future__ import annotations

from typing import Final

from proxy.config.store_url import parse_endpoint
from proxy.domain.errors import StoreAway
from proxy.stores.answers.asking import DEADLINE_S, StoreAnswers
from proxy.stores.answers.flushed import heard_of
from proxy.stores.answers.spots import CHANNEL
from proxy.stores.store import Store
from proxy.stores.subscription import Subscription
from proxy.telemetry import metrics
from proxy.telemetry.accumulator import Accumulator
from proxy.telemetry.logs import Log

CACHE_WAIT_S: Final = 1.0  # at start


class AnswersDoor:
    """The cache of one worker. ``listen`` is its only chore."""

    def __init__(self, url: str, accumulator: Accumulator, log: Log, *, speaks: bool) -> None:
        """``url`` is that of a server, of Sentinels or of a cluster; one worker ``speaks`` of what all of them hear."""
        endpoint = parse_endpoint(url)
        self._accumulator, self._log, self._speaks = accumulator, log, speaks
        self.store = Store(endpoint, may_evict=True, deadline_s=DEADLINE_S)
        self.answers = StoreAnswers(self.store)
        self._subscription = Subscription(endpoint, CHANNEL, self._heard)
        self.listen = self._subscription.run

    async def open(self) -> None:
        """Connect, and wait a moment for it; why it is away is in the log."""
        self.store.start()
        try:
            await self.store.wait_up(CACHE_WAIT_S)
        except StoreAway:
            return

    async def close(self) -> None:
        """Let go of it; nobody asks any more, and ``listen`` has ended."""
        await self.answers.close()
        await self.store.close()

    def _heard(self, message: bytes) -> None:
        if (flushed := heard_of(message)) is None:
            self.answers.heard(message)
        elif self._speaks:
            self._log.event("info", "cache_flushed", org=flushed.org, scope=flushed.scope or "all", by=flushed.by)

    def refresh(self) -> None:
        """Show how it does."""
        self._accumulator.cell(metrics.STORE_UP, "cache").set(1.0 if self.store.up else 0.0)
        for kind, count in self.answers.troubles.items():
            self._accumulator.cell(metrics.CACHE_TROUBLES, kind).value = float(count)

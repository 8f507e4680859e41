"""A worker's doors to the store, the journal and the upstreams, and what measures them: made here, opened and closed in order.

Order matters at both ends: rows are committed and settled before the store may go.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from proxy.app.answers import AnswersDoor
from proxy.app.ladders import LadderGauge
from proxy.app.upstream_watch import UpstreamWatch
from proxy.config.settings import Settings
from proxy.config.store_url import parse_endpoint
from proxy.domain.errors import StoreAway
from proxy.journal.books import JournalBooks
from proxy.journal.log import open_log
from proxy.journal.reader import Reader
from proxy.journal.sweeper import Sweeper
from proxy.journal.writer import Writer
from proxy.steps.leases import Leases
from proxy.stores.meters import StoreMeters
from proxy.stores.settler import StoreSettler
from proxy.stores.store import Store
from proxy.stores.usage import StoreUsage
from proxy.telemetry.accumulator import Accumulator
from proxy.telemetry.files import MetricFiles
from proxy.telemetry.logs import Log
from proxy.upstream.catalog import UpstreamCatalog
from proxy.upstream.desk import Share
from proxy.upstream.key_sets import PublishedKeys
from proxy.upstream.permits import UpstreamPermits
from proxy.upstream.wire import HttpWire

STORE_WAIT_S = 2.0  # at start; without a store the rules about a store that is away hold from the first call on


class Doors:
    """Everything of a worker that reaches outside of its process."""

    def __init__(self, settings: Settings, slot: int, urls: tuple[str, str], log: Log, org: Callable[[], str]) -> None:
        """``urls`` of store and cache; ``org``: whose holds are swept."""
        self._log = log
        self.store = Store(parse_endpoint(urls[0]))
        self.meters = StoreMeters(self.store, lease_s=settings.lease_s, workers=settings.workers)
        self.leases = Leases(self.meters, settings.lease_s / 3)
        self.usage = StoreUsage(self.store, time.monotonic)

        settler = StoreSettler(self.store, lease_s=settings.lease_s)
        path = settings.state / "calls.db"
        durable = settings.durability == "power"
        self.writer = Writer(lambda: open_log(path, slot, durable=durable), self._trouble)
        self.reader = Reader(path)
        self._settling = Reader(path)  # its own: a caller's long look back must not hold settlement up
        self.books = JournalBooks(self.writer, self._settling, settler, self._trouble, workers=settings.workers)
        self.sweeper = Sweeper(self.writer, settler, self.books.committed, lambda: (org(),), self._trouble)
        self.store.on_return(self.books.store_returned)

        self.accumulator = Accumulator(MetricFiles(settings.state / "metrics", str(slot)))
        self.cache = AnswersDoor(urls[1], self.accumulator, log, speaks=slot == 0)
        self.answers = self.cache.answers
        self.watch = UpstreamWatch(self.accumulator)
        self.ladders = LadderGauge(self.usage, self.accumulator)
        self.wire = HttpWire()
        self.permits = UpstreamPermits(time.monotonic, Share(slot, settings.workers), self.watch.failed)
        self.catalog = UpstreamCatalog(self.wire, time.monotonic)
        self.key_sets = PublishedKeys(self.wire, time.monotonic, self._told)

    async def open(self) -> None:
        """Open the store, which may be away, and the journal. Raises ``Unavailable`` when that cannot be opened."""
        self.store.start()
        try:
            await self.store.wait_up(STORE_WAIT_S)
        except StoreAway as error:
            self._told("warning", "store_away", str(error))
        await self.cache.open()
        await self.books.start()

    async def close_books(self) -> None:
        """Commit and settle what was booked; says how many rows were lost."""
        lost = await self.books.close()
        if lost:
            self._log.event("error", "rows_lost", count=lost)

    async def close(self) -> None:
        """Let go of everything else; nothing uses it any more."""
        await self.meters.drain()
        await self.usage.close()
        await self.store.close()
        await self.cache.close()
        self.key_sets.close()
        self.wire.close()
        self.reader.close()
        self._settling.close()

    def _trouble(self, event: str, detail: str) -> None:
        self._told("error", event, detail)

    def _told(self, level: str, event: str, detail: str) -> None:
        self._log.event(level, event, detail=detail)

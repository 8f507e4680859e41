"""A worker, put together: its doors to the store, the journal and the upstreams, the walk between them, the listener.

Order matters at both ends. It starts from the bottom up; it ends from the top down: first no more callers, then no more
walks, then the rows are committed and settled, then the store may go.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Coroutine, Sequence
from functools import partial
from socket import socket
from typing import Any

from proxy.app.audit import Audit
from proxy.app.generations import generation_of, known_labels
from proxy.app.upkeep import Memory, Reloader, reporter, steadily
from proxy.app.upstream_watch import UpstreamWatch
from proxy.config.reading import Reading
from proxy.config.store_url import parse_endpoint
from proxy.domain.errors import StoreAway
from proxy.journal.books import JournalBooks
from proxy.journal.calls import Calls
from proxy.journal.log import open_log
from proxy.journal.reader import Reader
from proxy.journal.sweeper import Sweeper
from proxy.journal.writer import Writer
from proxy.metering.count import count
from proxy.metering.estimate import Estimator
from proxy.metering.outputs import OutputHistory
from proxy.metering.table import PriceTable
from proxy.metering.vocab import Vocabulary
from proxy.pipeline import Pipeline
from proxy.server.gateway import Gateway
from proxy.server.health import Readiness
from proxy.server.ids import RequestIds
from proxy.server.limits import from_settings
from proxy.server.listener import Listener, serve
from proxy.server.own import OwnPages
from proxy.server.sockets import tls_context
from proxy.server.worker_process import Life
from proxy.steps.errors import answer_to
from proxy.steps.leases import Leases
from proxy.steps.upload_aside import Shelf
from proxy.steps.world import World
from proxy.stores.meters import StoreMeters
from proxy.stores.settler import StoreSettler
from proxy.stores.store import Store
from proxy.telemetry import metrics
from proxy.telemetry.accumulator import Accumulator
from proxy.telemetry.files import MetricFiles
from proxy.telemetry.gauge import CallGauge
from proxy.telemetry.heartbeat import Heartbeat
from proxy.telemetry.logs import Log
from proxy.upstream.catalog import UpstreamCatalog
from proxy.upstream.desk import Share
from proxy.upstream.permits import UpstreamPermits
from proxy.upstream.wire import HttpWire

ENDINGS_S = 2.0  # at the end, for answers that are read on although their callers left
STORE_WAIT_S = 2.0  # at start; without a store the rules about a store that is away hold from the first call on


class Clock:
    """Satisfies ``ports.Clock``."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


class Worker:
    """One process's share of the proxy, as ``server.worker_process`` runs it. All on one loop."""

    listener: Listener

    def __init__(
        self, reading: Reading, slot: int, *, store_url: str, demo_url: str | None, log: Log, life: Life
    ) -> None:
        settings = reading.settings
        self._settings, self._demo_url, self._log, self._life = settings, demo_url, log, life
        self._table, self._vocabulary = PriceTable.load(), Vocabulary()
        generation = generation_of(reading, self._table, demo_url)
        estimator = Estimator(self._vocabulary)

        self._store = Store(parse_endpoint(store_url))
        settler = StoreSettler(self._store, lease_s=settings.lease_s)
        path = settings.state / "calls.db"
        durable = settings.durability == "power"
        trouble = self._trouble
        self._writer = Writer(lambda: open_log(path, slot, durable=durable), trouble)
        self._reader = Reader(path)
        self._settling = Reader(path)  # its own: a caller's long look back must not hold settlement up
        self._books = JournalBooks(self._writer, self._settling, settler, trouble, workers=settings.workers)
        self._sweeper = Sweeper(self._writer, settler, self._books.committed, lambda: (self.org,), trouble)
        self._store.on_return(self._books.store_returned)

        self._accumulator = Accumulator(MetricFiles(settings.state / "metrics", str(slot)))
        self._gauge = CallGauge(self._accumulator, log, known_labels(generation))
        self._heartbeat = Heartbeat(self._accumulator, self._look)
        self._watch = UpstreamWatch(self._accumulator)
        share = Share(slot, settings.workers)
        self._wire, self._permits = HttpWire(), UpstreamPermits(time.monotonic, share, self._watch.failed)
        self._permits.retain(generation.routes.upstreams)
        self._catalog = UpstreamCatalog(self._wire, time.monotonic)
        self._meters = StoreMeters(self._store, lease_s=settings.lease_s, workers=settings.workers)
        self._leases = Leases(self._meters, settings.lease_s / 3)
        self._world = World(
            generation=generation,
            clock=Clock(),
            new_id=RequestIds(),
            wire=self._wire,
            permits=self._permits,
            catalog=self._catalog,
            meters=self._meters,
            books=self._books,
            gauge=self._gauge,
            estimator=estimator,
            outputs=OutputHistory(),
            leases=self._leases,
            later=self._later,
            report=reporter(log),
            count_long=self._count_long,
            shelf=Shelf(settings.state),
        )
        whole = settings.store.embedded and slot == 0  # else other machines' journals count, too
        self._audit = Audit(self._world, self._books, self._reader, self._accumulator, drift=whole)
        self._memory = Memory(slot, self._writer, estimator, self._vocabulary, log)
        self._reloader = Reloader(reading, log, self._take, self._reload_failed)
        self._chores: set[asyncio.Future[None]] = set()  # never end by themselves
        self._endings: set[asyncio.Future[None]] = set()  # of calls whose row waits for a drain or a count

    @property
    def org(self) -> str:
        """The org whose holds are swept."""
        return self._world.generation.directory.org

    async def start(self, sockets: Sequence[socket]) -> None:
        """Begin to serve on bound sockets. Raises ``Unavailable`` when the journal cannot be opened."""
        self._store.start()
        try:
            await self._store.wait_up(STORE_WAIT_S)
        except StoreAway as error:
            self._log.event("warning", "store_away", detail=str(error))
        await self._books.start()
        await self._memory.recall()
        for chore in (
            self._leases.keep,
            partial(self._sweeper.run, self._settings.lease_s / 3),
            self._reloader.run,
            self._memory.keep,
            self._audit.run,
        ):
            self._run(steadily(chore, reporter(self._log)), self._chores)
        self._heartbeat.start()
        self._accumulator.only(metrics.POLICY, self._world.generation.id).set(1.0)
        tls = self._settings.tls
        own = OwnPages(self._world, Calls(self._reader), self.readiness)
        self.listener = await serve(
            Gateway(Pipeline(self._world), own),
            sockets=sockets,
            on_error=answer_to,
            limits=from_settings(self._settings.limits),
            tls=tls_context(str(tls.cert), str(tls.key)) if tls else None,
        )

    def readiness(self) -> Readiness:
        """Whether calls can be served; what is missing is said, not hidden."""
        if not self._books.healthy:
            return Readiness(ready=False, reason="the journal cannot be written")
        return self._life.readiness

    def reload(self) -> None:
        """Reread the configuration now."""
        self._reloader.ask()

    def upstreams(self) -> str:
        """How the upstreams do now, as JSON."""
        return self._watch.told(self._permits, self._reloader.reading.settings.off)

    async def stop(self) -> None:
        """Book, settle and let go of everything; the listener's calls have all ended."""
        await self._memory.save()
        await self._end_calls()
        lost = await self._books.close()
        if lost:
            self._log.event("error", "rows_lost", count=lost)
        await _cancel(self._chores)
        await self._meters.drain()
        await self._store.close()
        self._wire.close()
        self._reader.close()
        self._settling.close()
        self._heartbeat.stop()
        self._accumulator.close()
        self._log.sink.flush()

    # -- what the world asks of us

    def _later(self, work: Coroutine[Any, Any, None] | Awaitable[None]) -> None:
        self._run(work, self._endings)

    def _run(self, work: Coroutine[Any, Any, None] | Awaitable[None], among: set[asyncio.Future[None]]) -> None:
        task = asyncio.ensure_future(work)
        among.add(task)
        task.add_done_callback(among.discard)
        task.add_done_callback(self._ended)

    async def _end_calls(self) -> None:
        """Let drains and counts end; those that take too long book what they know. The books close only then."""
        if self._endings:
            await asyncio.wait(self._endings, timeout=ENDINGS_S)
        while self._endings:  # a drain that is cut may leave a count behind
            await _cancel(self._endings)

    def _ended(self, task: asyncio.Future[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            reporter(self._log)("task_failed", "", error if isinstance(error, Exception) else Exception())

    async def _count_long(self, model: str, text: str) -> int:
        return await asyncio.to_thread(count, text, self._world.estimator.encoding(model))

    def _take(self, reading: Reading) -> None:
        """Put a new reading into force: one assignment; running calls keep theirs."""
        generation = generation_of(reading, self._table, self._demo_url)
        self._world.generation = generation
        self._wire.retain(generation.routes.upstreams)
        self._permits.retain(generation.routes.upstreams)
        self._catalog.retain(generation.routes.upstreams)
        self._gauge.know(known_labels(generation))
        self._accumulator.only(metrics.POLICY, generation.id).set(1.0)

    def _reload_failed(self) -> None:
        self._accumulator.cell(metrics.RELOAD_FAILURES).value += 1

    def _look(self) -> None:
        """Set the gauges that somebody has to look up, once a second."""
        self._gauge.refresh()
        store = () if self._store.up else (f"the store is away: {self._store.fault}",)
        self._life.degrade((*store, *self._watch.refresh(self._permits)))
        self._accumulator.cell(metrics.STORE_UP, "store").set(1.0 if self._store.up else 0.0)
        self._accumulator.cell(metrics.JOURNAL_LAG).set(self._books.lag_s)

    def _trouble(self, event: str, detail: str) -> None:
        self._log.event("error", event, detail=detail)


async def _cancel(tasks: set[asyncio.Future[None]]) -> None:
    """End tasks and wait for them."""
    await asyncio.sleep(0)  # one that has not begun would be cancelled without a chance to clean up
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

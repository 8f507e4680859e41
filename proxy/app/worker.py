"""A worker, put together: its doors to the world (``app.doors``), the walk between them, the listener, and its chores.

Order matters at both ends. It starts from the bottom up; it ends from the top down: first no more callers, then no more
walks, then the rows are committed and settled, then the store may go.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from socket import socket

from proxy.app.audit import Audit
from proxy.app.doors import Doors
from proxy.app.exemptions import ExemptionWatch
from proxy.app.generations import generation_of, known_labels
from proxy.app.near_watch import NearWatch
from proxy.app.notices import Notices, webhook_of
from proxy.app.policies import loaded_policies
from proxy.app.reloader import Reloader
from proxy.app.repeats import Repeats
from proxy.app.tasks import Tasks, reporter
from proxy.app.upkeep import Memory
from proxy.config.reading import Reading
from proxy.journal.calls import Calls
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
from proxy.steps.generation import Generation
from proxy.steps.identity import Identity
from proxy.steps.upload_aside import Shelf
from proxy.steps.world import World
from proxy.telemetry import metrics
from proxy.telemetry.gauge import CallGauge
from proxy.telemetry.heartbeat import Heartbeat
from proxy.telemetry.logs import Log


class Clock:
    """Satisfies ``ports.Clock``."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


class Worker:
    """One process's share of the proxy, as ``server.worker_process`` runs it. All on one loop."""

    listener: Listener

    def __init__(
        self,
        reading: Reading,
        slot: int,
        *,
        store_url: str,
        cache_url: str,
        demo_url: str | None,
        audit_only: bool,
        log: Log,
        life: Life,
    ) -> None:
        settings = reading.settings
        self._settings, self._demo_url, self._audit_only, self._log, self._life = (
            settings,
            demo_url,
            audit_only,
            log,
            life,
        )
        self._table, vocabulary = PriceTable.load(), Vocabulary()
        generation = self._generation(reading)
        estimator = Estimator(vocabulary)

        self._doors = doors = Doors(settings, slot, (store_url, cache_url), log, lambda: self.org)
        doors.permits.retain(generation.routes.upstreams)
        doors.key_sets.follow(generation.directory.jwt)
        self._gauge = CallGauge(doors.accumulator, log, known_labels(generation))
        self._heartbeat = Heartbeat(doors.accumulator, self._look)
        self._repeats = Repeats(doors, self._gauge, log)
        self._tasks = Tasks(reporter(log))
        hook, new_id = webhook_of(settings.notify, doors, log), RequestIds()
        self._notices = Notices(doors, hook, log, Clock(), new_id, lambda: self._world.generation)
        self._world = World(
            generation=generation,
            identity=Identity(doors.key_sets),
            clock=Clock(),
            new_id=new_id,
            wire=doors.wire,
            permits=doors.permits,
            catalog=doors.catalog,
            meters=doors.meters,
            usage=doors.usage,
            books=doors.books,
            answers=doors.answers,
            gauge=self._gauge,
            notices=self._notices,
            estimator=estimator,
            outputs=OutputHistory(),
            leases=doors.leases,
            later=self._tasks.later,
            report=reporter(log),
            count_long=self._count_long,
            shelf=Shelf(settings.state),
            measuring=self._repeats.measuring,
        )
        self._near = NearWatch(doors.accumulator, log, self._world.near)
        whole = settings.store.embedded and slot == 0  # else other machines' journals count, too
        self._audit = Audit(self._world, doors.books, doors.reader, doors.accumulator, drift=whole)
        self._exemptions = ExemptionWatch(doors.accumulator, log, speaks=slot == 0)
        self._exemptions.follow(generation.policy.said.exemptions, time.time())
        self._memory = Memory(slot, doors.writer, estimator, vocabulary, log)
        self._reloader = Reloader(reading, log, self._next_generation, self._take, self._reload_failed)

    @property
    def org(self) -> str:
        """The org whose holds are swept."""
        return self._world.generation.directory.org

    async def start(self, sockets: Sequence[socket]) -> None:
        """Begin to serve on bound sockets. Raises ``Unavailable`` when the journal cannot be opened."""
        doors = self._doors
        await doors.open()
        await self._memory.recall()
        for chore in (
            doors.leases.keep,
            doors.usage.run,
            partial(doors.sweeper.run, self._settings.lease_s / 3),
            self._reloader.run,
            self._memory.keep,
            self._audit.run,
            doors.key_sets.run,
            doors.cache.listen,
            *self._repeats.chores,
        ):
            self._tasks.keep(chore)
        for telling in self._notices.chores:
            self._tasks.keep(telling)
        self._heartbeat.start()
        doors.accumulator.only(metrics.POLICY, self._world.generation.id)
        tls = self._settings.tls
        own = OwnPages(self._world, Calls(doors.reader), self.readiness)
        self.listener = await serve(
            Gateway(Pipeline(self._world), own),
            sockets=sockets,
            on_error=answer_to,
            limits=from_settings(self._settings.limits),
            tls=tls_context(str(tls.cert), str(tls.key)) if tls else None,
        )

    def readiness(self) -> Readiness:
        """Whether calls can be served; what is missing is said, not hidden."""
        if not self._doors.books.healthy:
            return Readiness(ready=False, reason="the journal cannot be written")
        return self._life.readiness

    def reload(self, in_force: bytes) -> None:
        """Take this reading, which was found good; see ``app.in_force``."""
        self._reloader.ask(in_force)

    def upstreams(self) -> str:
        """How the upstreams do now, as JSON."""
        return self._doors.watch.told(self._doors.permits, self._reloader.reading.settings.off)

    async def stop(self) -> None:
        """Book, settle and let go of everything; the listener's calls have all ended."""
        await self._memory.save()
        await self._tasks.end_calls()
        await self._doors.close_books()
        await self._notices.last()
        await self._tasks.end_chores()
        await self._repeats.last()
        await self._doors.close()
        self._heartbeat.stop()
        self._doors.accumulator.close()
        self._log.sink.flush()

    # -- what the world asks of us

    async def _count_long(self, model: str, text: str) -> int:
        return await asyncio.to_thread(count, text, self._world.estimator.encoding(model))

    def _generation(self, reading: Reading, before: Generation | None = None) -> Generation:
        """What a reading means. Raises ``ConfigError``."""
        loaded = loaded_policies(reading, self._table, time.time())
        return generation_of(reading, self._table, self._demo_url, loaded, audit_only=self._audit_only, before=before)

    def _next_generation(self, reading: Reading) -> Generation:
        return self._generation(reading, self._world.generation)

    def _take(self, generation: Generation) -> None:
        """Put a new generation into force: one assignment; running calls keep theirs."""
        doors = self._doors
        self._world.generation = generation
        doors.wire.retain(generation.routes.upstreams)
        doors.permits.retain(generation.routes.upstreams)
        doors.catalog.retain(generation.routes.upstreams)
        doors.key_sets.follow(generation.directory.jwt)
        self._gauge.know(known_labels(generation))
        self._exemptions.follow(generation.policy.said.exemptions, time.time())
        doors.accumulator.only(metrics.POLICY, generation.id)

    def _reload_failed(self) -> None:
        self._doors.accumulator.cell(metrics.RELOAD_FAILURES).value += 1

    def _look(self) -> None:
        """Set the gauges that somebody has to look up, once a second."""
        self._gauge.refresh()
        self._exemptions.look(time.time())
        doors = self._doors
        doors.ladders.refresh()
        doors.cache.refresh()
        self._repeats.refresh()
        store = () if doors.store.up else (f"the store is away: {doors.store.fault}",)
        cache = () if doors.cache.store.up else (f"the cache is away, calls go upstream: {doors.cache.store.fault}",)
        keys = (
            (f"the keys of the identity provider are not current: {fault}",) if (fault := doors.key_sets.fault) else ()
        )
        near = self._near.refresh(self._world.generation.id)
        self._life.degrade((*store, *cache, *keys, *near, *doors.watch.refresh(doors.permits)))
        doors.accumulator.cell(metrics.STORE_UP, "store").set(1.0 if doors.store.up else 0.0)
        doors.accumulator.cell(metrics.JOURNAL_LAG).set(doors.books.lag_s)

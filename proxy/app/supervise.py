"""The process that users start: engines, demo, workers and the admin listener, put together.

Everything that could refuse to start is asked first (configuration, lock, ports, engines), so that a mistake is one
sentence on the terminal and not a crash loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import uvloop

from proxy.app.following import Follower
from proxy.app.handed import AUDIT_VARIABLE, CACHE_VARIABLE, DEMO_VARIABLE, STORE_VARIABLE
from proxy.app.in_force import packed
from proxy.app.ledger import shipping
from proxy.app.tasks import reporter, steadily
from proxy.config.reading import Reading
from proxy.config.settings import Settings
from proxy.server import sockets
from proxy.server.admin import serve_admin
from proxy.server.lock import StateLock
from proxy.server.supervisor import Supervisor
from proxy.server.upstreams import upstream_page
from proxy.stores.engine import Engine, cache_flags, store_flags
from proxy.stores.engines import Engines
from proxy.telemetry import files, metrics
from proxy.telemetry.accumulator import Accumulator
from proxy.telemetry.logs import Log
from proxy.upstream.demo import DemoServer

AUDIT_ONLY = "no rule is felt (--audit-only)"


def supervise(reading: Reading, log: Log, *, on_ready: Callable[[], None]) -> int:
    """Run until told to stop; the exit code. Raises ``StateTaken``, ``PortTaken``, ``EngineFailed`` and ``OSError``."""
    settings = reading.settings
    with StateLock(settings.state), contextlib.ExitStack() as stack:
        _, kept = sockets.reserve(settings.listen)
        stack.callback(sockets.close, kept)
        files.prepare(settings.state / "metrics")
        engines = _engines(settings)
        engines.start()
        stack.callback(engines.stop)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_run(reading, engines, log, on_ready))


def _engines(settings: Settings) -> Engines:
    """The embedded ones among store and cache; none when both are elsewhere."""
    folder = settings.state / "engines"
    fsync = "always" if settings.durability == "power" else "everysec"
    wanted = []
    if settings.store.embedded:
        wanted.append(Engine("store", folder, store_flags(fsync=fsync)))
    if settings.cache.embedded:
        wanted.append(Engine("cache", folder, cache_flags()))
    return Engines(wanted)


def store_url(settings: Settings) -> str:
    """Where the store is, embedded or not."""
    return Engine("store", settings.state / "engines", ()).url if settings.store.embedded else settings.store.url


def cache_url(settings: Settings) -> str:
    """Where the cache is, embedded or not."""
    return Engine("cache", settings.state / "engines", ()).url if settings.cache.embedded else settings.cache.url


async def _run(reading: Reading, engines: Engines, log: Log, on_ready: Callable[[], None]) -> int:
    settings = reading.settings
    async with _demo(settings) as demo_url, shipping(settings, log) as missing:
        environment = {STORE_VARIABLE: store_url(settings), CACHE_VARIABLE: cache_url(settings)}
        os.environ.update(environment | ({DEMO_VARIABLE: demo_url} if demo_url else {}))
        accumulator = Accumulator(files.MetricFiles(settings.state / "metrics", "supervisor"))
        follower = Follower(reading, log, accumulator)
        unfelt = (AUDIT_ONLY,) if AUDIT_VARIABLE in os.environ else ()
        accumulator.cell(metrics.AUDIT_ONLY).set(float(len(unfelt)))
        accumulator.flush()
        supervisor = Supervisor(
            _command,
            lambda: packed(follower.reading),
            workers=settings.workers,
            drain=settings.drain,
            on_ready=on_ready,
            on_hangup=follower.ask,
        )
        admin = await serve_admin(
            settings.admin,
            render=partial(files.render, settings.state / "metrics"),
            readiness=lambda: supervisor.readiness.lacking((*unfelt, *missing(), *follower.degraded)),
            routes=[upstream_page(supervisor.upstreams)],
        )
        watching = asyncio.create_task(engines.watch(), name="engines")
        following = asyncio.create_task(steadily(partial(follower.run, supervisor.reload), reporter(log)), name="files")
        try:
            code = await supervisor.run()
        finally:
            watching.cancel()
            following.cancel()
            await admin.close()
            accumulator.close()
    log.event("info", "stopped", code=code)
    return code


@asynccontextmanager
async def _demo(settings: Settings) -> AsyncIterator[str | None]:
    if not settings.demo:
        yield None
        return
    async with DemoServer() as server:
        yield server.base_url


def _command(index: int, link: int) -> Sequence[str]:
    """A worker's command line; the same program, so that there is one thing to install."""
    return (sys.executable, "-m", "proxy", "worker", "--slot", str(index), "--link", str(link))

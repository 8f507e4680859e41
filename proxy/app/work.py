"""The start of a worker's process: hear what is in force, bind a socket, build the worker, live until told to end."""

from __future__ import annotations

import os

from proxy.app.handed import AUDIT_VARIABLE, CACHE_VARIABLE, DEMO_VARIABLE, STORE_VARIABLE
from proxy.app.in_force import unpacked
from proxy.app.worker import Worker
from proxy.server import link, sockets
from proxy.server.lock import StateTaken, slot_lock
from proxy.server.worker_process import Life, run
from proxy.telemetry.logs import setup

PREDECESSOR_S = 30.0  # for a worker of a supervisor that was killed: longer than it takes to end its calls


def work(slot: int, link_fd: int) -> int:
    """Run a worker; its exit code. Raises ``ConfigError`` before anything is bound.

    It reads no file of the configuration: the supervisor tells what is in force, now and after every change.
    """
    line = link.inherited(link_fd)
    try:
        reading = unpacked(link.first(line))
    except (EOFError, ConnectionError):
        return 1  # the supervisor is gone
    settings = reading.settings
    log = setup(settings.log.level, settings.log.format)

    async def build(life: Life) -> Worker:
        worker = Worker(
            reading,
            slot,
            store_url=os.environ[STORE_VARIABLE],
            cache_url=os.environ[CACHE_VARIABLE],
            demo_url=os.environ.get(DEMO_VARIABLE),
            audit_only=AUDIT_VARIABLE in os.environ,
            log=log,
            life=life,
        )
        await worker.start(sockets.bind(settings.listen))
        return worker

    try:
        with slot_lock(settings.state, slot, PREDECESSOR_S):
            return run(build, line, drain=settings.drain)
    except StateTaken as taken:
        log.event("error", "slot_taken", detail=str(taken))
        return 1  # and the supervisor tries again

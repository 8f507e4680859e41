"""The start of a worker's process: read the configuration, bind a socket, build the worker, live until told to end."""

from __future__ import annotations

import os
from pathlib import Path

from proxy.app.handed import AUDIT_VARIABLE, DEMO_VARIABLE, STORE_VARIABLE
from proxy.app.worker import Worker
from proxy.config.reading import read
from proxy.server import sockets
from proxy.server.lock import StateTaken, slot_lock
from proxy.server.supervisor import OTHER_FILES
from proxy.server.worker_process import Life, run
from proxy.telemetry.logs import setup

PREDECESSOR_S = 30.0  # for a worker of a supervisor that was killed: longer than it takes to end its calls


def work(config: Path, slot: int, link_fd: int, generation: str) -> int:
    """Run a worker; its exit code. Raises ``ConfigError`` before anything is bound.

    ``generation``: the one that was found good. A worker that is started while the files are another one waits for it.
    """
    reading = read(config, os.environ)
    settings = reading.settings
    log = setup(settings.log.level, settings.log.format)
    if reading.generation != generation:
        log.event("warning", "files_not_in_force", detail="they changed and were not found good", generation=generation)
        return OTHER_FILES  # and the supervisor tries again

    async def build(life: Life) -> Worker:
        worker = Worker(
            reading,
            slot,
            store_url=os.environ[STORE_VARIABLE],
            demo_url=os.environ.get(DEMO_VARIABLE),
            audit_only=AUDIT_VARIABLE in os.environ,
            log=log,
            life=life,
        )
        await worker.start(sockets.bind(settings.listen))
        return worker

    try:
        with slot_lock(settings.state, slot, PREDECESSOR_S):
            return run(build, link_fd=link_fd, drain=settings.drain)
    except StateTaken as taken:
        log.event("error", "slot_taken", detail=str(taken))
        return 1  # and the supervisor tries again

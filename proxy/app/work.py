"""The start of a worker's process: read the configuration, bind a socket, build the worker, live until told to end."""

from __future__ import annotations

import os
from pathlib import Path

from proxy.app.supervise import DEMO_VARIABLE, STORE_VARIABLE
from proxy.app.worker import Worker
from proxy.config.reading import read
from proxy.server import sockets
from proxy.server.worker_process import Life, run
from proxy.telemetry.logs import setup


def work(config: Path, slot: int, link_fd: int) -> int:
    """Run a worker; its exit code. Raises ``ConfigError`` before anything is bound."""
    reading = read(config, os.environ)
    settings = reading.settings
    log = setup(settings.log.level, settings.log.format)

    async def build(life: Life) -> Worker:
        worker = Worker(
            reading,
            slot,
            store_url=os.environ[STORE_VARIABLE],
            demo_url=os.environ.get(DEMO_VARIABLE),
            log=log,
            life=life,
        )
        await worker.start(sockets.bind(settings.listen))
        return worker

    return run(build, link_fd=link_fd, drain=settings.drain)

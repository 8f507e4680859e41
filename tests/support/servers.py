"""One server of several: on a port of loopback that the others know, and on a socket for the test."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import redis

from proxy.stores.engine import Engine, store_flags
from tests.support.engines import binary_of
from tests.support.running import free_port

HOST: Final = "127.0.0.1"
PATIENCE_S: Final = 30.0  # generous: it only proves that nothing is stuck
QUICKLY_MS: Final = 1000  # a server that is silent for so long is voted out


def wait_for(what: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    """Ask until it is so; a server that does not answer, or not this, is asked again."""
    end = time.monotonic() + seconds
    while True:
        with suppress(redis.RedisError):
            if what():
                return
        assert time.monotonic() < end, f"waited {seconds:g} s in vain"
        time.sleep(0.05)


class Node:
    """One server, on a port of its own and on a socket for the test."""

    def __init__(self, name: str, folder: Path, kind: str, *flags: str, tls: Sequence[str] = ()) -> None:
        """``tls``: flags that make its port speak TLS."""
        self.port = free_port()
        port = ("--tls-port", str(self.port), *tls) if tls else ("--port", str(self.port))
        place = (*port, "--bind", HOST, "--repl-diskless-sync-delay", "0")
        self.engine = Engine(name, folder, (*store_flags(), *place, *flags), binary=binary_of(kind))

    def ask(self, *command: str | int) -> Any:
        """The answer to a command."""
        with self.client() as client:
            return client.execute_command(*command)

    def client(self) -> redis.Redis:
        """A plain client, which follows nobody."""
        return redis.Redis(unix_socket_path=str(self.engine.socket), socket_timeout=5, protocol=2)

    def info(self, section: str) -> dict[str, Any]:
        """A section of INFO."""
        with self.client() as client:
            return dict(client.info(section))

    def kill(self) -> None:
        """Kill -9."""
        assert self.engine.pid is not None
        os.kill(self.engine.pid, signal.SIGKILL)
        self.engine.stop()

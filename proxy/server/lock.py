"""One proxy per state folder: two would settle each other's journals. The kernel frees the lock however the owner ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

NAME = "tallygate.lock"
_POLL_S = 0.02


class StateTaken(RuntimeError):
    """Another process owns the state folder."""

    def __init__(self, folder: Path, pid: str) -> None:
        """Name the folder and the owner, so that an operator knows what to end."""
        super().__init__(
            f"the state folder {folder} is in use by process {pid}. End that process, or set `state` to another folder"
        )
        self.pid = pid


class StateLock:
    """Holds ``folder`` from entering to leaving. Raises ``StateTaken``, or ``OSError`` when it cannot be written."""

    def __init__(self, folder: Path) -> None:
        """The folder is made, for its owner only, if it does not exist."""
        self._folder = folder
        self._fd = -1

    def __enter__(self) -> Self:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self._folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(fd, 32).decode(errors="replace").strip() or "unknown"
            os.close(fd)
            raise StateTaken(self._folder.resolve(), pid) from None
        except OSError:
            os.close(fd)
            raise
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The file stays: removing it would let a third process lock a name that the second one no longer sees.
        os.close(self._fd)
        self._fd = -1


def owner_of(folder: Path) -> str | None:
    """The process id of the proxy that owns ``folder``, ``unknown`` where it cannot be read; None when nobody does."""
    try:
        fd = os.open(folder / NAME, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(fd, 32).decode(errors="replace").strip() or "unknown"
    finally:
        os.close(fd)
    return None


@contextmanager
def slot_lock(folder: Path, slot: int | str, wait_s: float) -> Iterator[None]:
    """A worker's own lock, or a command's, for its life: two that write one journal would give their rows the same numbers.

    A worker outlives a supervisor that was killed, by what it takes to end its calls; the one that takes its place waits
    for it. Raises ``StateTaken`` when that takes longer than ``wait_s``.
    """
    path = folder / f"worker.{slot}.lock"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + wait_s
        while not _try_lock(fd):
            if time.monotonic() > until:
                raise StateTaken(folder.resolve(), os.read(fd, 32).decode(errors="replace").strip() or "unknown")
            time.sleep(_POLL_S)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

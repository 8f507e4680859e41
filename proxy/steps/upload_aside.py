"""A body put aside on disk until it is understood, in a file that has no name: it ends with the call, or with us.

Failure: without room the call is refused before the disk is full, because the journal lives there, too.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from proxy.domain.errors import Unavailable

SLICE = 256 << 10  # bytes of one read
LEAST_FREE, MOST_FREE = 64 << 20, 1 << 30  # bytes of a disk that are left alone: a twentieth, within these bounds
T = TypeVar("T")


class Shelf:
    """The folder where bodies are put aside."""

    def __init__(self, folder: Path, keep_free: int | None = None) -> None:
        """``keep_free`` bytes of its disk are left alone; None: as many as suit its size."""
        self._folder = folder
        self._keep_free = keep_free

    async def take(self, length: int | None) -> Aside:
        """A file for a body of so many bytes, if anybody knows. Raises ``Unavailable`` when there is no room."""
        try:
            aside = Aside(await asyncio.to_thread(self._open), self._keep_free)
        except OSError:
            raise _no_room() from None
        try:
            await aside.reserve(length or 0)
        except BaseException:
            aside.close()
            raise
        return aside

    def _open(self) -> int:
        with suppress(OSError, AttributeError):  # a kernel or file system without such files
            return os.open(self._folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=".upload-")
        Path(name).unlink()
        return descriptor


class Aside:
    """One body. ``close`` it in any case; work that a thread is still busy with ends first."""

    def __init__(self, descriptor: int, keep_free: int | None) -> None:
        """``descriptor`` is of an empty file without a name, and ours from now on."""
        self._descriptor = descriptor
        self._keep_free = keep_free
        self._lock = threading.Lock()  # a number that was closed may be another file's a moment later
        self._is_over = False
        self.size = 0

    async def reserve(self, more: int) -> None:
        """Raise ``Unavailable`` when the disk has no room for so many bytes."""
        await self._work(lambda descriptor: self._check(descriptor, more))

    async def write(self, data: bytes) -> None:
        """Append. Raises ``Unavailable`` when there is no room."""
        at = self.size
        self.size += len(data)

        def append(descriptor: int) -> None:
            self._check(descriptor, len(data))
            done = 0
            while done < len(data):
                done += os.pwrite(descriptor, memoryview(data)[done:], at + done)

        await self._work(append)

    async def read(self, at: int) -> bytes:
        """The next slice from there; ``b""`` at the end."""
        return await self._work(lambda descriptor: os.pread(descriptor, SLICE, at))

    def close(self) -> None:
        """Give the file up, at once or when a thread is done with it."""
        self._is_over = True
        if self._lock.acquire(blocking=False):
            try:
                descriptor, self._descriptor = self._descriptor, -1
                if descriptor >= 0:
                    os.close(descriptor)
            finally:
                self._lock.release()

    async def _work(self, work: Callable[[int], T]) -> T:
        try:
            return await asyncio.to_thread(self._locked, work)
        except OSError:
            raise _no_room() from None

    def _locked(self, work: Callable[[int], T]) -> T:
        try:
            with self._lock:
                return work(self._descriptor)
        finally:
            if self._is_over:
                self.close()

    def _check(self, descriptor: int, more: int) -> None:
        disk = os.fstatvfs(descriptor)
        keep = self._keep_free
        if keep is None:
            keep = min(max(disk.f_blocks * disk.f_frsize // 20, LEAST_FREE), MOST_FREE)
        if disk.f_bavail * disk.f_frsize - more < keep:
            raise _no_room()


def _no_room() -> Unavailable:
    return Unavailable(
        "There is no room here to put this upload aside until it is understood; nothing was forwarded. "
        "Send the field 'model' before the file: then it passes without waiting.",
        code="upload_no_room",
        retry_after_s=10.0,
    )

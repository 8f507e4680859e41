"""A body on disk has no name, has bounds, and goes away when nobody needs it."""

from __future__ import annotations

import asyncio
import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from proxy.domain.errors import Unavailable
from proxy.steps.upload_aside import SLICE, Shelf


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_what_was_written_is_read_again_from_anywhere(tmp_path: Path) -> None:
    aside = await Shelf(tmp_path, 0).take(None)
    data = os.urandom(SLICE + 1000)
    await aside.write(data[:10])
    await aside.write(data[10:])
    assert await aside.read(0) == data[:SLICE]
    assert await aside.read(SLICE) == data[SLICE:]
    assert await aside.read(len(data)) == b""
    assert await aside.read(5) == data[5 : SLICE + 5]
    aside.close()


async def test_nobody_else_can_find_or_read_it(tmp_path: Path) -> None:
    aside = await Shelf(tmp_path, 0).take(None)
    await aside.write(b"secret")
    assert names_in(tmp_path) == []
    status = os.fstat(aside._descriptor)
    assert (status.st_nlink, stat.S_IMODE(status.st_mode)) == (0, 0o600)
    aside.close()
    with pytest.raises(Unavailable):
        await aside.read(0)
    aside.close()


async def test_a_kernel_without_nameless_files_gets_a_name_that_is_gone_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY | os.O_CREAT)  # which no kernel takes
    aside = await Shelf(tmp_path, 0).take(None)
    await aside.write(b"x")
    assert names_in(tmp_path) == []
    assert stat.S_IMODE(os.fstat(aside._descriptor).st_mode) == 0o600
    aside.close()


async def test_what_would_fill_the_disk_is_refused_before_and_while_it_comes(tmp_path: Path) -> None:
    disk = os.statvfs(tmp_path)
    free = disk.f_bavail * disk.f_frsize
    with pytest.raises(Unavailable) as caught:
        await Shelf(tmp_path, 0).take(free + (1 << 40))
    assert caught.value.code == "upload_no_room"
    assert "'model' before the file" in caught.value.message
    with pytest.raises(Unavailable):
        await Shelf(tmp_path, free * 2 + 1).take(None)
    aside = await Shelf(tmp_path, 0).take(None)
    aside._keep_free = free * 2 + 1
    with pytest.raises(Unavailable):
        await aside.write(b"x")
    aside.close()


async def test_a_folder_that_cannot_be_written_is_told_the_same_way() -> None:
    with pytest.raises(Unavailable):
        await Shelf(Path("/nonexistent")).take(None)


async def test_closing_while_a_thread_works_closes_once_it_is_done(tmp_path: Path) -> None:
    aside = await Shelf(tmp_path, 0).take(None)
    file = os.fstat(aside._descriptor).st_ino
    writing = asyncio.create_task(aside.write(bytes(32 << 20)))
    while not aside._lock.locked() and not writing.done():  # noqa: ASYNC110  # another thread's
        await asyncio.sleep(0)
    aside.close()
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    for _ in range(200):
        if not is_open(file):
            break
        await asyncio.sleep(0.01)
    assert not is_open(file)
    assert aside._descriptor == -1


def is_open(file: int) -> bool:
    """Whether any descriptor of this process is of this file: a number alone may be another file's by now."""
    for number in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if os.fstat(int(number.name)).st_ino == file:
                return True
    return False

"""Replaces a file whole or not at all: readers see the old bytes or the new ones, also after a power cut."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def alone(path: Path) -> Iterator[Path]:
    """Keep other writers of ``path`` out; gives the real file, symbolic links followed.

    The lock is on the folder: a lock on the file itself would stay with the old file when the new one takes its name.
    """
    real = path.resolve()
    folder = os.open(real.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield real
    finally:
        os.close(folder)


def replace(path: Path, content: bytes) -> None:
    """Write ``content`` in place of ``path``, keeping its mode and, where allowed, its owner. Raises ``OSError``."""
    old = path.stat()
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            with contextlib.suppress(PermissionError):  # only root may give files away
                os.fchown(file.fileno(), old.st_uid, old.st_gid)
            os.fchmod(file.fileno(), old.st_mode & 0o7777)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def create(path: Path, content: bytes, *, mode: int = 0o666) -> bool:
    """Write a file that does not exist yet, whole or not at all; False when it does. The umask narrows ``mode``. Raises ``OSError``."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)  # unlike a rename, this fails where somebody else was faster
        except FileExistsError:
            return False
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

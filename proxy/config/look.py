"""One look at files: each is read once, whoever asks, and the name of what was read is made of those very bytes.

So one reading never mixes two versions of a file, and never bears the name of another one, however it changes meanwhile.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from proxy.config.policy_paths import policy_paths

_TICK_NS = 2_000_000_000  # coarsest clock of a file system still met (git calls such files racily clean)


class Stamp(msgspec.Struct, frozen=True):
    """What a file looked like. A file that is not there has all zeros."""

    mtime_ns: int = 0
    size: int = 0
    inode: int = 0
    digest: bytes = b""
    racy: bool = False  # written so shortly before it was read that the time alone proves nothing


class Fingerprint(msgspec.Struct, frozen=True):
    """The looks of several files, folders taken with the YAML files below them."""

    stamps: dict[str, Stamp]


class Look:
    """Remembers what it saw for as long as it lasts, secrets included: keep it no longer than a reading takes."""

    def __init__(self) -> None:
        """Nothing was looked at yet."""
        self._files: dict[Path, tuple[Stamp, bytes | OSError]] = {}
        self._folders: dict[Path, list[tuple[str, Path]]] = {}

    def read(self, path: Path) -> bytes:
        """What is in a file. Raises ``OSError``, each time if once."""
        _, found = self._file(path)
        if isinstance(found, OSError):
            raise found
        return found

    def stamp(self, path: Path) -> Stamp:
        """How a file looked when it was read."""
        return self._file(path)[0]

    def policies(self, folder: Path) -> list[tuple[str, Path]]:
        """List the files of a policy folder, see ``policy_paths``."""
        key = folder.absolute()
        if key not in self._folders:
            self._folders[key] = policy_paths(folder)
        return self._folders[key]

    def files(self, paths: Iterable[Path]) -> list[tuple[str, Path]]:
        """List the files themselves, and those of folders by their names there: the very ones that are read.

        A folder without any stands for itself, as one that is not there does.
        """
        found: list[tuple[str, Path]] = []
        for path in paths:
            below = self.policies(path) if path.absolute() in self._folders or path.is_dir() else []
            found += [(str(path / name), file) for name, file in below] or [(str(path), path)]
        return found

    def fingerprint(self, paths: Iterable[Path]) -> Fingerprint:
        """How they looked when they were read; those that were not are looked at now."""
        return Fingerprint({name: self.stamp(path) for name, path in self.files(paths)})

    def _file(self, path: Path) -> tuple[Stamp, bytes | OSError]:
        """Its looks are those before it was read: what is written meanwhile is news again."""
        key = path.absolute()
        if key not in self._files:
            try:
                stat = path.stat()
                raw = path.read_bytes()
            except OSError as error:
                self._files[key] = Stamp(), error
            else:
                racy = time.time_ns() - stat.st_mtime_ns < _TICK_NS
                digest = hashlib.sha256(raw).digest()
                self._files[key] = Stamp(stat.st_mtime_ns, stat.st_size, stat.st_ino, digest, racy), raw
        return self._files[key]

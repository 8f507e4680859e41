"""Notices that files have changed, and says which changes a running proxy can take.

Cheap enough to be asked every second: one ``stat`` for each file. Symbolic links are followed as they are for reading, so
that the swap of Kubernetes' ``..data`` is seen, and seen whole; a file that was written to within the same clock tick as it was read is read again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from proxy.config.policy_files import policy_paths
from proxy.config.settings import Settings

RELOADABLE = ("upstreams", "passthrough", "demo", "directory", "policies", "budget")
_ASIDE = ("source", "off", "notes", "files")  # describe the reading, not the proxy
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


class Change(msgspec.Struct, frozen=True):
    """What differs between two readings: ``taken`` now, and ``at_restart`` only."""

    taken: tuple[str, ...] = ()
    at_restart: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """Say it for people, a line each."""
        now = (f"configuration changed: {', '.join(self.taken)}",) if self.taken else ()
        return (*now, *(f"{name}: changed; takes effect at restart" for name in self.at_restart))


def fingerprint(paths: Iterable[Path]) -> Fingerprint:
    """Look at every file now, contents included."""
    return Fingerprint({name: _stamp(path) for name, path in _files(paths)})


def changed(paths: Iterable[Path], last: Fingerprint) -> bool:
    """Tell whether any file differs in content from ``last``, or came or went. A mere ``touch`` is no change."""
    now = dict(_files(paths))
    if now.keys() != last.stamps.keys():
        return True
    return any(_differs(path, last.stamps[name]) for name, path in now.items())


def diff(old: Settings, new: Settings) -> Change:
    """Compare two readings of the configuration, member by member."""
    differing = [
        name for name in Settings.__struct_fields__ if name not in _ASIDE and getattr(old, name) != getattr(new, name)
    ]
    return Change(
        taken=tuple(name for name in differing if name in RELOADABLE),
        at_restart=tuple(name for name in differing if name not in RELOADABLE),
    )


def effective(running: Settings, new: Settings) -> Settings:
    """Return the settings to go on with: what can be taken from ``new``, all else as it was at the start."""
    taken = {name: getattr(new, name) for name in (*RELOADABLE, *_ASIDE)}
    return msgspec.structs.replace(running, **taken)


def generation_id(contents: Iterable[bytes]) -> str:
    """Name a generation by the contents of its files, in order: 7 hex digits, the same on every replica."""
    whole = hashlib.sha256()
    for content in contents:
        whole.update(len(content).to_bytes(8, "big"))
        whole.update(content)
    return whole.hexdigest()[:7]


def _files(paths: Iterable[Path]) -> list[tuple[str, Path]]:
    """List the files themselves, and those of folders by their names there: the very ones that are read."""
    found: list[tuple[str, Path]] = []
    for path in paths:
        if path.is_dir():
            found += [(str(path / below), file) for below, file in policy_paths(path)]
        else:
            found.append((str(path), path))
    return found


def _stamp(path: Path) -> Stamp:
    try:
        stat = path.stat()
        digest = hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return Stamp()
    racy = time.time_ns() - stat.st_mtime_ns < _TICK_NS
    return Stamp(stat.st_mtime_ns, stat.st_size, stat.st_ino, digest, racy)


def _differs(path: Path, last: Stamp) -> bool:
    try:
        stat = path.stat()
    except OSError:
        return bool(last.digest)
    if (stat.st_mtime_ns, stat.st_size, stat.st_ino) == (last.mtime_ns, last.size, last.inode) and not last.racy:
        return False
    return _stamp(path).digest != last.digest

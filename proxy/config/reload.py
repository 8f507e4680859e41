"""Notices that files have changed, and says which changes a running proxy can take.

Cheap enough to be asked every second: one ``stat`` for each file. Symbolic links are followed as they are for reading, so
that the swap of Kubernetes' ``..data`` is seen, and seen whole; a file that was written to within the same clock tick as it was read is read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from proxy.config.look import Fingerprint, Look, Stamp
from proxy.config.settings import Settings

RELOADABLE = ("upstreams", "passthrough", "demo", "directory", "policies", "budget")
_ASIDE = ("source", "off", "notes", "files")  # describe the reading, not the proxy


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
    return Look().fingerprint(paths)


def changed(paths: Iterable[Path], last: Fingerprint) -> bool:
    """Tell whether any file differs in content from ``last``, or came or went. A mere ``touch`` is no change."""
    look = Look()
    now = dict(look.files(paths))
    if now.keys() != last.stamps.keys():
        return True
    return any(_differs(path, last.stamps[name], look) for name, path in now.items())


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


def _differs(path: Path, last: Stamp, look: Look) -> bool:
    try:
        stat = path.stat()
    except OSError:
        return bool(last.digest)
    if (stat.st_mtime_ns, stat.st_size, stat.st_ino) == (last.mtime_ns, last.size, last.inode) and not last.racy:
        return False
    return look.stamp(path).digest != last.digest

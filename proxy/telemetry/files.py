"""The files through which workers show their counters to the process that is scraped.

They are prometheus_client's own multiprocess files (``mmap_dict``), so that its ``MultiProcessCollector`` adds them up.
Two things differ from its default. A file belongs to a *slot*, not to a process id: a worker that is started again
continues its predecessor's file, so counters of the dead stay counted and the folder does not grow. And nothing here
reads ``PROMETHEUS_MULTIPROC_DIR``, so the order of imports does not matter.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, cast

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector


class _Mapped(Protocol):
    """prometheus_client's file of doubles, which comes without types."""

    def read_value(self, key: str) -> tuple[float, float]: ...
    def write_value(self, key: str, value: float, timestamp: float) -> None: ...
    def close(self) -> None: ...


_open_mapped = cast("Callable[[str], _Mapped]", MmapedDict)
_merge = cast("Callable[[list[str]], Iterable[Family]]", MultiProcessCollector.merge)

_BYTES = 2 << 20  # allocated, not sparse: a write into a mapped hole on a full disk would kill the process
_BROKEN = (RuntimeError, ValueError, struct.error)  # what a torn file raises in prometheus_client
_MOST_SLOTS = 64


def prepare(directory: Path) -> None:
    """Make an empty folder; for the supervisor, before its first worker. Counters start at 0 as after any restart."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in (*directory.glob("*.db"), *directory.glob("*.lock")):
        file.unlink(missing_ok=True)


def forget(directory: Path) -> None:
    """Drop the live gauges of every worker that died; their counters stay. For the supervisor, after each death."""
    for file in directory.glob("*.lock"):
        lock = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        if _locked(lock):
            _drop_live(directory, file.stem)
        os.close(lock)


def render(directory: Path) -> bytes:
    """All processes' metrics in Prometheus' text format. A torn file is left out, never an error of the page."""
    registry = CollectorRegistry()
    registry.register(_Readable(directory))
    return generate_latest(registry)


class _Readable(Collector):
    """Sums up the files that can be read."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterable[Family]:
        """One family per metric, over all files."""
        files = sorted(str(file) for file in self._directory.glob("*.db"))
        try:
            return list(_merge(files))
        except (*_BROKEN, FileNotFoundError):
            return list(_merge([file for file in files if _readable(file)]))


def _readable(file: str) -> bool:
    try:
        list(_merge([file]))
    except (*_BROKEN, FileNotFoundError):
        return False
    return True


class MetricFiles:
    """The files of one worker. ``slot`` is what was claimed: the one asked for, or a free one while that is in use."""

    def __init__(self, directory: Path, slot: str) -> None:
        if not slot.isalnum():
            raise ValueError(f"a slot is letters and digits, not {slot!r}")
        self._directory = directory
        self._files: dict[str, _Mapped] = {}
        self.slot, self._lock = _claim(directory, slot)
        _drop_live(directory, self.slot)  # of a predecessor that nobody forgot

    def read(self, prefix: str, key: str) -> float:
        """Return what the file holds for this key, 0 when it is new. ``prefix`` is a kind, and a gauge's mode."""
        return self._open(prefix).read_value(key)[0]

    def write(self, prefix: str, key: str, value: float, at: float = 0.0) -> None:
        """Replace a value; ``at`` (unix seconds) matters for gauges whose most recent value counts."""
        self._open(prefix).write_value(key, value, at)

    def clear(self, prefix: str) -> None:
        """Forget every value of this prefix; the file starts again empty."""
        if (file := self._files.pop(prefix, None)) is not None:
            file.close()
        self._path(prefix).unlink(missing_ok=True)

    def close(self) -> None:
        """Give the slot back; live gauges end with it."""
        for file in self._files.values():
            file.close()
        self._files.clear()
        _drop_live(self._directory, self.slot)
        os.close(self._lock)

    def _path(self, prefix: str) -> Path:
        return self._directory / f"{prefix}_{self.slot}.db"

    def _open(self, prefix: str) -> _Mapped:
        found = self._files.get(prefix)
        if found is None:
            found = self._files[prefix] = _map(self._path(prefix))
        return found


def _claim(directory: Path, slot: str) -> tuple[str, int]:
    """Lock a slot. A predecessor that still drains keeps its own, because both would write absolute values."""
    for turn in range(_MOST_SLOTS):
        name = slot if turn == 0 else f"{slot}x{turn}"
        lock = os.open(directory / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if _locked(lock):
            return name, lock
        os.close(lock)
    raise RuntimeError(f"no free metrics slot for {slot} in {directory}")


def _locked(lock: int) -> bool:
    """Take a lock that ends with its process, however that ends; False while another one lives."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _drop_live(directory: Path, slot: str) -> None:
    for file in directory.glob(f"gauge_live*_{slot}.db"):
        file.unlink(missing_ok=True)


def _map(path: Path) -> _Mapped:
    """Open a file, torn ones anew, or make it: allocated under another name, because a half-made one would be scraped."""
    if not (path.exists() and _readable(str(path))):
        new = path.with_name(f".{path.name}")
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, _BYTES)
        finally:
            os.close(descriptor)
        new.rename(path)
    return _open_mapped(str(path))

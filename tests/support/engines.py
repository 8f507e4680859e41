"""Private engines for tests: the embedded Valkey and Debian's Redis, on Unix sockets in a short folder, never a standing one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from proxy.stores.engine import Engine, store_flags

KINDS = (pytest.param("valkey"), pytest.param("redis", marks=pytest.mark.needs("redis-server")))


def binary_of(kind: str) -> str | None:
    """The server to run: None for the embedded one. Skips the test by name where there is no Redis, fails it in CI."""
    if kind == "valkey":
        return None
    found = shutil.which("redis-server")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("redis-server is missing; CI installs it")
        pytest.skip("needs redis-server")
    return found


@contextmanager
def short_folder() -> Iterator[Path]:
    """A new folder with a short name: a socket's path has 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="tg", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_engine(kind: str, *extra: str) -> Iterator[Engine]:
    """A started store of that kind, with its own folder; ended and removed afterwards."""
    with short_folder() as folder:
        engine = Engine("store", folder, (*store_flags(), *extra), binary=binary_of(kind))
        engine.start()
        try:
            yield engine
        finally:
            engine.stop()

"""Reads ``calls.db`` beside the loop: one thread with its own read-only connection, made when first asked."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from proxy.journal.schema import connect_readonly

T = TypeVar("T")


class Reader:
    """Sees what every worker of the machine has committed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal-reader")
        self._db: sqlite3.Connection | None = None

    async def run(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """What ``read`` returns, called in the reader's thread; raises ``sqlite3.Error``."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, read)

    def close(self) -> None:
        """End the thread; reads under way finish first."""
        self._thread.submit(self._drop)
        self._thread.shutdown()

    def _run(self, read: Callable[[sqlite3.Connection], T]) -> T:
        if self._db is None:
            self._db = connect_readonly(self._path)
        try:
            return read(self._db)
        except sqlite3.Error:  # the next read gets a fresh connection
            self._drop()
            raise

    def _drop(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

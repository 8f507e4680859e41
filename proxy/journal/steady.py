"""A log that outlives its disk's bad hours: whatever fails is opened anew and written again, until it works.

After a failed write or sync the connection is not trusted: SQLite rolls back, and a kernel that could not sync may
forget what it was to sync. So the file is closed, opened (which recovers by checksum) and the rows are appended again;
those that had reached it all the same are found there and keep their place.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from proxy.domain.meter import Settlement
from proxy.journal.log import Booking, Log
from proxy.journal.record import salvaged

RETRY_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0)

T = TypeVar("T")
Trouble = Callable[[str, str], None]  # a stable event name, and what happened; called in the writer's thread


class SteadyLog:
    """Opens the log when it is first needed. Every method is called in the writer's thread."""

    def __init__(self, open_log: Callable[[], Log], trouble: Trouble) -> None:
        self._open_log = open_log
        self._trouble = trouble
        self._log: Log | None = None
        self.failing = False

    def append(self, batch: Sequence[Booking], given_up: Callable[[], bool]) -> list[Settlement] | None:
        """Commit rows, however long it takes; None when ``given_up`` says that nobody waits any more."""
        failures = 0
        while True:
            try:
                settlements = self._opened().append(batch)
            except (sqlite3.Error, OSError) as error:
                self._failed(error)
                if given_up():
                    return None
                time.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
                failures += 1
            except (ValueError, OverflowError):  # text that is no Unicode, a number beyond 64 bits
                self._trouble("journal_row_salvaged", "a value could not be written as it was")
                batch = [(salvaged(row), hold_id) for row, hold_id in batch]
            else:
                self._works()
                return settlements

    def once(self, work: Callable[[Log], T]) -> T:
        """Do a transaction once; raises what SQLite raises."""
        try:
            result = work(self._opened())
        except (sqlite3.Error, OSError) as error:
            self._failed(error)
            raise
        self._works()
        return result

    def checkpoint(self) -> bool:
        """Sync what is committed; False when it failed and must be tried again."""
        try:
            self._opened().checkpoint()
        except (sqlite3.Error, OSError) as error:
            self._failed(error)
            return False
        self._works()
        return True

    def close(self) -> None:
        """Let go of the file."""
        if self._log is not None:
            log, self._log = self._log, None
            log.close()

    def _opened(self) -> Log:
        if self._log is None:
            self._log = self._open_log()
        return self._log

    def _failed(self, error: Exception) -> None:
        if not self.failing:
            self.failing = True
            self._trouble("journal_failing", f"{type(error).__name__}: {error}")
        try:
            self.close()
        except sqlite3.Error as second:
            self._trouble("journal_close_failed", str(second))

    def _works(self) -> None:
        if self.failing:
            self.failing = False
            self._trouble("journal_recovered", "rows are written again")

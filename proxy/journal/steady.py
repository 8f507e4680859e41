"""A log that outlives its disk's bad hours: whatever fails is opened anew and written again, until it works.

After a failed write or sync the connection is not trusted: SQLite rolls back, and a kernel that could not sync may
forget what it was to sync. So the file is closed, opened (which recovers by checksum) and the rows are appended again;
those that had reached it all the same are found there and keep their place.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from proxy.domain.meter import Settlement
from proxy.domain.row import Row
from proxy.journal.log import Booking, Log
from proxy.journal.record import salvaged
from proxy.journal.schema import NewerSchema

RETRY_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
_DISK: Final = (sqlite3.OperationalError, sqlite3.InternalError, NewerSchema, OSError)

T = TypeVar("T")
Trouble = Callable[[str, str], None]  # a stable event name, and what happened; called in the writer's thread


class DiskFails(Exception):
    """The file could not be written now; another try may do."""


class SteadyLog:
    """Opens the log when it is first needed. Every method is called in the writer's thread."""

    def __init__(self, open_log: Callable[[], Log], trouble: Trouble) -> None:
        self._open_log = open_log
        self._trouble = trouble
        self._log: Log | None = None
        self._failures = 0

    @property
    def failing(self) -> bool:
        """Whether the last thing that was tried failed."""
        return self._failures > 0

    @property
    def pause_s(self) -> float:
        """How long to leave a failing disk alone."""
        return RETRY_S[min(self._failures, len(RETRY_S)) - 1]

    def append(self, batch: Sequence[Booking]) -> list[Settlement] | None:
        """Commit rows; None when the disk did not take them, and they must be brought again."""
        try:
            try:
                return self.once(lambda log: log.append(batch))
            except DiskFails:
                raise
            except Exception:  # noqa: BLE001  # one of the rows: nothing that a row holds may stop the others
                return [settled for row, hold_id in batch for settled in self._append_somehow(row, hold_id)]
        except DiskFails:
            return None

    def works(self, work: Callable[[Log], None]) -> bool:
        """Do a transaction once; False when it failed."""
        try:
            self.once(work)
        except DiskFails:
            return False
        return True

    def once(self, work: Callable[[Log], T]) -> T:
        """Do a transaction once. Raises ``DiskFails``, and what is wrong with the work itself as it is."""
        try:
            result = work(self._opened())
        except Exception as error:
            if isinstance(error, _DISK) or type(error) is sqlite3.DatabaseError:  # the latter: the file is malformed
                self._failed(error)
                raise DiskFails(str(error)) from error
            raise
        if self._failures:
            self._failures = 0
            self._trouble("journal_recovered", "rows are written again")
        return result

    def close(self) -> None:
        """Let go of the file."""
        if self._log is not None:
            log, self._log = self._log, None
            log.close()

    def _append_somehow(self, row: Row, hold_id: str) -> list[Settlement]:
        """Commit one row as it is, or as near to it as can be; a row that is no row is told of and left out."""
        for mend in (_as_it_is, salvaged):
            try:
                mended = mend(row)
                return self.once(lambda log: log.append([(mended, hold_id)]))  # noqa: B023  # called at once
            except DiskFails:
                raise
            except Exception as error:  # noqa: BLE001  # the next rows must not wait for this one
                self._trouble("journal_row_odd", type(error).__name__)  # its text could quote the row
        return []

    def _opened(self) -> Log:
        if self._log is None:
            self._log = self._open_log()
        return self._log

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == 1:
            self._trouble("journal_failing", f"{type(error).__name__}: {error}")
        try:
            self.close()
        except sqlite3.Error as second:
            self._trouble("journal_close_failed", str(second))


def _as_it_is(row: Row) -> Row:
    return row

"""The thread that commits: the loop hands rows over with one append, and hears once per commit how far it got.

A commit costs about as much as twenty rows, so commits keep a distance of ``GATHER_S`` and take all that has come; the
first row after a pause goes at once, because a lone caller's next call waits for its settlement. While the disk fails,
rows stay in memory and ``healthy`` is False, which admission answers with 503.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from proxy.domain.errors import Unavailable
from proxy.domain.meter import Settlement
from proxy.domain.row import Row
from proxy.journal.log import Booking, Log
from proxy.journal.steady import DiskFails, SteadyLog, Trouble

GATHER_S: Final = 0.005
CHECKPOINT_S: Final = 1.0
BATCH_ROWS: Final = 512
QUEUE_ROWS: Final = 10_000

T = TypeVar("T")


class Writer:
    """One journal's writer; made on the loop that it serves.

    ``open_log`` opens the file, in the writer's thread, again after every failure; ``trouble`` gets events worth a loud
    log line. Whoever settles sets ``committed``: called on the loop, in the order of commits, with what the store must
    count.
    """

    def __init__(self, open_log: Callable[[], Log], trouble: Trouble) -> None:
        self.committed: Callable[[list[Settlement]], None] = _nobody_listens
        self.dropped = 0  # rows that found the memory full; the sweep of their holds will tell of them
        self._log = SteadyLog(open_log, trouble)
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Booking] = deque()
        self._batch: list[Booking] = []  # taken from the queue, not yet committed
        self._works: deque[Callable[[], None]] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._asleep = False
        self._closing = False
        self._given_up = False
        self._last_commit = 0.0
        self._unsynced_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def healthy(self) -> bool:
        """Whether calls may be admitted: the disk takes rows, and there is room for more."""
        return not self._log.failing and len(self._queue) < QUEUE_ROWS

    @property
    def waiting(self) -> int:
        """Rows that are not committed yet."""
        return len(self._queue) + len(self._batch)

    def put(self, row: Row, hold_id: str) -> None:
        """Take a final row; never fails and never waits."""
        if len(self._queue) >= QUEUE_ROWS:
            self.dropped += 1
            return
        self._queue.append((row, hold_id))
        if self._asleep:
            self._ring()

    async def run(self, work: Callable[[Log], T]) -> T:
        """Do something else in the writer's turn; committed when it returns. Raises ``Unavailable`` if the disk fails."""
        answer: asyncio.Future[T] = self._loop.create_future()

        def do() -> None:
            try:
                result = self._log.once(work)
            except Exception as error:  # noqa: BLE001  # handed to whoever waits
                self._tell(_fail, answer, error)
            else:
                self._tell(_succeed, answer, result)

        self._works.append(do)
        self._ring()
        try:
            return await answer
        except DiskFails as error:
            raise Unavailable("the journal cannot be written; try again shortly", code="journal_unavailable") from error

    async def close(self, timeout_s: float = 10.0) -> int:
        """Commit what waits, sync and end; returns the number of rows that could not be written in time."""
        self._closing = True
        self._ring()
        await asyncio.to_thread(self._thread.join, timeout_s)
        self._given_up = True
        return self.waiting

    def _ring(self) -> None:
        self._asleep = False
        self._bell.put(None)

    def _tell(self, callback: Callable[..., None], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:  # the loop is closed: nobody listens any more, and the rows are safe
            self._closing = self._given_up = True

    def _run(self) -> None:
        while not self._given_up:
            self._rest()
            if self._closing and not (self._queue or self._batch or self._works):
                break
            self._turn()
        if self._unsynced_since is not None:
            self._log.works(Log.checkpoint)
        self._log.close()

    def _rest(self) -> None:
        """Until there is something to do; what was committed is synced meanwhile."""
        if self._log.failing:
            self._wait(self._log.pause_s)
            return
        while not (self._queue or self._works or self._closing):
            self._asleep = True
            if self._queue or self._works:  # came between the look and the flag
                break
            if self._unsynced_since is None:
                self._wait(None)
            elif (due := self._unsynced_since + CHECKPOINT_S - time.monotonic()) > 0:
                self._wait(due)
            else:
                self._sync()
        self._asleep = False

    def _wait(self, timeout_s: float | None) -> None:
        with suppress(Empty):
            self._bell.get(timeout=timeout_s)

    def _turn(self) -> None:
        gather = self._last_commit + GATHER_S - time.monotonic()
        if gather > 0 and not (self._closing or self._works):
            time.sleep(gather)
        while self._works:
            self._works.popleft()()
        if not self._batch:
            self._batch = [self._queue.popleft() for _ in range(min(len(self._queue), BATCH_ROWS))]
        if self._batch:
            settlements = self._log.append(self._batch)
            if settlements is None:
                return
            self._batch = []
            if settlements:
                self._tell(self.committed, settlements)
        elif self._log.failing:
            self._log.works(Log.probe)  # nobody else would find out that the disk is well again
        self._last_commit = now = time.monotonic()
        if self._unsynced_since is None:
            self._unsynced_since = now
        elif now - self._unsynced_since > CHECKPOINT_S:
            self._sync()

    def _sync(self) -> None:
        self._unsynced_since = None if self._log.works(Log.checkpoint) else time.monotonic()


def _nobody_listens(settlements: list[Settlement]) -> None:
    """Entries stay in the file until somebody settles them."""


def _succeed(answer: asyncio.Future[T], result: T) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: asyncio.Future[Any], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)

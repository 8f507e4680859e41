"""Where log lines go: whole lines, in few writes, never waiting for a reader.

A pipe that nobody reads would stop the event loop in the middle of ``write``. So a write happens only when the kernel
says there is room for 4 KiB (PIPE_BUF: such a write is atomic, lines of several workers do not mix); until then lines
wait in a bounded buffer, and the oldest are dropped and counted when it is full.
"""

from __future__ import annotations

import asyncio
import os
import select
from collections import deque

_ATOMIC = 4096  # PIPE_BUF on Linux: a write up to this size neither blocks after POLLOUT nor is torn
_BATCH_S = 0.02  # lines of this long travel together
_RETRY_S = 0.05


class Sink:
    """A buffer of lines in front of a file descriptor. ``dropped`` counts lines lost to a stuck reader."""

    def __init__(self, descriptor: int, most_bytes: int = 1 << 20) -> None:
        self._descriptor = descriptor
        self._most = most_bytes
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._loop: asyncio.AbstractEventLoop | None = None  # that has a flush of ours ahead
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self.dropped = 0

    def write(self, line: bytes) -> None:
        """Take one line, its newline included. Outside an event loop it is written at once."""
        self._lines.append(line)
        self._bytes += len(line)
        if self._bytes > self._most:
            self._bytes -= len(self._lines.popleft())
            self.dropped += 1
        if self._loop is None or self._loop.is_closed():
            self._begin()

    def flush(self) -> None:
        """Write what can be written now; call it once more when the process ends."""
        lines = self._lines
        while lines and self._writable():
            batch = [lines.popleft()]
            size = len(batch[0])
            while lines and size + len(lines[0]) <= _ATOMIC:
                size += len(lines[0])
                batch.append(lines.popleft())
            self._bytes -= size
            try:
                os.write(self._descriptor, b"".join(batch))
            except OSError:  # the reader is gone: logging must not end a call
                self.dropped += len(batch)

    def _begin(self) -> None:
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
        else:
            self._loop.call_later(_BATCH_S, self._due, self._loop)

    def _due(self, loop: asyncio.AbstractEventLoop) -> None:
        self.flush()
        if self._lines:
            loop.call_later(_RETRY_S, self._due, loop)
        else:
            self._loop = None

    def _writable(self) -> bool:
        """Whether a write would not wait; a closed pipe counts as writable, its error is handled there."""
        return bool(self._poll.poll(0))

"""Where log lines go: whole lines, in few writes, never waiting for a reader.

A pipe that nobody reads would stop the event loop in the middle of ``write``. So a write happens only when the kernel
says there is room, and never of more than 4 KiB (PIPE_BUF: such a write is atomic, lines of several workers do not mix;
a longer line goes in pieces). Workers share a pipe, and a neighbour may take the room between the question and the
write: hence a description of our own, which does not block. Until there is room lines wait in a bounded buffer, and the
oldest are dropped and counted when it is full.
"""

from __future__ import annotations

import asyncio
import os
import select
import stat
from collections import deque

_ATOMIC = 4096  # PIPE_BUF on Linux: a write up to this size neither blocks after POLLOUT nor is torn
_BATCH_S = 0.02  # lines of this long travel together
_RETRY_S = 0.05


class Sink:
    """A buffer of lines in front of a file descriptor. ``dropped`` counts lines lost to a stuck reader."""

    def __init__(self, descriptor: int, most_bytes: int = 1 << 20) -> None:
        self._descriptor = _unblocking(descriptor)
        self._most = most_bytes
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._rest = b""  # lines on their way out, perhaps begun
        self._loop: asyncio.AbstractEventLoop | None = None  # that has a flush of ours ahead
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLOUT)
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
        while (self._rest or self._lines) and self._writable():
            self._rest = self._rest or self._gather()
            try:
                written = os.write(self._descriptor, self._rest[:_ATOMIC])
            except BlockingIOError:  # a neighbour was faster
                return
            except OSError:  # the reader is gone: logging must not end a call
                self.dropped += self._rest.count(b"\n")
                self._rest = b""
            else:
                self._rest = self._rest[written:]

    def _gather(self) -> bytes:
        """The next lines that fit into one write; a longer one alone."""
        lines = self._lines
        batch = [lines.popleft()]
        size = len(batch[0])
        while lines and size + len(lines[0]) <= _ATOMIC:
            size += len(lines[0])
            batch.append(lines.popleft())
        self._bytes -= size
        return b"".join(batch)

    def _begin(self) -> None:
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
        else:
            self._loop.call_later(_BATCH_S, self._due, self._loop)

    def _due(self, loop: asyncio.AbstractEventLoop) -> None:
        self.flush()
        if self._rest or self._lines:
            loop.call_later(_RETRY_S, self._due, loop)
        else:
            self._loop = None

    def _writable(self) -> bool:
        """Whether a write would not wait; a closed pipe counts as writable, its error is handled there."""
        return bool(self._poll.poll(0))


def _unblocking(descriptor: int) -> int:
    """A pipe opened once more, so that not blocking is ours alone: the flag of a duplicate would be everybody's."""
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        return descriptor
    try:
        return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK)
    except OSError:  # another system, or a pipe of another user: then only the kernel's word protects us
        return descriptor

"""The line between supervisor and worker: one inherited socket, one word a line.

Down: ``reload <count>`` and so many bytes, which say what is in force, before anything else and after every change;
``drain``, ``now``, ``upstreams``. Up: ``ready``, ``degraded <phrases>``, ``upstreams <JSON>``. The end of the line is a
message too: it tells a worker that its supervisor died, however that happened, without signals that a service manager
might send as well.
"""

from __future__ import annotations

import asyncio
import socket

DRAIN, NOW, RELOAD, UPSTREAMS = "drain", "now", "reload", "upstreams"
READY, DEGRADED = "ready", "degraded"
_LONGEST = 1 << 20  # bytes of a line: a few hundred for each upstream


class Link:
    """One end of the line. ``next`` gives words as they come; ``say`` and ``hand`` never wait and never fail."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Made by ``open``."""
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, end: socket.socket) -> Link:
        """Take over one end of a socket pair."""
        end.setblocking(False)
        return cls(*await asyncio.open_connection(sock=end, limit=_LONGEST))

    async def next(self) -> tuple[str, str] | None:
        """The next word and what follows it on its line; None when the other side is gone."""
        try:
            line = await self._reader.readline()
        except (ConnectionError, ValueError):  # ValueError: longer than any line of ours
            return None
        if not line.endswith(b"\n"):
            return None
        word, _, rest = line.decode(errors="replace").rstrip("\n").partition(" ")
        return word, rest

    async def handed(self, count: str) -> bytes | None:
        """The bytes behind a line ``reload <count>``; None when the other side is gone."""
        try:
            return await self._reader.readexactly(int(count))
        except (ConnectionError, asyncio.IncompleteReadError):
            return None

    def say(self, word: str, rest: str = "") -> None:
        """Send one line; a dead other side is noticed by ``next``."""
        line = f"{word} {rest}".rstrip().replace("\n", " ")
        self._send(line.encode()[: _LONGEST - 1] + b"\n")

    def hand(self, body: bytes) -> None:
        """Send ``reload`` with what is in force."""
        self._send(f"{RELOAD} {len(body)}\n".encode() + body)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    def _send(self, raw: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(raw)


def pair() -> tuple[socket.socket, socket.socket]:
    """(ours, the worker's) ends; neither is inherited unless passed on purpose."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)


def inherited(fd: int) -> socket.socket:
    """The worker's end, from the supervisor."""
    end = socket.socket(fileno=fd)
    end.set_inheritable(False)  # a child of ours that kept it would keep the line open after our death
    return end


def first(end: socket.socket) -> bytes:
    """Wait for what the first word, a ``reload``, hands over, and leave all that follows in the line.

    Raises ``EOFError`` or ``ConnectionError`` when the other side is gone.
    """
    line = bytearray()
    while not line.endswith(b"\n"):
        line += _some(end, 1)
    body = bytearray()
    count = int(line.split()[1])
    while len(body) < count:
        body += _some(end, count - len(body))
    return bytes(body)


def _some(end: socket.socket, most: int) -> bytes:
    piece = end.recv(most)
    if not piece:
        raise EOFError
    return piece

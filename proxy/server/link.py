"""The line between supervisor and worker: one inherited socket, one word a line.

Down: ``drain``, ``now``, ``reload <generation>``, ``upstreams``. Up: ``ready``, ``degraded <phrases>``, ``upstreams <JSON>``. The end of the line is a message too: it tells
a worker that its supervisor died, however that happened, without signals that a service manager might send as well.
"""

from __future__ import annotations

import asyncio
import socket

DRAIN, NOW, RELOAD, UPSTREAMS = "drain", "now", "reload", "upstreams"
READY, DEGRADED = "ready", "degraded"
_LONGEST = 1 << 20  # bytes of a line: a few hundred for each upstream


class Link:
    """One end of the line. ``next`` gives words as they come; ``say`` never waits and never fails."""

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

    def say(self, word: str, rest: str = "") -> None:
        """Send one line; a dead other side is noticed by ``next``."""
        if not self._writer.is_closing():
            line = f"{word} {rest}".rstrip().replace("\n", " ")
            self._writer.write(line.encode()[: _LONGEST - 1] + b"\n")

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


def pair() -> tuple[socket.socket, socket.socket]:
    """(ours, the worker's) ends; neither is inherited unless passed on purpose."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)

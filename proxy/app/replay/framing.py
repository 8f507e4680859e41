"""Messages between two processes on a pipe: a length of four bytes, then so many."""

from __future__ import annotations

from typing import IO, Final

_LENGTH: Final = 4


def send(pipe: IO[bytes], message: bytes) -> None:
    """Send one. Raises ``OSError`` where nobody reads any more."""
    pipe.write(len(message).to_bytes(_LENGTH, "big") + message)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes:
    """Take the next one. Raises ``EOFError`` where the other process is gone."""
    size = int.from_bytes(_exactly(pipe, _LENGTH), "big")
    return _exactly(pipe, size)


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    found = pipe.read(size)
    if len(found) < size:
        raise EOFError
    return found

"""An upstream that takes uploads of any size without keeping them, or misbehaves while it takes one."""

from __future__ import annotations

import hashlib
import json
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, BinaryIO, Self

ANSWER: dict[str, Any] = {"text": "Hello there", "usage": {"type": "duration", "seconds": 37}}


@dataclass
class Taken:
    """One request: its head, and of its body the size, the digest and the first and last bytes."""

    line: str
    headers: dict[str, str]
    size: int = 0
    digest: str = ""
    chunked: bool = False
    first: bytes = b""
    last: bytes = b""
    whole: bool = False
    ended: threading.Event = field(default_factory=threading.Event)  # the connection, seen from here
    ended_at: float = 0.0


@dataclass
class Manner:
    """What it does: after so many bytes of a body it answers ``early``, dies (``reset``) or takes no more (``stall``)."""

    after: int | None = None
    early: int = 0
    reset: bool = False
    stall: bool = False
    status: int = 200
    answer: dict[str, Any] = field(default_factory=lambda: ANSWER)


class Taker:
    """``with Taker() as upstream``; ``manner`` may be changed between requests."""

    def __init__(self) -> None:
        self.manner = Manner()
        self.taken: list[Taken] = []
        self._open = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="taker", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def last(self, within: float = 10.0) -> Taken:
        """The last request, once it or its connection has ended."""
        end = time.monotonic() + within
        while not (self.taken and (self.taken[-1].whole or self.taken[-1].ended.is_set())):
            assert time.monotonic() < end, "nothing has arrived"
            time.sleep(0.01)
        return self.taken[-1]

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(line,), name="taking", daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with line, line.makefile("rb") as file:
            while True:
                try:
                    if not self._one(line, file):
                        return
                except OSError:
                    return

    def _one(self, line: socket.socket, file: BinaryIO) -> bool:
        """One request and its answer; whether another may follow."""
        first = file.readline().decode().rstrip()
        if not first:
            return False
        headers = {}
        while header := file.readline().decode("latin-1").rstrip("\r\n"):
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        taken = Taken(first, headers, chunked=headers.get("transfer-encoding") == "chunked")
        self.taken.append(taken)
        manner = self.manner
        try:
            goes_on = self._take(line, file, taken, manner)
        finally:
            if not taken.whole:
                taken.ended_at = time.monotonic()
                taken.ended.set()
        if goes_on:
            self._say(line, manner.status, manner.answer)
        return goes_on

    def _take(self, line: socket.socket, file: BinaryIO, taken: Taken, manner: Manner) -> bool:
        digest = hashlib.sha256()
        for piece in _chunks(file) if taken.chunked else _pieces(file, int(taken.headers.get("content-length", 0))):
            taken.size += len(piece)
            digest.update(piece)
            taken.first = taken.first or piece[:4096]
            taken.last = (taken.last + piece)[-4096:]
            if manner.after is not None and taken.size >= manner.after:
                return self._misbehave(line, file, manner)
        taken.digest = digest.hexdigest()
        taken.whole = taken.chunked or taken.size == int(taken.headers.get("content-length", 0))
        return taken.whole

    def _misbehave(self, line: socket.socket, file: BinaryIO, manner: Manner) -> bool:
        if manner.early:
            self._say(line, manner.early, {"error": {"message": "too much for me", "type": "early", "code": "early"}})
            line.shutdown(socket.SHUT_WR)
            while file.read(65_536):  # as servers do, so that no reset destroys the answer
                pass
        elif manner.reset:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif manner.stall:
            self._open.wait(60)
        return False

    @staticmethod
    def _say(line: socket.socket, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        line.sendall(head.encode() + body)


def _pieces(file: BinaryIO, size: int) -> Any:
    while size and (piece := file.read1(min(size, 1 << 18))):  # type: ignore[attr-defined]  # a BufferedReader has it
        size -= len(piece)
        yield piece


def _chunks(file: BinaryIO) -> Any:
    while size := int(_line(file), 16):
        yield file.read(size)
        _line(file)
    _line(file)


def _line(file: BinaryIO) -> bytes:
    line = file.readline()
    if not line.endswith(b"\n"):
        raise ConnectionError("broken off")
    return line

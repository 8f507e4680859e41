"""One caller's connection to a running proxy, byte by byte: what no HTTP client would send, and exactly what comes back."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

PATIENCE_S = 20.0  # generous: it only proves that nothing is stuck


@dataclass
class Heard:
    """An answer as it came over the wire; ``whole`` is False when it was broken off."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""
    pieces: list[bytes] = field(default_factory=list)  # the chunks of a stream
    whole: bool = True

    def header(self, name: str) -> str | None:
        """First value of a header, lower-case name."""
        return next((value for key, value in self.headers if key == name), None)

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Talking:
    """``with Talking(port) as line``; what is sent is sent as it is."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def send(self, *pieces: bytes, pause_s: float = 0.0) -> Self:
        """Send pieces, as long as the other side takes them."""
        for piece in pieces:
            try:
                self._socket.sendall(piece)
            except ConnectionError:
                break  # it has had enough; its answer may still be there to read
            if pause_s:
                time.sleep(pause_s)
        return self

    def head(self) -> Heard:
        """The next head; its body is left unread."""
        first = self._file.readline()
        assert first, "the connection was closed without an answer"
        lines = iter(lambda: self._file.readline().decode("latin-1").rstrip("\r\n"), "")
        headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        return Heard(int(first.split()[1]), headers)

    def chunks(self) -> Iterator[bytes]:
        """The pieces of a stream whose head was read. Raises ``EOFError`` when it is broken off."""
        while True:
            try:
                size = self._file.readline()
            except ConnectionError:
                size = b""
            if not size:
                raise EOFError("broken off")
            data = self._file.read(int(size, 16) + 2)[:-2]
            if not data:
                return
            yield data

    def answer(self) -> Heard:
        """The next answer with its body."""
        heard = self.head()
        if heard.header("transfer-encoding") == "chunked":
            try:
                for piece in self.chunks():
                    heard.pieces.append(piece)
            except EOFError:
                heard.whole = False
            heard.body = b"".join(heard.pieces)
        elif (length := heard.header("content-length")) is not None:
            heard.body = self._file.read(int(length))
            heard.whole = len(heard.body) == int(length)
        return heard

    def rest(self) -> bytes:
        """Whatever still comes until the other side closes."""
        try:
            return self._file.read()
        except ConnectionError:
            return b""

    def leave(self) -> None:
        """Close."""
        self._file.close()
        self._socket.close()


def request(
    method: str, path: str, body: bytes | None = None, headers: tuple[tuple[str, str], ...] = (), *, length: bool = True
) -> bytes:
    """A request's bytes; ``length`` adds the body's."""
    lines = [f"{method} {path} HTTP/1.1", "host: proxy", *(f"{name}: {value}" for name, value in headers)]
    if length and body is not None:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")

"""What a scripted upstream can be told to do: steps on its socket, and whole answers made of them."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

JSON = "application/json"
SSE = "text/event-stream"


class Talk:
    """What a step may do with its connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        """Write and drain, so that endless scripts feel the peer's backpressure."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def close(self) -> None:
        """Flush and close."""
        self.writer.close()


class Over(Exception):
    """A script ended its connection."""


Step = Callable[[Talk], Awaitable[None]]
Script = Sequence[Step] | Step


# Steps.


def send(data: bytes) -> Step:
    """Send raw bytes."""
    return lambda talk: talk.send(data)


def pause(seconds: float) -> Step:
    """Do nothing for a while."""
    return lambda _: asyncio.sleep(seconds)


def silence() -> Step:
    """Never say another word, and wait for the peer to leave."""

    async def step(_: Talk) -> None:
        await asyncio.Event().wait()

    return step


def reset() -> Step:
    """RST."""

    async def step(talk: Talk) -> None:
        talk.reset()
        raise Over

    return step


def close() -> Step:
    """FIN."""

    async def step(talk: Talk) -> None:
        talk.close()
        raise Over

    return step


def forever(data: bytes, every: float = 0.0) -> Step:
    """Send the same bytes until the peer leaves."""

    async def step(talk: Talk) -> None:
        while True:
            await talk.send(data)
            await asyncio.sleep(every)

    return step


def drip(data: bytes, every: float = 0.0, size: int = 1) -> Step:
    """Send a few bytes at a time."""

    async def step(talk: Talk) -> None:
        for start in range(0, len(data), size):
            await talk.send(data[start : start + size])
            await asyncio.sleep(every)

    return step


# Scripts.


def head(status: int = 200, headers: Iterable[tuple[str, str]] = (), content_type: str = JSON) -> bytes:
    """Status line and headers, without framing and without the empty line."""
    lines = [f"HTTP/1.1 {status} Scripted", f"content-type: {content_type}", "x-request-id: req_scripted"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers), ""]).encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def whole(
    body: bytes | dict[str, Any], status: int = 200, headers: Iterable[tuple[str, str]] = (), content_type: str = JSON
) -> Script:
    """A buffered answer with a length."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return [send(head(status, headers, content_type) + b"content-length: %d\r\n\r\n" % len(data) + data)]


def streamed(
    pieces: Iterable[bytes],
    every: float = 0.0,
    content_type: str = SSE,
    headers: Iterable[tuple[str, str]] = (),
    then: Step | None = None,
) -> Script:
    """A chunked answer, a chunk per piece; ``then`` replaces its proper end."""
    steps: list[Step] = [send(head(200, headers, content_type) + b"transfer-encoding: chunked\r\n\r\n")]
    for piece in pieces:
        if piece:
            steps += [send(chunk(piece)), pause(every)]
    return [*steps, then or send(b"0\r\n\r\n")]


def joined(*scripts: Script) -> Script:
    """Scripts one after the other, such as a pause before an answer."""
    return [step for script in scripts for step in ((script,) if callable(script) else script)]


def failing(status: int, retry_after: str | None = None, message: str = "scripted failure") -> Script:
    """An error in OpenAI's form."""
    headers = [("retry-after", retry_after)] if retry_after else []
    return whole({"error": {"message": message, "type": "scripted", "code": None, "param": None}}, status, headers)


def stale() -> Script:
    """Close exactly when the request arrives, without a byte: what a reused connection may meet."""
    return [close()]


def garbage() -> Script:
    """Bytes that are no HTTP."""
    return [send(b"\x00\xffSSH-2.0-not http at all\r\n\r\n"), silence()]


def huge_header(size: int = 9000) -> Script:
    """A header larger than any reader should take."""
    return whole(b"{}", headers=[("x-huge", "h" * size)])


def many_headers(count: int = 200) -> Script:
    """A flood of headers."""
    return whole(b"{}", headers=[(f"x-flood-{number}", "v") for number in range(count)])


def infinite_header() -> Script:
    """A header that never ends."""
    return [send(head() + b"x-infinite: "), forever(b"i" * 4096)]


def bad_chunk() -> Script:
    """A proper first chunk, then a size that is no number."""
    return streamed([b"data: {}\n\n"], then=send(b"zz\r\noops\r\n"))


def endless_sse(event: bytes = b'data: {"choices":[]}\n\n', every: float = 0.0) -> Script:
    """Events until the peer leaves."""
    return streamed([], then=forever(chunk(event), every))


def cut_after(data: bytes, count: int) -> Script:
    """The first bytes of an answer that would have been longer."""
    text = head() + b"content-length: %d\r\n\r\n" % len(data) + data
    return [send(text[: len(text) - len(data) + count]), close()]


def fixture_reply(
    fixture: dict[str, Any], *, crlf: bool = False, splits: Iterable[int] | None = None, cut: int | None = None
) -> Script:
    """Replay a recorded exchange of the usage fixtures: split at byte positions, with CRLF, or cut after some bytes."""
    data = fixture_body(fixture, crlf=crlf)
    stops = sorted({stop for stop in splits or () if 0 < stop < len(data)})
    kept = data if cut is None else data[:cut]
    pieces = [kept[start:stop] for start, stop in zip([0, *stops], [*stops, len(data)], strict=True)]
    status = int(fixture.get("status") or 200)
    if fixture["stream"] or splits is not None:
        return streamed(pieces, content_type=fixture["content_type"], then=None if cut is None else close())
    return whole(data, status, content_type=fixture["content_type"]) if cut is None else cut_after(data, cut)


def fixture_body(fixture: dict[str, Any], *, crlf: bool = False) -> bytes:
    """The recorded body as bytes."""
    if "response_base64" in fixture:
        return base64.b64decode(fixture["response_base64"])
    response = fixture["response"]
    if isinstance(response, list):
        text = "\n".join(response)
        return (text.replace("\r\n", "\n").replace("\n", "\r\n") if crlf else text).encode()
    return response.encode() if isinstance(response, str) else json.dumps(response, ensure_ascii=False).encode()

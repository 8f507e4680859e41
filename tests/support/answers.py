"""Streamed answers of every dialect, made of pieces of text, and what a client joins from them."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from proxy.dialects import event_stream
from proxy.dialects.rewriting import Channel, Rewriter, TextFilter, rewriter
from proxy.domain.ask import Ask, Endpoint
from tests.support.frames import event, packed

Event = dict[str, Any]
Texts = dict[str, str]


class Same:
    """A filter that changes nothing."""

    def feed(self, text: str) -> str:
        """All of it."""
        return text

    def end(self) -> str:
        """Nothing was held."""
        return ""


class Shout:
    """A filter that holds a word until it ends, and then cries it."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """All whole words."""
        text = self._held + text
        cut = text.rfind(" ") + 1
        self._held = text[cut:]
        return text[:cut].upper()

    def end(self) -> str:
        """The last word."""
        held, self._held = self._held, ""
        return held.upper()


@dataclass(frozen=True)
class Stream:
    """A way of streaming one running text. ``wrap`` makes the events of pieces; ``texts`` reads one event's texts."""

    name: str
    dialect: str
    api: str
    wrap: Callable[[Sequence[str]], list[Event]]
    texts: Callable[[Event], Iterator[tuple[str, str]]]
    framing: str = "sse"

    def data(self, pieces: Sequence[str]) -> bytes:
        """The bytes of the stream."""
        return framed(self.framing, self.wrap(pieces))

    def read(self, data: bytes) -> Texts:
        """What a client has in the end, by place."""
        joined: defaultdict[str, str] = defaultdict(str)
        for one in events(self.framing, data):
            for place, text in self.texts(one):
                joined[place] += text
        return dict(joined)

    def rewriter(self, make: Callable[[Channel], TextFilter] = lambda _: Shout()) -> Rewriter:
        """A fresh one."""
        return rewriting(self.dialect, self.api, make)


def rewriting(
    dialect: str, api: str, make: Callable[[Channel], TextFilter] = lambda _: Shout(), *, strict: bool = True
) -> Rewriter:
    """A rewriter of a dialect that has one."""
    made = rewriter(dialect, Ask(Endpoint(api, "/", "/"), "m", b"", stream=True), make, strict=strict)
    assert made is not None
    return made


def through(made: Rewriter, data: bytes, places: Sequence[int] = ()) -> bytes:
    """What comes out of a stream that was split at ``places``."""
    ends = [*places, len(data)]
    passed = [made.feed(data[start:end]) for start, end in zip([0, *places], ends, strict=True)]
    return b"".join((*passed, made.finish()))


def sse(one: Event) -> bytes:
    """One event; its name is its type, where it has one."""
    name = one.get("type") or one.get("event_type")
    head = f"event: {name}\n" if isinstance(name, str) else ""
    return f"{head}data: {json.dumps(one)}\n\n".encode()


def framed(framing: str, made: list[Event]) -> bytes:
    """The bytes of events."""
    if framing == "sse":
        return b": begins\n\n" + b"".join(sse(one) for one in made)
    if framing == "done":
        return b"".join(sse(one) for one in made) + b"data: [DONE]\n\n"
    if framing == "crlf":
        return b"".join(sse(one) for one in made).replace(b"\n", b"\r\n")
    if framing == "lines":
        return b"".join(json.dumps(one).encode() + b"\n" for one in made)
    if framing == "array":
        return b"[" + b"\n,\n".join(json.dumps(one, indent=1).encode() for one in made) + b"\n]\n"
    if framing == "chunks":
        return b"".join(packed(one) for one in made)
    return b"".join(event(kind, payload) for one in made for kind, payload in one.items())


def events(framing: str, data: bytes) -> Iterator[Event]:
    """The events of bytes, read as a client would."""
    if framing in ("sse", "done", "crlf"):
        for block in data.replace(b"\r\n", b"\n").split(b"\n\n"):
            for line in block.split(b"\n"):
                if line.startswith(b"data: {"):
                    yield json.loads(line[6:])
    elif framing == "lines":
        yield from map(json.loads, data.splitlines())
    elif framing == "array":
        yield from json.loads(data)
    else:
        for frame in filter(None, map(event_stream.read, event_stream.Frames().feed(data))):
            value = frame.object()
            yield json.loads(base64.b64decode(value["bytes"])) if framing == "chunks" else {frame.kind: value}

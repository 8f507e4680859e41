"""Server-sent events, read strictly and written so that every client reads them alike.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html. Fields that no model API sends (``id``,
``retry``) are not understood and refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from proxy.dedup.replay.form import Members, Unfit
from proxy.dedup.replay.strict import an_object, parse

DONE = b"[DONE]"
_DATA = b"data: "
CONTENT_TYPE = b"text/event-stream; charset=utf-8"
_ESCAPED = (  # str.splitlines ends a line at these, and so do clients written in Python
    (b"\xc2\x85", b"\\u0085"),
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
)


class Event(NamedTuple):
    """One event; ``name`` is empty where it has none."""

    name: str
    data: bytes

    def members(self) -> Members:
        """The JSON object that it carries. Raises ``Unfit``."""
        return an_object(parse(self.data))


def read(stream: bytes) -> list[Event]:
    """The events of a whole stream; the last one may lack its blank line. Raises ``Unfit``."""
    found: list[Event] = []
    for block in stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n\n"):
        if block.startswith(_DATA) and b"\n" not in block:
            found.append(Event("", block[len(_DATA) :]))
        elif event := _event(block):
            found.append(event)
    return found


def _event(block: bytes) -> Event | None:
    """The event of the lines between two blank ones; None where there is nothing but comments."""
    name, data = "", list[bytes]()
    for line in block.split(b"\n"):
        if not line or line.startswith(b":"):  # a comment keeps the connection alive
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event" and not name and value.isascii():
            name = value.decode()
        else:
            raise Unfit
    if name and not data:
        raise Unfit
    return Event(name, b"\n".join(data)) if data else None


def typed(told: list[Event]) -> list[Members]:
    """The objects of events that carry their ``type``; a name, where there is one, must repeat it. Raises ``Unfit``."""
    found: list[Members] = []
    for event in told:
        members = event.members()
        if event.name and event.name != members.get("type"):
            raise Unfit
        found.append(members)
    return found


def named(event: Members) -> bytes:
    """An event with its ``type`` as name, as Anthropic and the Responses API write it."""
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), msgspec.json.encode(event))


def with_text(event: bytes, name: str, texts: Iterable[str]) -> Iterator[bytes]:
    """Copies of an event, each with another text in the member ``name``, which is empty in ``event`` and only there."""
    begin, mark, end = event.partition(b'"%b":""' % name.encode())  # inside a string its quotes would be escaped
    begin += mark[:-2]
    for text in texts:
        yield begin + msgspec.json.encode(text) + end


def safe(body: bytes) -> bytes:
    """``body`` with the line ends of Unicode escaped; they can only stand inside JSON strings."""
    for mark, escape in _ESCAPED:
        if mark in body:
            body = body.replace(mark, escape)
    return body

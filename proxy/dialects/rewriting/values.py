"""The JSON inside a unit: read as clients read it, written so that every client can.

Of a member that is there twice the last one counts, as for every client in use.
"""

from __future__ import annotations

import json
from typing import Any

import jiter
import msgspec

from proxy.domain.errors import UpstreamFailed

MAX_UNIT = 32 << 20  # bytes; pictures in an event are a few MB
_BREAKS = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))


class Read(msgspec.Struct, frozen=True):
    """A value that others may read otherwise than we did, so it must be written as we understood it."""

    value: Any


def read(data: bytes) -> Any:
    """Return the JSON value; as ``Read`` if it is not clear. Raises ``UpstreamFailed`` when it is none."""
    try:
        return jiter.from_json(data)
    except ValueError:
        return _read_slowly(data)


def write(value: Any) -> bytes:
    """Return JSON without what ends a line for some clients: they split text before they read it."""
    try:
        data = msgspec.json.encode(value)
    except UnicodeEncodeError:  # half a surrogate pair, whose other half comes later
        data = json.dumps(value, separators=(",", ":")).encode()
    if data.isascii():
        return data
    for plain, escaped in _BREAKS:
        data = data.replace(plain, escaped)
    return data


def unreadable() -> UpstreamFailed:
    """The error for an answer that cannot be checked."""
    return UpstreamFailed(
        "The upstream's answer could not be read, so it could not be checked.", code="unreadable_answer"
    )


def _read_slowly(data: bytes) -> Any:
    """Read what jiter refuses: halves of surrogate pairs, which are fine, and what only some clients take."""
    try:
        try:
            return json.loads(data.decode())
        except ValueError:
            return Read(json.loads(data.decode("utf-8", "replace"), strict=False))
    except (ValueError, RecursionError):
        raise unreadable() from None

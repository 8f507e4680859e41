"""The two shapes of an answer of the stand-in, and the request that its dialects read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from proxy.upstream.demo.words import MODELS


class Asked(NamedTuple):
    """A request: header names in lower case, ``body`` decoded and always an object."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: dict[str, Any]


class Whole(NamedTuple):
    """An answer sent at once."""

    body: dict[str, Any]
    status: int = 200


class Streamed(NamedTuple):
    """An answer sent piece by piece; the first and the last come without a pause."""

    pieces: list[bytes]
    content_type: str = "text/event-stream"


Answered = Whole | Streamed


def event(payload: Mapping[str, Any], name: str | None = None) -> bytes:
    """One server-sent event, with or without a name."""
    data = json.dumps(payload, separators=(",", ":"))
    return (f"event: {name}\ndata: {data}\n\n" if name else f"data: {data}\n\n").encode()


def unknown_model(model: object) -> str:
    """The sentence for a model that the stand-in does not have."""
    shown = model if isinstance(model, str) else "this model"
    return f"The stand-in upstream has no model {shown[:80]!r}; it has {' and '.join(MODELS)}."

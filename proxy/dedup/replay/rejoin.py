"""An answer's top-level members under another id and time, every other value byte for byte as the provider wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def replaced(answer: bytes, new: Mapping[str, Any]) -> bytes:
    """``answer``, a JSON object that was judged, with these of its members replaced; what it lacks is not added."""
    parts = [
        msgspec.json.encode(name) + b":" + (msgspec.json.encode(new[name]) if name in new else bytes(raw))
        for name, raw in _MEMBERS.decode(answer).items()
    ]
    return b"{" + b",".join(parts) + b"}"


def member(event: bytes, name: str) -> bytes:
    """The bytes of a member that is there."""
    return bytes(_MEMBERS.decode(event)[name])

"""That somebody flushed answers, as workers are told of it for their logs."""

from __future__ import annotations

from typing import Final

import msgspec

_MARK: Final = b"!"  # no flight is called so: what ``spots.CHANNEL`` tells of those begins as keys do
_MOST_BYTES: Final = 1024


class Flushed(msgspec.Struct, frozen=True, array_like=True):
    """Whose answers, and by whom. ``scope`` is "" for all of the org."""

    org: str
    scope: str
    by: str

    def told(self) -> bytes:
        """What the channel is told."""
        return _MARK + msgspec.json.encode(self)


def heard_of(message: bytes) -> Flushed | None:
    """The flush that a message of the channel tells of; None for another message."""
    if not message.startswith(_MARK) or len(message) > _MOST_BYTES:
        return None
    try:
        return msgspec.json.decode(message[len(_MARK) :], type=Flushed)
    except msgspec.DecodeError:
        return None

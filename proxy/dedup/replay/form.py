"""What a dialect's file of this package must say, and the one error that it says no with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Members = dict[str, Any]


class Unfit(ValueError):
    """An answer that must not be told again. ``reason`` is a stable token, and never a word of the answer."""

    def __init__(self, reason: str = "unknown") -> None:
        super().__init__(reason)
        self.reason = reason


class Retold(NamedTuple):
    """What a caller gets instead of the upstream's answer."""

    content_type: bytes
    body: bytes


class Asked(NamedTuple):
    """What a stream depends on besides the answer: ``stream_options.include_usage``, and Gemini's query."""

    usage: bool
    query: str


class Form(NamedTuple):
    """How answers of one API are understood, joined from a stream and told as one. All but ``renamed`` raise ``Unfit``."""

    judge: Callable[[Members], None]  # nothing, when every member is understood and may be told again
    assemble: Callable[[bytes], bytes]  # the JSON answer that a whole stream amounts to
    renamed: Callable[
        [Members, str, int], Members
    ]  # its id and time as they are told now, and what was true of the first caller only
    told: Callable[[Members, Asked], Retold]  # a judged answer as a stream
    content_type: bytes = b"application/json"  # of the answer as one body

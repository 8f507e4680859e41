"""What a model will read of a request, gathered while its body is walked: texts in reading order, and sizes of the rest."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from proxy.domain.ask import Features

_fast = msgspec.json.Encoder().encode


class Prompt:
    """Gathers; ``features`` gives what was gathered."""

    __slots__ = ("_media", "_sealed", "_texts", "_tools", "images", "messages", "unbounded")

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._tools = 0
        self._media = 0
        self._sealed = 0
        self.messages = 0
        self.images = 0
        self.unbounded = ""

    def text(self, value: Any) -> None:
        """Take a string; anything else is the upstream's to refuse."""
        if type(value) is str and value:
            self._texts.append(value)

    def json(self, value: Any) -> None:
        """Take what a model reads as JSON: arguments and results of tools."""
        if value:
            self._texts.append(value if type(value) is str else str(_encode(value), "utf-8"))

    def tools(self, definitions: Any) -> None:
        """Take definitions of tools or of an answer's schema."""
        if definitions:
            self._tools += len(_encode(definitions))

    def media(self, mime: Any, base64: Any) -> None:
        """Take an image, which counts as one, or another file by its size; one that is only named has no size."""
        if type(mime) is str and mime.startswith("image"):
            self.images += 1
        elif type(base64) is str:
            self._media += _decoded(base64)

    def sealed(self, base64: Any) -> None:
        """Take what only the provider can read, such as thoughts handed back to it: text, but of its size alone."""
        if type(base64) is str:
            self._sealed += _decoded(base64)

    def refers(self, members: dict[str, Any], names: Iterable[str]) -> None:
        """Take note of members that bring in what has no size here: stored conversations and files, links, searches."""
        for name in names:
            if members.get(name):
                self.unbounded = self.unbounded or name

    def served(self, tools: Any, at_caller: tuple[str, ...]) -> None:
        """Take note of tools that the provider runs, whose results and fees nobody foresees; others begin as ``at_caller``."""
        for tool in tools if type(tools) is list else ():
            kind = tool.get("type") if type(tool) is dict else None
            if type(kind) is str and not kind.startswith(at_caller):
                self.unbounded = self.unbounded or "tools"

    def features(self) -> Features:
        """Return all that was gathered."""
        return Features(
            texts=tuple(self._texts),
            text_bytes=self._sealed
            + sum([len(text) if text.isascii() else len(text.encode()) for text in self._texts]),
            tools_bytes=self._tools,
            messages=self.messages,
            images=self.images,
            media_bytes=self._media,
            unbounded=self.unbounded,
        )


def _encode(value: Any) -> bytes:
    """Return compact JSON."""
    try:
        return _fast(value)
    except OverflowError:  # an integer beyond 64 bits
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _decoded(base64: str) -> int:
    """Return the bytes that base64 stands for."""
    return len(base64) * 3 // 4

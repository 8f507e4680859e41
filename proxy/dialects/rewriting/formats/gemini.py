"""Texts of Gemini's generated content, streamed and whole, on Vertex as well: every chunk is made like a whole answer.

Parts of a candidate follow each other: thoughts are over where the text begins, and text where a function is called.
"""

from __future__ import annotations

from typing import Final

from proxy.dialects.reported import part, parts
from proxy.dialects.rewriting.channels import Channel, Channels, Event, Kind

_CALL: Final = "partialArgs"
_LEFT: Final = ("usageMetadata", "promptFeedback")


class Gemini:
    """See ``rewriter.Format``."""

    def read(self, event: Event, channels: Channels) -> None:
        """Read a chunk."""
        for place, candidate in enumerate(parts(event, "candidates")):
            index = _index(candidate, place)
            before = channels.unit.changes
            for piece in parts(part(candidate, "content"), "parts"):
                _piece(piece, index, channels)
            if candidate.get("finishReason"):
                channels.end(index)
            for support in parts(part(candidate, "groundingMetadata"), "groundingSupports"):
                channels.whole(part(support, "segment"), "text", "text", index)
            if "logprobsResult" in candidate and channels.unit.changes != before:
                del candidate["logprobsResult"]
        if "error" in event:
            channels.end_all()

    def alone(self, event: Event, channel: Channel, text: str) -> Event:
        """Return a chunk with one part."""
        candidates = enumerate(parts(event, "candidates"))
        last = next((one for place, one in candidates if _index(one, place) == channel.choice), {})
        content = part(last, "content") | {"parts": [_made(channel, text)]}
        candidate = {"content": content} | ({"index": last["index"]} if "index" in last else {})
        return {name: value for name, value in event.items() if name not in _LEFT} | {"candidates": [candidate]}


def _piece(piece: Event, index: int, channels: Channels) -> None:
    if "text" in piece:
        kind: Kind = "reasoning" if piece.get("thought") is True else "text"
        channels.piece(piece, "text", kind, index)
    if "functionCall" in piece:
        _call(part(piece, "functionCall"), index, channels)
    if "executableCode" in piece:
        channels.turn("input", index)
        channels.whole(part(piece, "executableCode"), "code", "input", index)


def _call(call: Event, index: int, channels: Channels) -> None:
    """A function's arguments: values, or pieces of values that are named by a path."""
    channels.strings(call, "args", "arguments", index)
    for argument in parts(call, _CALL):
        path = argument.get("jsonPath")
        block = path if type(path) is str else ""
        channels.piece(argument, "stringValue", "arguments", index, block, _CALL)
        if not argument.get("willContinue"):
            channels.end(index, block, _CALL)
    if not parts(call, _CALL):
        channels.turn("arguments", index)


def _made(channel: Channel, text: str) -> Event:
    if channel.form == _CALL:
        argument = {"jsonPath": channel.block, "stringValue": text, "willContinue": True}
        return {"functionCall": {_CALL: [argument], "willContinue": True}}
    return {"text": text} | ({"thought": True} if channel.kind == "reasoning" else {})


def _index(candidate: Event, place: int) -> int:
    index = candidate.get("index")
    return index if type(index) is int else place

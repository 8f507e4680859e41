"""Texts of Cohere's chat: blocks of content, a plan of tools, and their arguments, each with events of its own."""

from __future__ import annotations

from typing import Final

from proxy.dialects.reported import part, parts
from proxy.dialects.rewriting.channels import Channel, Channels, Event, Kind

_SPOKEN: Final[tuple[tuple[str, Kind], ...]] = (("thinking", "reasoning"), ("text", "text"))
_BLOCK_ENDS: Final = ("content-end", "tool-call-end")


class Cohere:
    """See ``rewriter.Format``."""

    def read(self, event: Event, channels: Channels) -> None:
        """Read an event, or a whole answer."""
        kind = event.get("type")
        if type(kind) is not str:
            _message(part(event, "message"), channels)
        elif kind in _BLOCK_ENDS:
            channels.end(0, _index(event))
        elif kind == "message-end":
            channels.end_all()
        else:
            _pieces(part(part(event, "delta"), "message"), _index(event), channels)
            if channels.unit.changes:
                for holder in (event, part(event, "delta")):
                    holder.pop("logprobs", None)

    def alone(self, event: Event, channel: Channel, text: str) -> Event:
        """Return a delta of the block."""
        if channel.form == "tool_plan":
            kind, said = "tool-plan-delta", Event(tool_plan=text)
        elif channel.form == "arguments":
            kind, said = "tool-call-delta", Event(tool_calls={"function": {"arguments": text}})
        else:
            kind, said = "content-delta", Event(content={channel.form: text})
        made = {name: value for name, value in event.items() if name != "logprobs"}
        return made | {"type": kind, "delta": {"message": said}}


def _pieces(said: Event, index: int, channels: Channels) -> None:
    for name, kind in _SPOKEN:
        channels.piece(part(said, "content"), name, kind, 0, index)
    channels.piece(said, "tool_plan", "reasoning", 0, -1)
    function = part(part(said, "tool_calls"), "function")
    channels.piece(function, "arguments", "arguments", 0, index, within_json=True)
    if function:
        channels.turn("arguments", 0, index)
    channels.whole(part(said, "citations"), "text", "citation", 0, index)


def _message(message: Event, channels: Channels) -> None:
    for piece in parts(message, "content"):
        for name, kind in _SPOKEN:
            channels.whole(piece, name, kind)
    channels.whole(message, "tool_plan", "reasoning")
    for call in parts(message, "tool_calls"):
        channels.whole(part(call, "function"), "arguments", "arguments", within_json=True)
    for citation in parts(message, "citations"):
        channels.whole(citation, "text", "citation")


def _index(event: Event) -> int:
    index = event.get("index")
    return index if type(index) is int else 0

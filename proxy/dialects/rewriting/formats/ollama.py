"""Texts of Ollama's own API: each line is made like a whole answer, and the last one carries text as well."""

from __future__ import annotations

from typing import Final

from proxy.dialects.reported import part, parts
from proxy.dialects.rewriting.channels import Channel, Channels, Event, Kind

_SPOKEN: Final[tuple[tuple[str, Kind], ...]] = (("thinking", "reasoning"), ("content", "text"), ("response", "text"))
_LEFT: Final = ("logprobs", "tool_calls")


class Ollama:
    """See ``rewriter.Format``."""

    def read(self, event: Event, channels: Channels) -> None:
        """Read a line."""
        for said in (event, part(event, "message")):
            for name, kind in _SPOKEN:
                channels.piece(said, name, kind)
            for call in parts(said, "tool_calls"):
                channels.turn("arguments")
                channels.strings(part(call, "function"), "arguments", "arguments")
        if event.get("done") is True or "error" in event:
            channels.end()
        if "logprobs" in event and channels.unit.changes:
            del event["logprobs"]

    def alone(self, event: Event, channel: Channel, text: str) -> Event:
        """Return a line with one text; the others are empty."""
        holder = part(event, "message") or event
        said = {name: value for name, value in holder.items() if name not in _LEFT}
        said |= {name: "" for name, _ in _SPOKEN if name in said} | {channel.form: text}
        if holder is event:
            return said
        return {name: value for name, value in event.items() if name not in _LEFT} | {"message": said}

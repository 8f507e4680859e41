"""Texts of Anthropic's messages, streamed and whole. Signatures, and what server tools returned, are nobody's text.

A filter of thoughts changes what a signature covers: whoever makes the filters knows whether that may be.
"""

from __future__ import annotations

from typing import Final

from proxy.dialects.reported import part, parts
from proxy.dialects.rewriting.channels import Channel, Channels, Event, Kind

_SPOKEN: Final[tuple[tuple[str, Kind, str], ...]] = (  # member, kind, type of its delta
    ("text", "text", "text_delta"),
    ("thinking", "reasoning", "thinking_delta"),
    ("partial_json", "arguments", "input_json_delta"),
    ("content", "text", "compaction_delta"),
)
_BEGUN: Final = _SPOKEN[:2]
_CITED: Final = ("cited_text", "document_title")


class Anthropic:
    """See ``rewriter.Format``."""

    def read(self, event: Event, channels: Channels) -> None:
        """Read an event, or a whole message."""
        kind = event.get("type")
        if kind == "content_block_delta":
            _pieces(part(event, "delta"), _index(event), channels)
        elif kind == "content_block_start":
            _begins(part(event, "content_block"), _index(event), channels)
        elif kind == "content_block_stop":
            channels.end(0, _index(event))
        elif kind in ("message_delta", "message_stop", "error"):
            channels.end_all()
        elif kind == "message_start":
            _message(part(event, "message"), channels)
        elif kind == "message":
            _message(event, channels)

    def alone(self, event: Event, channel: Channel, text: str) -> Event:
        """Return a delta of the block."""
        made = {name: value for name, value in event.items() if name != "content_block"}
        kind = next(kind for name, _, kind in _SPOKEN if name == channel.form)
        return made | {"type": "content_block_delta", "delta": {"type": kind, channel.form: text}}


def _pieces(delta: Event, index: int, channels: Channels) -> None:
    for name, kind, _ in _SPOKEN:
        if name in delta:
            channels.piece(delta, name, kind, 0, index, within_json=kind == "arguments")
    if "citation" in delta:
        _cited(part(delta, "citation"), index, channels)


def _begins(block: Event, index: int, channels: Channels) -> None:
    for name, kind, _ in _BEGUN:
        channels.piece(block, name, kind, 0, index)
    if block.get("input"):
        channels.strings(block, "input", "arguments", 0, index)


def _message(message: Event, channels: Channels) -> None:
    for index, block in enumerate(parts(message, "content")):
        for name, kind, _ in _BEGUN:
            channels.whole(block, name, kind, 0, index)
        if block.get("type") == "compaction":
            channels.whole(block, "content", "text", 0, index)
        channels.strings(block, "input", "arguments", 0, index)
        for citation in parts(block, "citations"):
            _cited(citation, index, channels)


def _cited(citation: Event, index: int, channels: Channels) -> None:
    for name in _CITED:
        channels.whole(citation, name, "citation", 0, index)


def _index(event: Event) -> int:
    index = event.get("index")
    return index if type(index) is int else 0

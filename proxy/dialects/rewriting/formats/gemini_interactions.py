"""Texts of Gemini's interactions: steps that are begun, continued by deltas of a type, stopped, and repeated at the end."""

from __future__ import annotations

from typing import Final

from proxy.dialects.reported import part, parts
from proxy.dialects.rewriting.channels import Channel, Channels, Event, Kind

_STOPS: Final = (".stop", ".complete", ".completed")
_LEFT: Final = frozenset(("metadata", "step", "content"))  # not to be said again: usage, and how a step began
_THOUGHTS: Final = ("thought", "thought_summary")


class Interactions:
    """See ``rewriter.Format``."""

    def read(self, event: Event, channels: Channels) -> None:
        """Read an event, or a whole interaction."""
        kind = event.get("event_type")
        if type(kind) is not str:
            _steps(event, channels)
            return
        index = event.get("index")
        choice = index if type(index) is int else 0
        if kind.endswith(".delta"):
            _delta(part(event, "delta"), choice, channels)
        elif kind.endswith(".start"):
            for name in ("step", "content"):
                _begun(part(event, name), choice, channels)
        elif kind.startswith("interaction.") and kind.endswith(_STOPS):
            channels.end_all()
        elif kind.endswith(_STOPS):
            channels.end(choice)
        elif kind == "error":
            channels.end_all()
        _steps(part(event, "interaction"), channels)

    def alone(self, event: Event, channel: Channel, text: str) -> Event:
        """Return a delta of the step."""
        made = {name: value for name, value in event.items() if name not in _LEFT}
        if "delta" not in event:
            made["event_type"] = str(event["event_type"]).removesuffix(".start") + ".delta"
        return made | {"delta": _made(channel, text)}


def _delta(delta: Event, choice: int, channels: Channels) -> None:
    kind: Kind = "reasoning" if delta.get("type") in _THOUGHTS else "text"
    channels.piece(delta, "text", kind, choice)
    channels.piece(part(delta, "content"), "text", kind, choice, 0, "content")
    if type(delta.get("arguments")) is str:
        channels.piece(delta, "arguments", "arguments", choice, within_json=True)
    elif "arguments" in delta:
        channels.turn("arguments", choice)
        channels.strings(delta, "arguments", "arguments", choice)


def _begun(step: Event, choice: int, channels: Channels) -> None:
    """What a step begins with: its texts go on in the deltas."""
    _delta(step, choice, channels)
    kind: Kind = "reasoning" if step.get("type") in _THOUGHTS else "text"
    form = "content" if kind == "reasoning" else "text"
    for piece in (*parts(step, "content"), *parts(step, "summary")):
        channels.piece(piece, "text", kind, choice, 0, form)


def _steps(interaction: Event, channels: Channels) -> None:
    for step in (*parts(interaction, "steps"), *parts(interaction, "outputs")):
        kind: Kind = "reasoning" if step.get("type") in _THOUGHTS else "text"
        if step.get("type") == "user_input":
            continue  # the request's echo
        channels.whole(step, "text", kind)
        channels.strings(step, "arguments", "arguments")
        for piece in (*parts(step, "content"), *parts(step, "summary")):
            channels.whole(piece, "text", kind)


def _made(channel: Channel, text: str) -> Event:
    if channel.form == "arguments":
        return {"type": "arguments_delta", "arguments": text}
    if channel.kind == "reasoning":
        return {"type": "thought_summary", "content": {"type": "text", "text": text}}
    return {"type": "text", "text": text}

"""Texts of chat completions and completions, streamed and whole.

Reasoning comes under three names, and some servers send two of them at once. Perplexity repeats beside each delta the
message as far as it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from proxy.dialects.reported import part, parts
from proxy.dialects.rewriting.channels import Channel, Channels, Event, Kind

_PLAIN: Final[dict[str, Kind]] = {
    "content": "text",
    "refusal": "refusal",
    "reasoning_content": "reasoning",
    "reasoning": "reasoning",
}
_MADE_ANEW: Final = frozenset(("delta", "message", "text"))
_EMPTIED: Final = frozenset(("finish_reason", "native_finish_reason", "logprobs"))


class Chat:
    """See ``rewriter.Format``."""

    def read(self, event: Event, channels: Channels) -> None:
        """Read a chunk, or a whole answer."""
        choices = event.get("choices")
        for place, choice in enumerate(choices if type(choices) is list else ()):
            if type(choice) is dict:
                index = choice.get("index")
                _choice(choice, index if type(index) is int else place, channels)
        if event.get("error"):
            channels.end_all()

    def alone(self, event: Event, channel: Channel, text: str) -> Event:
        """Return a chunk with one delta."""
        last = next((one for one in parts(event, "choices") if one.get("index", 0) == channel.choice), {})
        choice = {name: None if name in _EMPTIED else last[name] for name in last if name not in _MADE_ANEW}
        if channel.form == "text":
            choice["text"] = text
        else:
            choice["delta"] = _delta(channel, text)
        made = event | {"choices": [choice]}
        if "usage" in made:
            made["usage"] = None
        return made


def _choice(choice: Event, index: int, channels: Channels) -> None:
    before = channels.unit.changes
    delta, message = choice.get("delta"), choice.get("message")
    ended = bool(choice.get("finish_reason"))
    if type(delta) is dict:
        _said(delta, index, channels)
        if type(message) is dict:
            for name, kind in _PLAIN.items():
                channels.whole(message, name, kind, index, so_far=not ended)
    elif type(message) is dict:
        _said(message, index, channels)
    channels.piece(choice, "text", "text", index)
    if ended:
        channels.end(index)
    if choice.get("logprobs") and channels.unit.changes != before:
        choice["logprobs"] = None


def _said(said: Event, index: int, channels: Channels) -> None:
    for name, value in said.items():
        if value is None:
            continue
        if (kind := _PLAIN.get(name)) is not None:
            if type(value) is list:
                _parts(said, name, index, channels)
            else:
                channels.piece(said, name, kind, index)
        elif (told := _NESTED.get(name)) is not None:
            told(said, name, index, channels)


def _parts(said: Event, name: str, index: int, channels: Channels) -> None:
    """Content in parts, as Mistral's reasoning models send it."""
    for piece in parts(said, name):
        channels.piece(piece, "text", "text", index, 0, "parts.text")
        for thought in parts(piece, "thinking"):
            channels.piece(thought, "text", "reasoning", index, 0, "parts.thinking")


def _calls(said: Event, name: str, index: int, channels: Channels) -> None:
    for place, call in enumerate(parts(said, name)):
        number = call.get("index")
        block = number if type(number) is int else place
        channels.turn("input" if "custom" in call else "arguments", index, block)  # a call begins without arguments
        channels.piece(part(call, "function"), "arguments", "arguments", index, block, within_json=True)
        channels.piece(part(call, "custom"), "input", "input", index, block)


def _function(said: Event, name: str, index: int, channels: Channels) -> None:
    channels.piece(part(said, name), "arguments", "arguments", index, -1, name, within_json=True)


def _details(said: Event, name: str, index: int, channels: Channels) -> None:
    for detail in parts(said, name):
        for member in ("text", "summary"):
            channels.piece(detail, member, "reasoning", index, 0, f"details.{member}")


def _audio(said: Event, name: str, index: int, channels: Channels) -> None:
    channels.piece(part(said, name), "transcript", "text", index, 0, "transcript")


_NESTED: Final[Mapping[str, Callable[[Event, str, int, Channels], None]]] = {
    "tool_calls": _calls,
    "function_call": _function,
    "reasoning_details": _details,
    "audio": _audio,
}


def _delta(channel: Channel, text: str) -> Event:
    form = channel.form
    if form == "arguments":
        return {"tool_calls": [{"index": channel.block, "function": {"arguments": text}}]}
    if form == "input":
        return {"tool_calls": [{"index": channel.block, "custom": {"input": text}}]}
    if form == "function_call":
        return {form: {"arguments": text}}
    if form == "transcript":
        return {"audio": {form: text}}
    if form == "parts.text":
        return {"content": [{"type": "text", "text": text}]}
    if form == "parts.thinking":
        return {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]}
    if form.startswith("details."):
        member = form.removeprefix("details.")
        return {"reasoning_details": [{"type": f"reasoning.{member}", member: text, "index": 0}]}
    return {form: text}

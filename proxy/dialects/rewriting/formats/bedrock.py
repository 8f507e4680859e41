"""Texts of Bedrock: Converse, whose events Nova has as well, and what other vendors' models send in their own words."""

from __future__ import annotations

from typing import Final

from proxy.dialects.bedrock_usage import METRICS
from proxy.dialects.reported import part, parts
from proxy.dialects.rewriting.channels import Channel, Channels, Event
from proxy.dialects.rewriting.formats.anthropic import Anthropic
from proxy.dialects.rewriting.formats.openai_chat import Chat
from proxy.dialects.rewriting.rewriter import Format

_DELTA, _START = "contentBlockDelta", "contentBlockStart"
_TITLES: Final = ("text", "outputText", "generation", "completion")  # Cohere, Titan, Llama, old Claude
_LISTS: Final = ("results", "outputs", "generations")
_REASONS: Final = ("completionReason", "stop_reason", "finish_reason", "is_finished")
_EVENTS: Final = ("message", "content_block", "ping", "error")  # how the types of Anthropic's begin


class Bedrock:
    """See ``rewriter.Format``."""

    def read(self, event: Event, channels: Channels) -> None:
        """Read an event, or a whole answer."""
        _form_of(event).read(event, channels)

    def alone(self, event: Event, channel: Channel, text: str) -> Event:
        """Return an event of the same vendor."""
        return _form_of(event).alone(event, channel, text)


class _Converse:
    def read(self, event: Event, channels: Channels) -> None:
        for kind, content in event.items():
            if type(content) is not dict:
                continue
            index = content.get("contentBlockIndex")
            block = index if type(index) is int else 0
            if kind == _DELTA:
                _delta(part(content, "delta"), block, channels)
            elif kind == "contentBlockStop":
                channels.end(0, block)
            elif kind == "messageStop":
                channels.end_all()
            elif kind == "output":
                _message(part(content, "message"), channels)

    def alone(self, event: Event, channel: Channel, text: str) -> Event:
        if channel.form == "toolUse":
            delta: Event = {"toolUse": {"input": text}}
        elif channel.form == "reasoningContent":
            delta = {"reasoningContent": {"text": text}}
        else:
            delta = {"text": text}
        return {_DELTA: part(event, _DELTA) | {"delta": delta}}


class _Others:
    def read(self, event: Event, channels: Channels) -> None:
        for name in _TITLES:
            channels.piece(event, name, "text")
        for name in _LISTS:
            for place, one in enumerate(parts(event, name)):
                for title in _TITLES[:2]:
                    channels.piece(one, title, "text", place, 0, f"{name}.{title}")
        ended = (event, *(one for name in _LISTS for one in parts(event, name)))
        if METRICS in event or any(one.get(reason) for one in ended for reason in _REASONS):
            channels.end_all()

    def alone(self, event: Event, channel: Channel, text: str) -> Event:
        made: Event = {name: None if name in _REASONS else value for name, value in event.items() if name != METRICS}
        name, dot, title = channel.form.partition(".")
        return made | {name: [{title: text}] if dot else text}


_CONVERSE, _OTHERS, _CLAUDE, _OPENAI = _Converse(), _Others(), Anthropic(), Chat()
_BLOCKS: Final = frozenset((_DELTA, _START, "contentBlockStop", "messageStart", "messageStop", "metadata", "output"))


def _form_of(event: Event) -> Format:
    kind = event.get("type")
    if type(kind) is str and kind.startswith(_EVENTS):
        return _CLAUDE
    if "choices" in event:
        return _OPENAI
    return _OTHERS if _BLOCKS.isdisjoint(event) else _CONVERSE


def _delta(delta: Event, block: int, channels: Channels) -> None:
    channels.piece(delta, "text", "text", 0, block)
    channels.piece(part(delta, "reasoningContent"), "text", "reasoning", 0, block, "reasoningContent")
    channels.piece(part(delta, "toolUse"), "input", "arguments", 0, block, "toolUse", within_json=True)


def _message(message: Event, channels: Channels) -> None:
    for index, block in enumerate(parts(message, "content")):
        channels.whole(block, "text", "text", 0, index)
        channels.whole(part(part(block, "reasoningContent"), "reasoningText"), "text", "reasoning", 0, index)
        channels.strings(part(block, "toolUse"), "input", "arguments", 0, index)

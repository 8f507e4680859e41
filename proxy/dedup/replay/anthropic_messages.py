"""Anthropic's messages: judged, and told as the events of a stream.

Thinking is carried over with its signature, byte for byte, and redacted thinking with its data: both are the provider's to
verify when a caller sends them back. A block of any other kind than these and text is refused.
https://docs.claude.com/en/api/messages-streaming
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from proxy.dedup.replay import anthropic_stream, events
from proxy.dedup.replay.anthropic_stream import BLOCKS, MESSAGE, START_ONLY
from proxy.dedup.replay.events import named, with_text
from proxy.dedup.replay.form import Asked, Form, Members, Retold, Unfit
from proxy.dedup.replay.pieces import pieces
from proxy.dedup.replay.strict import (
    figures,
    filled,
    finish,
    kind_of,
    known,
    literal,
    mapping,
    objects,
    text,
    text_or_empty,
    toolless,
)

_USAGE = START_ONLY | {
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
    "output_tokens_details",
    "server_tool_use",
}  # `iterations` and `fallback_credit` are of answers that more than one model wrote
_WHOLE = ("end_turn", "stop_sequence")
_OTHERS = {
    "max_tokens": "truncated",
    "model_context_window_exceeded": "truncated",
    "tool_use": "tool-call",
    "refusal": "refusal",
}


def _judge(answer: Members) -> None:
    literal(answer, "type", "message")
    finish(answer.get("stop_reason"), _WHOLE, _OTHERS)
    known(answer, MESSAGE)
    literal(answer, "role", "assistant")
    filled(answer, "id", "model")
    text_or_empty(answer, "stop_sequence")
    usage = mapping(answer, "usage")
    known(usage, _USAGE)
    toolless(usage)
    figures(usage, "input_tokens", "output_tokens")
    blocks = objects(answer, "content")
    for block in blocks:
        _block(block)
    if not "".join(block["text"] for block in blocks if block["type"] == "text").strip():
        raise Unfit("empty")


def _block(block: Members) -> None:
    kind = text(block, "type")
    if kind not in BLOCKS:
        raise Unfit("tool-call" if kind.endswith("tool_use") else "unknown")
    known(block, ("type", *BLOCKS[kind]))
    for name in BLOCKS[kind]:
        text(block, name)


def _renamed(answer: Members, new_id: str, created: int) -> Members:  # noqa: ARG001 - a message does not say when
    return {"id": kind_of(text(answer, "id")) + new_id}


def _told(answer: Members, asked: Asked) -> Retold:  # noqa: ARG001 - every stream tells its usage
    return Retold(events.CONTENT_TYPE, events.safe(b"".join(_events(answer))))


def _events(answer: Members) -> Iterator[bytes]:
    usage = answer["usage"]
    started = {**answer, "content": [], "stop_reason": None, "stop_sequence": None}
    started["usage"] = {name: value for name, value in usage.items() if name not in anthropic_stream.END_ONLY}
    started["usage"]["output_tokens"] = 1  # a placeholder, as the provider writes it: nothing has been written yet
    yield named({"type": "message_start", "message": started})
    for index, block in enumerate(answer["content"]):
        yield named({"type": "content_block_start", "index": index, "content_block": _opened(block)})
        if index == 0:
            yield named({"type": "ping"})
        yield from _deltas(index, block)
        yield named({"type": "content_block_stop", "index": index})
    ended = {name: answer.get(name) for name in ("stop_reason", "stop_sequence", "stop_details") if name in answer}
    told = {name: value for name, value in usage.items() if name not in START_ONLY}
    yield named({"type": "message_delta", "delta": ended, "usage": told})
    yield named({"type": "message_stop"})


def _opened(block: Members) -> Members:
    """The block before its deltas; redacted thinking comes at once."""
    return block if block["type"] == "redacted_thinking" else {**block, **dict.fromkeys(BLOCKS[block["type"]], "")}


def _deltas(index: int, block: Members) -> Iterator[bytes]:
    kind = block["type"]
    if kind != "redacted_thinking":
        delta = {"type": f"{kind}_delta", kind: ""}  # text_delta has `text`, thinking_delta has `thinking`
        event = named({"type": "content_block_delta", "index": index, "delta": delta})
        yield from with_text(event, kind, pieces(block[kind]))
    if kind == "thinking":
        signed = {"type": "signature_delta", "signature": block["signature"]}
        yield named({"type": "content_block_delta", "index": index, "delta": signed})


FORM: Final = Form(_judge, anthropic_stream.assemble, _renamed, _told)

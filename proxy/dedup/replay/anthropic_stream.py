"""The events of an Anthropic stream joined into the message that the provider would have given.

``message_delta`` replaces the figures of ``message_start`` field by field, as the provider's SDK reads them.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from proxy.dedup.replay import events
from proxy.dedup.replay.form import Members, Unfit
from proxy.dedup.replay.strict import an_object, known, literal, mapping, text

MESSAGE = frozenset(
    ("id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage")
)  # a container, or what was cleared from the context, ties an answer to its call
BLOCKS = {"text": ("text",), "thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}  # and their texts
START_ONLY = frozenset(("cache_creation", "service_tier", "inference_geo", "speed"))  # figures of `message_start`
END_ONLY = frozenset(("output_tokens_details", "server_tool_use"))  # figures of `message_delta`
_DELTAS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("thinking", "signature"),
}  # kind of a delta -> kind of its block, and the text that it goes on with
_END = ("stop_reason", "stop_sequence", "stop_details")
_EVENT = frozenset(("type", "index"))


def assemble(stream: bytes) -> bytes:
    """The message as JSON. Raises ``Unfit`` unless every event is understood and the stream ended cleanly."""
    told = [event for event in events.typed(events.read(stream)) if not _is_ping(event)]
    if len(told) < len(("message_start", "message_delta", "message_stop")):
        raise Unfit
    start, *blocks, delta, stop = told
    _expect(start, "message_start", "message")
    _expect(delta, "message_delta", "delta", "usage")
    _expect(stop, "message_stop")
    message = dict(mapping(start, "message"))
    known(message, MESSAGE)
    ended = mapping(delta, "delta")
    known(ended, _END)
    if message.get("content") != [] or text(ended, "stop_reason") == "":
        raise Unfit
    message["content"] = list(_blocks(iter(blocks)))
    message |= {name: ended.get(name) for name in _END if name in message or name in ended}
    message["usage"] = {**mapping(message, "usage"), **mapping(delta, "usage")}
    return msgspec.json.encode(message)


def _is_ping(event: Members) -> bool:
    if event.get("type") != "ping":
        return False
    _expect(event, "ping")
    return True


def _expect(event: Members, kind: str, *names: str) -> None:
    literal(event, "type", kind)
    known(event, ("type", *names))


def _blocks(told: Iterator[Members]) -> Iterator[Members]:
    """The blocks of a message, each of which must end before the next one begins."""
    for index, start in enumerate(told):
        _expect(start, "content_block_start", "index", "content_block")
        literal(start, "index", index)
        block = dict(mapping(start, "content_block"))
        kind = text(block, "type")
        if kind not in BLOCKS:
            raise Unfit
        known(block, ("type", *BLOCKS[kind]))
        said = {name: [text(block, name) if name in block else ""] for name in BLOCKS[kind]}
        for event in told:
            literal(event, "index", index)
            if event.get("type") == "content_block_stop":
                known(event, _EVENT)
                break
            _expect(event, "content_block_delta", "index", "delta")
            _take(said, kind, an_object(event.get("delta")))
        else:
            raise Unfit
        yield {**block, **{name: "".join(parts) for name, parts in said.items()}}


def _take(said: dict[str, list[str]], kind: str, delta: Members) -> None:
    """Add one delta to the texts of its block."""
    of, name = _DELTAS.get(text(delta, "type"), ("", ""))
    known(delta, ("type", name))
    if of != kind or (name == "signature" and any(said[name])):  # a second one would replace the first
        raise Unfit
    said[name].append(text(delta, name))

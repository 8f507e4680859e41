"""Answers as the providers give them, for SDKs to read."""

from __future__ import annotations

import json
from typing import Any

OPENAI_CHAT: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1790000000,
    "model": "gpt-5.1-2026-08-01",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello there", "refusal": None},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
}
OPENAI_RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1790000000,
    "status": "completed",
    "model": "gpt-5.1-2026-08-01",
    "output": [{"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
                "content": [{"type": "output_text", "text": "Hello there", "annotations": []}]}],
    "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "temperature": 1.0, "top_p": 1.0,
    "usage": {"input_tokens": 12, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 3,
              "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15},
}  # fmt: skip
ANTHROPIC_MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-5",
    "content": [{"type": "text", "text": "Hello there"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 12, "output_tokens": 3},
}
GEMINI: dict[str, Any] = {
    "candidates": [
        {"content": {"role": "model", "parts": [{"text": "Hello there"}]}, "finishReason": "STOP", "index": 0}
    ],
    "usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 3, "totalTokenCount": 15},
    "modelVersion": "gemini-2.5-flash",
}


def _sse(data: object, event: str | None = None) -> bytes:
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    return (f"event: {event}\n" if event else "").encode() + f"data: {text}\n\n".encode()


def openai_stream(*, usage: bool = True) -> list[bytes]:
    """A chat stream of two words, with the usage chunk that ``include_usage`` asks for."""
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1790000000, "model": "gpt-5.1-2026-08-01"}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, {"content": "Hello"}, {"content": " there"}]
    events = [_sse({**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}) for delta in deltas]
    events.append(_sse({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
    if usage:
        events.append(_sse({**base, "choices": [], "usage": OPENAI_CHAT["usage"]}))
    return [*events, _sse("[DONE]")]


def responses_stream() -> list[bytes]:
    """A Responses stream, in the order of events that the SDK's helper follows."""
    started = {**OPENAI_RESPONSE, "status": "in_progress", "output": [], "usage": None}
    item = {**OPENAI_RESPONSE["output"][0], "status": "in_progress", "content": []}
    part = {"type": "output_text", "text": "", "annotations": []}
    where = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": started},
        {"type": "response.in_progress", "response": started},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **where, "part": part},
        {"type": "response.output_text.delta", **where, "delta": "Hello", "logprobs": []},
        {"type": "response.output_text.delta", **where, "delta": " there", "logprobs": []},
        {"type": "response.output_text.done", **where, "text": "Hello there", "logprobs": []},
        {"type": "response.content_part.done", **where, "part": {**part, "text": "Hello there"}},
        {"type": "response.output_item.done", "output_index": 0, "item": OPENAI_RESPONSE["output"][0]},
        {"type": "response.completed", "response": OPENAI_RESPONSE},
    ]
    return [_sse({**event, "sequence_number": n}, event["type"]) for n, event in enumerate(events)]


def anthropic_stream() -> list[bytes]:
    """A Messages stream; ``message_delta`` corrects what ``message_start`` said of the input."""
    start = {**ANTHROPIC_MESSAGE, "content": [], "stop_reason": None, "usage": {"input_tokens": 10, "output_tokens": 1}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " there"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"input_tokens": 12, "output_tokens": 3},
        },
        {"type": "message_stop"},
    ]
    return [_sse(event, event["type"]) for event in events]


def gemini_stream() -> list[bytes]:
    """Two chunks with cumulative usage."""
    first = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}, "index": 0}],
             "usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 1, "totalTokenCount": 13}, "modelVersion": "gemini-2.5-flash"}  # fmt: skip
    last = {
        **GEMINI,
        "candidates": [
            {"content": {"role": "model", "parts": [{"text": " there"}]}, "finishReason": "STOP", "index": 0}
        ],
    }
    return [_sse(first), _sse(last)]

"""Answers in OpenAI's formats as many servers give them, written here, in the shape of the shared recordings."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]
_ZEROS = {"cached_read": 0, "cache_write": 0, "reasoning": 0, "audio_input": 0, "audio_output": 0}
_RESPONSES_ZEROS = {"cached_read": 0, "cache_write": 0, "reasoning": 0}
REPORTED = {"complete": True, "usage_source": "reported"}
NONE = {"complete": False, "usage_source": "none", "input": None, "output": None}


def chunk(*choices: Json, model: str | None = "m", **more: Any) -> Json:
    """A chunk of a chat stream."""
    named = {} if model is None else {"model": model}
    return {"id": "c", "object": "chat.completion.chunk", **named, "choices": list(choices), **more}


def said(index: int = 0, finish: str | None = None, **delta: Any) -> Json:
    """A choice of a chunk."""
    return {"index": index, "delta": delta, "finish_reason": finish}


def sse(*events: Json | str, compact: bool = True) -> list[str]:
    """Lines of an event stream; a string is a line of its own."""
    lines: list[str] = []
    for event in events:
        if isinstance(event, str):
            lines += [event, ""]
            continue
        if "type" in event:
            lines.append(f"event: {event['type']}")
        lines += [f"data: {json.dumps(event, separators=(',', ':') if compact else None, ensure_ascii=False)}", ""]
    return [*lines, ""]


DONE = "data: [DONE]"
_TOLD = (said(role="assistant", content=""), said(content="Grüß"), said(content=" dich, 世界"))


def _stream(name: str, lines: list[str], expected: Json, text: str | None = None) -> Json:
    told = {} if text is None else {"relayed_text": text}
    return {"name": name, "api": "openai.chat", "stream": True, "response": lines, "expected": {**expected, **told}}


def _body(name: str, response: Json, expected: Json, api: str = "openai.chat") -> Json:
    return {"name": name, "api": api, "stream": False, "response": response, "expected": expected}


def _usage(given: int, made: int, **more: Any) -> Json:
    return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made, **more}


_OPENAI = sse(
    *(chunk(choice, usage=None, service_tier="default") for choice in (*_TOLD, said(finish="stop"))),
    chunk(
        service_tier="default",
        usage=_usage(
            21,
            9,
            prompt_tokens_details={"cached_tokens": 16, "audio_tokens": 0},
            completion_tokens_details={"reasoning_tokens": 4, "audio_tokens": 0},
        ),
    ),
    DONE,
)
CHAT: tuple[Json, ...] = (
    _stream(
        "openai",
        _OPENAI,
        REPORTED
        | _ZEROS
        | {"input": 21, "output": 9, "cached_read": 16, "reasoning": 4, "service_tier": "default", "model": "m"},
        "Grüß dich, 世界",
    ),
    _stream(
        "openai cut before usage", _OPENAI[:6], NONE | {"model": "m", "service_tier": "default"}, "Grüß dich, 世界"
    ),
    _stream("finished, no usage", sse(chunk(said(content="a", finish="stop")), DONE), NONE | {"complete": True}, "a"),
    _stream("finished, no usage, no end", sse(chunk(said(content="a", finish="stop"))), NONE, "a"),
    _stream(
        "groq, usage twice, spaced, no end",
        sse(
            chunk(said(content="a")),
            chunk(said(finish="stop"), x_groq={"id": "r", "usage": _usage(3, 1)}, usage=_usage(3, 1)),
            compact=False,
        ),
        REPORTED | _ZEROS | {"input": 3, "output": 1, "total_reported": 4},
        "a",
    ),
    _stream(
        "x_groq only",
        sse(chunk(said(content="a", finish="stop"), x_groq={"usage": _usage(3, 1)}), DONE),
        REPORTED | _ZEROS | {"input": 3, "output": 1},
    ),
    _stream(
        "usage on the choice",
        sse(chunk(said(content="a")), chunk({**said(finish="stop"), "usage": _usage(8, 2, cached_tokens=5)}), DONE),
        REPORTED | _ZEROS | {"input": 8, "output": 2, "cached_read": 5},
    ),
    _stream(
        "an error in the stream, then an end as if nothing were",
        sse(chunk(said(content="a")), {"error": {"message": "boom", "code": 500}}, DONE),
        NONE | {"model": "m"},
        "a",
    ),
    _stream(
        "the upstream of the upstream broke off",
        sse(chunk(said(content="a")), chunk(said(finish="error"), error={"message": "x"}), DONE),
        NONE,
    ),
    _stream(
        "cumulative and cut",
        sse(*(chunk(said(content="ab"[at]), usage=_usage(11, at + 1)) for at in range(2))),
        _ZEROS | {"input": 11, "output": 2, "complete": False, "usage_source": "partial"},
        "ab",
    ),
    _stream(
        "late results of a content filter",
        sse(
            chunk(model="", prompt_filter_results=[]),
            chunk(said(content="a")),
            chunk(said(finish="stop")),
            *(chunk({**said(), "content_filter_offsets": {"end_offset": at}}) for at in range(30)),
            chunk(usage=_usage(5, 1)),
        ),
        REPORTED | _ZEROS | {"input": 5, "output": 1, "model": "m"},
    ),
    _stream(
        "reasoning, refusal and calls",
        sse(
            chunk(said(reasoning_content="Think", reasoning="Think")),
            chunk(said(reasoning="."), usage=_usage(1, 1)),
            chunk(said(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}])),
            chunk(said(refusal="No")),
            chunk(said(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": '{"a"'}}])),
            chunk(said(tool_calls=[{"index": 0, "function": {"arguments": ": 1}"}}], content=None)),
        ),
        {"usage_source": "partial", "output": 1, "complete": False},
        'Think.HmNo{"a": 1}',
    ),
    _stream(
        "completions",
        sse(*(chunk({"index": 0, "text": text, "finish_reason": None}) for text in "ab")),
        NONE,
        "ab",
    ),
    _stream(
        "llama.cpp without usage",
        sse(
            chunk(said(content="a")),
            chunk(said(finish="stop"), timings={"cache_n": 236, "prompt_n": 1, "predicted_n": 35}),
            DONE,
        ),
        REPORTED | {"input": 237, "output": 35, "cached_read": 236, "audio_input": None, "cache_write": None},
    ),
    _body(
        "reasoning left out of completion, a cost in ticks",
        chunk(
            said(finish="stop"),
            usage={
                "prompt_tokens": 12,
                "completion_tokens": 2,
                "total_tokens": 354,
                "completion_tokens_details": {"reasoning_tokens": 340},
                "cost_in_usd_ticks": 1_497_500,
                "server_side_tool_usage_details": {"web_search_calls": 0},
            },
        ),
        REPORTED | _ZEROS | {"input": 12, "output": 342, "reasoning": 340, "reported_cost_usd": 0.00014975},
    ),
    _body(
        "Perplexity",
        chunk(
            said(finish="stop"),
            usage=_usage(33, 7, reasoning_tokens=90, num_search_queries=3, cost={"total_cost": 0.5, "x": 1}),
        ),
        REPORTED | _ZEROS | {"output": 97, "reasoning": 90, "web_searches": 3, "reported_cost_usd": 0.5},
    ),
    _body(
        "DashScope's explicit cache",
        chunk(
            said(finish="stop"),
            usage=_usage(
                100,
                5,
                prompt_tokens_details={
                    "cached_tokens": 0,
                    "cache_creation_input_tokens": 90,
                    "cache_creation": {"ephemeral_5m_input_tokens": 90},
                },
            ),
        ),
        REPORTED | _ZEROS | {"input": 100, "cache_write": 90, "cache_write_5m": 90},
    ),
    _body("an explicit nothing", chunk(usage=_usage(0, 0)), REPORTED | _ZEROS | {"input": 0, "output": 0}),
    _body("an error", {"error": {"message": "no"}}, NONE | {"model": None}),
)
RESPONSES: tuple[Json, ...] = (
    _body(
        "a response that failed for want of money",
        {"object": "response", "status": "failed", "error": {"code": "x"}, "model": "m", "usage": None},
        NONE | {"model": "m"},
        "openai.responses",
    ),
    _body(
        "a response in the background",
        {"object": "response", "status": "queued", "model": "m", "usage": None, "service_tier": "auto"},
        NONE | {"model": "m", "service_tier": None},
        "openai.responses",
    ),
    _body(
        "a gateway's response",
        {"status": "incomplete", "model": "m", "usage": {"input_tokens": 5, "output_tokens": 2, "cost": 0.25}},
        REPORTED | _RESPONSES_ZEROS | {"input": 5, "output": 2, "reported_cost_usd": 0.25, "total_reported": None},
        "openai.responses",
    ),
)
RESPONSE_STREAM = sse(
    {
        "type": "response.created",
        "response": {"model": "m", "service_tier": "auto", "status": "in_progress", "usage": None},
    },
    {"type": "response.reasoning_summary_text.delta", "delta": "Hm. "},
    {"type": "response.output_text.delta", "delta": "Grüß", "obfuscation": "xx"},
    {"type": "response.output_audio.delta", "delta": "AAAA"},
    {"type": "response.function_call_arguments.delta", "delta": '{"a"'},
    {"type": "response.refusal.delta", "delta": "No"},
    {"type": "response.output_text.done", "text": "Grüß"},
    {
        "type": "response.completed",
        "response": {
            "status": "completed",
            "model": "m-1",
            "service_tier": "default",
            "tools": [{"parameters": {"properties": {"usage": {"input_tokens": 1}}}}],
            "output": [{"content": [{"type": "output_text", "text": "Grüß"}]}],
            "usage": {
                "input_tokens": 9,
                "input_tokens_details": {"cached_tokens": 8},
                "output_tokens": 7,
                "output_tokens_details": {"reasoning_tokens": 3},
                "total_tokens": 16,
            },
        },
    },
)

"""Strings that repeat a text, or stand for themselves, say what the deltas said; what is no text stays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.answers import Event, Shout, events, framed, rewriting, through

CALL = {"city": "bad ems", "deep": [{"of": "the rhine"}], "type": "river", "n": 3}
CALLED = {"city": "BAD EMS", "deep": [{"of": "THE RHINE"}], "type": "river", "n": 3}
SAID = {
    "type": "message",
    "id": "m1",
    "content": [{"type": "output_text", "text": "so it is", "annotations": [], "logprobs": [{"token": "so"}]}],
}
RESPONSE = {
    "id": "r",
    "instructions": "you are",
    "output": [
        SAID,
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "abc"},
        {"type": "function_call", "name": "weather", "arguments": '{"city":"bonn"}'},
        {"type": "shell_call", "action": {"type": "exec", "commands": ["ls -l"]}},
        {"type": "custom_tool_call", "input": "select one"},
    ],
    "usage": {"output_tokens": 3},
}

# dialect, api, framing, an event, what is to come out, as (path, value) pairs; all else stays
WHOLES: tuple[tuple[str, str, str, Event, tuple[tuple[tuple[str | int, ...], Any], ...]], ...] = (
    (
        "openai_responses", "openai.responses", "sse", {"type": "response.completed", "response": RESPONSE},
        (
            (("response", "output", 0, "content", 0, "text"), "SO IT IS"),
            (("response", "output", 0, "content", 0, "logprobs"), []),
            (("response", "output", 1, "summary", 0, "text"), "HM"),
            (("response", "output", 2, "arguments"), '{"CITY":"BONN"}'),
            (("response", "output", 3, "action", "commands"), ["LS -L"]),
            (("response", "output", 4, "input"), "SELECT ONE"),
        ),
    ),
    (
        "openai_responses", "openai.responses", "sse", {"type": "response.output_item.done", "output_index": 0, "item": SAID},
        ((("item", "content", 0, "text"), "SO IT IS"), (("item", "content", 0, "logprobs"), [])),
    ),
    (
        "openai_responses", "openai.responses", "sse",
        {"type": "response.content_part.done", "output_index": 0, "content_index": 0, "part": SAID["content"][0]},
        ((("part", "text"), "SO IT IS"), (("part", "logprobs"), [])),
    ),
    (
        "openai_chat", "openai.chat", "sse",
        {"choices": [{"index": 0, "delta": {"content": "so "}, "logprobs": {"content": [{"token": "so"}]}}], "obfuscation": "x"},
        ((("choices", 0, "delta", "content"), "SO "), (("choices", 0, "logprobs"), None)),
    ),
    (
        "openai_chat", "openai.chat", "sse",
        {"choices": [{"index": 0, "delta": {"content": ""}, "message": {"role": "assistant", "content": "so far"}}]},
        ((("choices", 0, "message", "content"), "SO "),),
    ),
    (
        "openai_chat", "openai.chat", "whole",
        {"choices": [{"message": {"role": "assistant", "content": "so it", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}a"}}]}}]},
        ((("choices", 0, "message", "content"), "SO IT"), (("choices", 0, "message", "tool_calls", 0, "function", "arguments"), "{}A")),
    ),
    (
        "anthropic_messages", "anthropic.messages", "sse",
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": CALL}},
        ((("content_block", "input"), CALLED),),
    ),
    (
        "anthropic_messages", "anthropic.messages", "sse",
        {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": {"cited_text": "so it", "encrypted_index": "ab"}}},
        ((("delta", "citation", "cited_text"), "SO IT"),),
    ),
    (
        "anthropic_messages", "anthropic.messages", "whole",
        {"type": "message", "content": [{"type": "thinking", "thinking": "hm", "signature": "ab"}, {"type": "text", "text": "so it"}, {"type": "tool_use", "input": CALL}]},
        ((("content", 0, "thinking"), "HM"), (("content", 1, "text"), "SO IT"), (("content", 2, "input"), CALLED)),
    ),
    (
        "gemini", "gemini.generate", "array",
        {"candidates": [{"content": {"parts": [{"text": "so it"}, {"functionCall": {"name": "f", "args": CALL}, "thoughtSignature": "ab"}]}, "logprobsResult": {}}]},
        (
            (("candidates", 0, "content", "parts", 0, "text"), "SO IT"),
            (("candidates", 0, "content", "parts", 1, "functionCall", "args"), CALLED),
            (("candidates", 0, "logprobsResult"), ...),
        ),
    ),
    (
        "gemini", "gemini.generate", "sse",
        {"candidates": [{"finishReason": "STOP", "groundingMetadata": {"groundingSupports": [{"segment": {"endIndex": 3, "text": "so it"}}]}}]},
        ((("candidates", 0, "groundingMetadata", "groundingSupports", 0, "segment", "text"), "SO IT"),),
    ),
    (
        "gemini_interactions", "gemini.interactions", "sse",
        {"event_type": "interaction.completed", "interaction": {"steps": [
            {"type": "user_input", "content": [{"type": "text", "text": "you asked"}]},
            {"type": "model_output", "content": [{"type": "text", "text": "so it"}]},
            {"type": "function_call", "arguments": CALL},
        ]}},
        ((("interaction", "steps", 1, "content", 0, "text"), "SO IT"), (("interaction", "steps", 2, "arguments"), CALLED)),
    ),
    (
        "ollama", "ollama.native", "lines", {"message": {"content": "so it", "tool_calls": [{"function": {"name": "f", "arguments": CALL}}]}, "done": False},
        ((("message", "content"), "SO IT"), (("message", "tool_calls", 0, "function", "arguments"), CALLED)),
    ),
    (
        "cohere", "cohere.chat", "whole", {"id": "c", "message": {"content": [{"type": "text", "text": "so it"}], "citations": [{"text": "it", "start": 3}]}},
        ((("message", "content", 0, "text"), "SO IT"), (("message", "citations", 0, "text"), "IT")),
    ),
    (
        "bedrock", "bedrock.converse", "whole", {"output": {"message": {"content": [{"text": "so it"}, {"toolUse": {"name": "f", "input": CALL}}]}}, "usage": {}},
        ((("output", "message", "content", 0, "text"), "SO IT"), (("output", "message", "content", 1, "toolUse", "input"), CALLED)),
    ),
)  # fmt: skip


@pytest.mark.parametrize(("dialect", "api", "framing", "one", "changes"), WHOLES, ids=lambda value: str(value)[:40])
def test_a_string_that_is_whole_is_filtered_as_one(
    dialect: str, api: str, framing: str, one: Event, changes: tuple[tuple[tuple[str | int, ...], Any], ...]
) -> None:
    raw = json.dumps(one, indent=1).encode() if framing == "whole" else framed(framing, [one])
    passed = through(rewriting(dialect, api), raw)
    read = json.loads(passed) if framing == "whole" else next(events(framing, passed))
    assert read == _changed(one, changes)


def _changed(one: Event, changes: tuple[tuple[tuple[str | int, ...], Any], ...]) -> Event:
    copy: Event = json.loads(json.dumps(one))
    for path, value in changes:
        place: Any = copy
        for step in path[:-1]:
            place = place[step]
        if value is ...:
            del place[path[-1]]
        else:
            place[path[-1]] = value
    return copy


def test_texts_of_one_choice_end_where_another_begins() -> None:
    deltas: list[Event] = [
        {"reasoning": "hm"},
        {"content": "so"},
        {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{"}}]},
        {"tool_calls": [{"index": 1, "function": {"name": "g", "arguments": "["}}]},
    ]
    made: list[Event] = [{"id": "c", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    passed = through(rewriting("openai_chat", "openai.chat"), framed("done", made))
    said = [one["choices"][0]["delta"] for one in events("done", passed)]
    assert said == [
        {"reasoning": ""},
        {"reasoning": "HM"},
        {"content": ""},
        {"content": "SO"},
        {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]},
        {"tool_calls": [{"index": 1, "function": {"name": "g", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "["}}]},
    ]


def test_choices_of_one_chunk_have_filters_of_their_own() -> None:
    made: list[Event] = [
        {"choices": [{"index": index, "delta": {"content": f"c{index}"}} for index in (0, 1)]} for _ in range(2)
    ]
    finish: Event = {"choices": [{"index": index, "delta": {}, "finish_reason": "stop"} for index in (1, 0)]}
    passed = through(rewriting("openai_chat", "openai.chat"), framed("done", [*made, finish]))
    joined = {0: "", 1: ""}
    for one in events("done", passed):
        for choice in one["choices"]:
            joined[choice["index"]] += choice["delta"].get("content", "")
    assert joined == {0: "C0C0", 1: "C1C1"}


def test_thoughts_and_text_of_one_gemini_chunk_keep_their_order() -> None:
    parts = [{"text": "hm", "thought": True}, {"text": "so"}, {"functionCall": {"name": "f", "args": {}}}]
    raw = framed("sse", [{"candidates": [{"content": {"parts": parts}}]}])
    (one,) = events("sse", through(rewriting("gemini", "gemini.generate"), raw))
    said = [piece.get("text") for piece in one["candidates"][0]["content"]["parts"]]
    assert said == ["HM", "SO", None]


def test_a_made_event_repeats_the_last_one_but_for_its_text() -> None:
    first = {"type": "content_block_start", "index": 4, "content_block": {"type": "text", "text": "held"}}
    raw = framed("sse", [first, {"type": "content_block_stop", "index": 4}])
    passed = through(rewriting("anthropic_messages", "anthropic.messages"), raw).replace(b" ", b"")
    assert (
        b'\nevent:content_block_delta\ndata:{"type":"content_block_delta","index":4,"delta":{"type":"text_delta"'
        in passed
    )


def test_a_made_chunk_has_no_usage_and_ends_nothing() -> None:
    chunk = {
        "id": "c",
        "model": "m",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": "held"}, "finish_reason": None}],
        "usage": {"total_tokens": 4},
    }
    made = list(events("done", through(rewriting("openai_chat", "openai.chat"), framed("done", [chunk]))))[1]
    choice = {"index": 0, "delta": {"content": "HELD"}, "finish_reason": None}
    assert made == chunk | {"choices": [choice], "usage": None}


def test_filters_are_told_what_they_filter() -> None:
    asked = []

    def make(channel: Any) -> Shout:
        asked.append((channel.kind, channel.choice, channel.block, channel.within_json))
        return Shout()

    calls = [{"index": 3, "function": {"arguments": "{"}}]
    made: list[Event] = [{"choices": [{"index": 2, "delta": {"content": "a", "tool_calls": calls}}]}]
    through(rewriting("openai_chat", "openai.chat", make), framed("done", made))
    assert asked == [("text", 2, 0, False), ("arguments", 2, 3, True)]


def test_what_writes_no_text_has_no_rewriter() -> None:
    from proxy.dialects.rewriting import rewriter  # noqa: PLC0415 - only here
    from proxy.domain.ask import Ask, Endpoint  # noqa: PLC0415 - only here

    for dialect, api in (
        ("openai_simple", "openai.embeddings"),
        ("cohere", "cohere.embed"),
        ("passthrough", "passthrough"),
    ):
        assert rewriter(dialect, Ask(Endpoint(api, "/", "/"), "m", b""), lambda _: Shout()) is None

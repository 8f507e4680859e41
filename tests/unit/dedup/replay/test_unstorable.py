"""Which answers are never kept, and the stable word for each reason."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dedup.replay import retold, unstorable, whole_of
from tests.support.retelling import SAMPLES, Answer, stored, told

CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ITEM = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed"}
TOOL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
CASES: list[tuple[str, tuple[str | int, ...], Any, str]] = [
    ("chat", ("choices", 0, "finish_reason"), "length", "truncated"),
    ("chat", ("choices", 0, "finish_reason"), "content_filter", "filtered"),
    ("chat", ("choices", 0, "finish_reason"), "tool_calls", "tool-call"),
    ("chat", ("choices", 0, "finish_reason"), "error", "unknown"),
    ("chat", ("choices", 0, "finish_reason"), None, "unknown"),
    ("chat", ("choices", 0, "message", "tool_calls"), [CALL], "tool-call"),
    ("chat", ("choices", 0, "message", "refusal"), "I cannot", "refusal"),
    ("chat", ("choices", 0, "message", "content"), " \n", "empty"),
    ("chat", ("choices", 0, "message", "content"), None, "empty"),
    ("chat", ("choices", 0, "message", "content"), [{"type": "text", "text": "Hi"}], "unknown"),
    ("chat", ("choices", 0, "message", "audio"), {"id": "a"}, "unknown"),
    ("chat", ("choices", 0, "message", "annotations"), [{"type": "url_citation"}], "unknown"),
    ("chat", ("choices", 0, "logprobs"), {"content": [1]}, "unknown"),
    ("chat", ("choices", 0, "index"), 1, "unknown"),
    ("chat", ("choices",), [], "unknown"),
    ("chat", ("object",), "text_completion", "unknown"),
    ("chat", ("usage",), None, "unknown"),
    ("chat", ("error",), {"message": "no"}, "unknown"),
    ("azure", ("choices", 0, "content_filter_results", "hate", "filtered"), True, "filtered"),
    ("azure", ("prompt_filter_results", 0, "content_filter_results", "jailbreak", "detected"), True, "filtered"),
    ("azure", ("choices", 0, "content_filter_results", "error"), {"code": "content_filter_error"}, "unknown"),
    ("reasoned", ("choices", 0, "message", "reasoning"), "Otherwise", "unknown"),
    ("response", ("status",), "incomplete", "unknown"),
    ("response", ("status",), "failed", "unknown"),
    ("response", ("background",), True, "stateful"),
    ("response", ("previous_response_id",), "resp_0", "stateful"),
    ("response", ("output", 1), ITEM, "tool-call"),
    ("response", ("output", 0), {"type": "image_generation_call", "id": "ig_1"}, "tool-call"),
    ("response", ("output", 1, "content", 0), {"type": "refusal", "refusal": "No"}, "refusal"),
    ("response", ("output", 1, "content", 0, "annotations"), [{"type": "url_citation"}], "unknown"),
    ("response", ("output", 1, "content"), [], "empty"),
    ("response", ("output",), [], "empty"),
    ("message", ("stop_reason",), "max_tokens", "truncated"),
    ("message", ("stop_reason",), "model_context_window_exceeded", "truncated"),
    ("message", ("stop_reason",), "refusal", "refusal"),
    ("message", ("stop_reason",), "pause_turn", "unknown"),
    ("message", ("stop_reason",), "tool_use", "tool-call"),
    ("message", ("content", 0), TOOL, "tool-call"),
    ("message", ("content", 0), {"type": "server_tool_use", "id": "s", "name": "f", "input": {}}, "tool-call"),
    ("message", ("content", 0), {"type": "fallback", "from": {}, "to": {}}, "unknown"),
    ("message", ("content", 2, "citations"), [{"type": "page_location"}], "unknown"),
    ("message", ("content", 2, "text"), "", "empty"),
    ("message", ("container",), {"id": "c"}, "unknown"),
    ("message", ("usage", "server_tool_use"), {"web_search_requests": 1}, "tool-call"),
    ("message", ("usage", "iterations"), [{"type": "message"}], "unknown"),
    ("gemini", ("candidates", 0, "finishReason"), "MAX_TOKENS", "truncated"),
    ("gemini", ("candidates", 0, "finishReason"), "SAFETY", "filtered"),
    ("gemini", ("candidates", 0, "finishReason"), "RECITATION", "filtered"),
    ("gemini", ("candidates", 0, "finishReason"), "MALFORMED_FUNCTION_CALL", "tool-call"),
    ("gemini", ("candidates", 0, "finishReason"), "OTHER", "unknown"),
    ("gemini", ("candidates", 0, "content", "parts", 1), {"functionCall": {"name": "f", "args": {}}}, "tool-call"),
    ("gemini", ("candidates", 0, "content", "parts", 1), {"inlineData": {"mimeType": "image/png"}}, "unknown"),
    ("gemini", ("candidates", 0, "content", "parts", 1, "text"), "", "empty"),
    ("gemini", ("candidates", 0, "groundingMetadata"), {"webSearchQueries": ["x"]}, "unknown"),
    ("gemini", ("candidates", 0, "safetyRatings"), [{"category": "C", "blocked": True}], "filtered"),
    ("gemini", ("promptFeedback",), {"blockReason": "SAFETY"}, "filtered"),
    ("gemini", ("usageMetadata", "toolUsePromptTokenCount"), 5, "tool-call"),
]


def with_value(answer: Answer, path: tuple[str | int, ...], value: Any) -> Answer:
    """The answer with one member changed or added."""
    place: Any = answer
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return answer


@pytest.mark.parametrize(("name", "path", "value", "reason"), CASES)
def test_an_answer_is_refused_for_a_reason_and_cannot_be_told(
    name: str, path: tuple[str | int, ...], value: Any, reason: str
) -> None:
    api, make = SAMPLES[name]
    answer = with_value(make("Hello there"), path, value)
    assert unstorable(api, stored(answer), ()) == reason
    for stream in (True, False):
        with pytest.raises(ValueError, match=f"^{reason}$"):
            told(api, answer, stream=stream)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sound_answer_may_be_stored(name: str) -> None:
    api, make = SAMPLES[name]
    assert unstorable(api, stored(make("Hello there")), ["masked"]) == ""


def test_an_answer_that_ran_out_of_tokens_says_so() -> None:
    api, make = SAMPLES["response"]
    answer = make("Hello") | {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    assert unstorable(api, stored(answer), ()) == "truncated"


@pytest.mark.parametrize("name", ["chat", "message", "gemini"])
def test_a_stream_that_ran_out_of_tokens_is_understood_and_refused(name: str) -> None:
    api, make = SAMPLES[name]
    body = told(api, make("Hello there"), stream=True).body
    for whole, cut in ((b'"stop"', b'"length"'), (b'"end_turn"', b'"max_tokens"'), (b'"STOP"', b'"MAX_TOKENS"')):
        body = body.replace(whole, cut)
    joined = whole_of(api, body)
    assert joined is not None
    assert unstorable(api, joined, ()) == "truncated"


@pytest.mark.parametrize("api", ["openai.embeddings", "ollama.native", "bedrock.converse", ""])
def test_an_api_without_a_form_is_never_told_again(api: str) -> None:
    assert whole_of(api, b"data: {}\n\n") is None
    assert unstorable(api, b"{}", ()) == "dialect"
    with pytest.raises(ValueError, match="dialect"):
        retold(api, b"{}", stream=False, usage_asked=False, new_id="1", created=1)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b'{"a":1,"a":2}', b"\xff", b'{"a":NaN}', b"[" * 5000, b'{"choices":{}}', b"1" * 9000],
)
@pytest.mark.parametrize("api", sorted({api for api, _ in SAMPLES.values()}))
def test_bytes_that_are_no_answer_are_unknown(api: str, body: bytes) -> None:
    assert unstorable(api, body, ()) == "unknown"
    assert whole_of(api, body) is None


@pytest.mark.parametrize("name", SAMPLES)
def test_a_member_told_twice_is_refused(name: str) -> None:
    api, make = SAMPLES[name]
    twice = stored(make("Hello")).replace(b"{", b'{"model":"a","model":"b",', 1)
    assert unstorable(api, twice, ()) == "unknown"

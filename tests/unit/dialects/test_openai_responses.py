"""Requests and errors of the Responses API."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from proxy.dialects.openai_responses import OpenAIResponses
from proxy.domain import errors
from proxy.domain.ask import Ask
from proxy.domain.upstream import Secret, Upstream
from tests.support.canned import client
from tests.support.openai_exchanges import RESPONSE_STREAM

DIALECT = OpenAIResponses()
UPSTREAM = Upstream("openai", "openai", "https://api.openai.com/v1", key=Secret("sk-up"))
SMALL: dict[str, Any] = {"model": "gpt-5.1", "input": "Hello"}


def understood(members: dict[str, Any], path: str = "/v1/responses") -> Ask:
    match = DIALECT.match("POST", path)
    assert match is not None
    return DIALECT.understand(match, json.dumps(members).encode(), "", {})


def test_a_request_is_understood() -> None:
    ask = understood(SMALL | {"instructions": "Be kind", "stream": True, "max_output_tokens": 64})
    assert (ask.model, ask.stream, ask.max_output, ask.usage_asked) == ("gpt-5.1", True, 64, True)
    assert (ask.features.texts, ask.features.messages) == (("Be kind", "Hello"), 1)


def test_items_are_read_in_their_order() -> None:
    items = [
        {"role": "user", "content": "one"},
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "two"}, {"type": "input_image"}],
        },
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "three"}], "encrypted_content": "A" * 400},
        {"type": "function_call", "name": "look", "arguments": "{}", "call_id": "c"},
        {"type": "function_call_output", "call_id": "c", "output": "four"},
        {"type": "custom_tool_call_output", "output": [{"type": "input_text", "text": "five"}]},
        {
            "type": "computer_call_output",
            "output": {"type": "computer_screenshot", "image_url": "data:image/png;base64,A"},
        },
        {"type": "item_reference", "id": "x"},
    ]
    tools = [{"type": "function", "name": "look", "parameters": {}}, {"type": "web_search"}]
    ask = understood(SMALL | {"input": items, "tools": tools, "text": {"format": {"type": "text"}}})
    assert ask.features.texts == ("one", "two", "three", "look", "{}", "four", "five")
    assert ask.features.text_bytes == sum(map(len, ask.features.texts)) + 300
    assert (ask.features.images, ask.features.messages, ask.tools) == (2, 8, ("look", "web_search"))
    assert ask.features.tools_bytes == len(json.dumps(tools, separators=(",", ":"))) + len('{"type":"text"}')


@pytest.mark.parametrize(
    ("name", "value"),
    [("model", None), ("stream", 1), ("max_output_tokens", 0), ("input", 7), ("input", ["x"]), ("tools", "x")],
)
def test_members_of_other_types_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(errors.BadRequest) as refused:
        understood(SMALL | {name: value})
    assert refused.value.param == name


def test_nothing_is_edited_that_need_not_be() -> None:
    ask = understood(SMALL | {"stream": True, "max_output_tokens": 64})
    out = DIALECT.outgoing(ask, UPSTREAM, ask.model, 64)
    assert out.body is ask.body
    assert (out.target, out.edits, out.strip_usage) == ("/responses", (), False)


def test_model_and_ceiling_are_edited_by_name() -> None:
    for members in (SMALL, SMALL | {"max_output_tokens": 64}):
        out = DIALECT.outgoing(understood(members), UPSTREAM, "other", 10)
        assert json.loads(out.body) == {"model": "other", "input": "Hello", "max_output_tokens": 10}
        assert sorted(out.edits) == ["max_output_tokens", "model"]


def test_a_compaction_has_no_ceiling() -> None:
    ask = understood(SMALL, "/v1/responses/compact")
    out = DIALECT.outgoing(ask, UPSTREAM, ask.model, 10)
    assert (out.target, out.body is ask.body) == ("/responses/compact", True)


def test_openais_sdk_raises_on_a_refusal_and_on_the_event_that_ends_a_broken_stream() -> None:
    http = client(429, DIALECT.error_body(errors.QuotaSpent("Spent."), "r-1"))
    sdk = openai.OpenAI(api_key="k", base_url="http://h/v1", http_client=http, max_retries=0)
    with pytest.raises(openai.RateLimitError, match="Spent"):
        sdk.responses.create(model="m", input="x")
    event = DIALECT.error_event(errors.UpstreamFailed("The upstream broke off."), "r-1")
    http = client(200, "\n".join(RESPONSE_STREAM[3:6]).encode() + b"\n" + event, "text/event-stream")
    sdk = openai.OpenAI(api_key="k", base_url="http://h/v1", http_client=http, max_retries=0)
    stream = sdk.responses.create(model="m", input="x", stream=True)
    assert next(stream).type == "response.reasoning_summary_text.delta"
    with pytest.raises(openai.APIError, match="broke off"):
        next(stream)

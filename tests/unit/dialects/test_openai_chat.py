"""Requests and errors of chat completions and completions."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.openai_chat import OpenAIChat
from proxy.dialects.openai_chat_tap import ChatTap
from proxy.domain import errors
from proxy.domain.ask import Ask
from proxy.domain.upstream import Secret, Upstream
from tests.support.canned import client
from tests.support.openai_exchanges import chunk, said, sse

DIALECT = OpenAIChat()
CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
AZURE = "/openai/deployments/gpt-4o/chat/completions"
OPENAI = Upstream("openai", "openai", "https://api.openai.com/v1", key=Secret("sk-up"))
RESOURCE = Upstream("az", "openai", "https://r.openai.azure.com", auth_header="api-key", query=(("api-version", "1"),))
SMALL: dict[str, Any] = {"model": "gpt-5.1", "messages": [{"role": "user", "content": "Hello"}]}
ERRORS = [
    (errors.BadRequest("m"), openai.BadRequestError, "invalid_request_error", "invalid_request"),
    (errors.Unauthenticated("m"), openai.AuthenticationError, "invalid_request_error", "invalid_api_key"),
    (errors.ContentRefused("m"), openai.BadRequestError, "invalid_request_error", "content_policy_violation"),
    (errors.CapExceeded("m"), openai.BadRequestError, "invalid_request_error", "context_length_exceeded"),
    (errors.Forbidden("m"), openai.PermissionDeniedError, "permission_error", "policy_denied"),
    (errors.NotFound("m", code="model_not_found"), openai.NotFoundError, "invalid_request_error", "model_not_found"),
    (errors.TooLarge("m"), openai.APIStatusError, "invalid_request_error", "request_too_large"),
    (errors.Throttled("m"), openai.RateLimitError, "requests", "rate_limit_exceeded"),
    (errors.Throttled("m", param="tokens"), openai.RateLimitError, "tokens", "rate_limit_exceeded"),
    (errors.QuotaSpent("m"), openai.RateLimitError, "insufficient_quota", "insufficient_quota"),
    (errors.UpstreamFailed("m"), openai.InternalServerError, "server_error", "upstream_error"),
    (errors.Unavailable("m"), openai.InternalServerError, "server_error", "unavailable"),
]


def understood(members: dict[str, Any] | bytes, path: str = CHAT, **headers: str) -> Ask:
    match = DIALECT.match("POST", path)
    assert match is not None
    return DIALECT.understand(match, members if type(members) is bytes else json.dumps(members).encode(), "", headers)


def sent(
    members: dict[str, Any], upstream: Upstream = OPENAI, path: str = CHAT, **how: Any
) -> tuple[str, dict[str, Any]]:
    """Target and body of the request for an upstream."""
    ask = understood(members, path)
    out = DIALECT.outgoing(ask, upstream, how.pop("model", ask.model), **how)
    body: dict[str, Any] = json.loads(out.body)
    assert set(out.edits) == {name for name in body.keys() | members.keys() if body.get(name) != members.get(name)}
    return out.target, body


def test_a_request_is_understood() -> None:
    ask = understood(SMALL | {"n": 2, "max_completion_tokens": 64, "service_tier": "flex", "stream": True})
    assert (ask.model, ask.choices, ask.max_output, ask.service_tier) == ("gpt-5.1", 2, 64, "flex")
    assert (ask.stream, ask.usage_asked) == (True, False)
    assert (ask.features.texts, ask.features.text_bytes, ask.features.messages) == (("Hello",), 5, 1)


def test_texts_stand_in_the_order_of_reading() -> None:
    tools = [{"type": "function", "function": {"name": "look", "parameters": {}}}, {"type": "web_search"}]
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "four"}}
    parts = [
        {"type": "text", "text": "zwei ü"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "A" * 400, "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64," + "A" * 40}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]
    messages = [
        {"role": "system", "content": "one"},
        {"role": "user", "content": parts},
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "three",
            "tool_calls": [call, None],
            "refusal": None,
        },
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "five"}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "six"}]},
    ]
    ask = understood(SMALL | {"messages": messages, "tools": tools, "response_format": {"type": "json_object"}})
    read = ask.features
    assert read.texts == ("one", "zwei ü", "three", "look", "four", "five", "six")
    assert read.text_bytes == sum(len(text.encode()) for text in read.texts)
    assert (read.images, read.media_bytes, read.messages) == (1, 330, 5)
    assert ask.tools == ("look", "web_search")
    assert read.tools_bytes == len(json.dumps(tools, separators=(",", ":"))) + len('{"type":"json_object"}')


def test_no_prompt_shows_in_what_is_understood() -> None:
    assert "Hello" not in repr(understood(SMALL))


@pytest.mark.parametrize(
    ("prompt", "texts", "size", "prompts"),
    [
        ("one", ("one",), 3, 1),
        (["one", "two"], ("one", "two"), 6, 2),
        ([1, 2, 3], (" the the the",), 12, 1),
        ([[1, 2], [3]], (" the the", " the"), 12, 2),
        ([7] * 100_000, (" the" * 16_384,), 400_000, 1),
    ],
)
def test_prompts_of_completions_are_counted_each(prompt: Any, texts: tuple[str, ...], size: int, prompts: int) -> None:
    ask = understood({"model": "m", "prompt": prompt, "n": 2, "best_of": 3, "max_tokens": 0}, COMPLETIONS)
    assert ask.features.texts == texts
    assert (ask.features.text_bytes, ask.choices, ask.max_output) == (size, 3 * prompts, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", 7),
        ("model", ""),
        ("stream", "true"),
        ("max_tokens", "10"),
        ("max_tokens", -1),
        ("max_completion_tokens", 1.5),
        ("n", 0),
        ("n", True),
        ("stream_options", []),
        ("messages", "Hello"),
        ("messages", ["Hello"]),
        ("tools", {}),
        ("service_tier", 1),
    ],
)
def test_members_of_other_types_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(errors.BadRequest) as refused:
        understood(SMALL | {name: value})
    assert refused.value.param == name


def test_unknown_members_and_parts_are_the_upstreams_business() -> None:
    strange = [
        {"role": "user", "content": [{"type": "hologram", "data": 1}, {"type": []}, 7, None]},
        {"role": 7, "content": 7},
    ]
    assert understood(SMALL | {"messages": strange, "top_k": "?", "tools": [None, 7, {}]}).features.texts == ()


def test_an_agents_session_is_recognised() -> None:
    assert understood(SMALL, session_id="s-1").session == "s-1"
    assert understood(SMALL | {"client_metadata": {"session_id": "s-2"}}).session == "s-2"
    assert understood(SMALL | {"prompt_cache_key": "s-3", "user": "u"}).session == "s-3"
    assert understood(SMALL | {"prompt_cache_key": "a\nb"}).session is None
    assert understood(SMALL | {"prompt_cache_key": "x" * 1000}).session is None
    assert understood(SMALL | {"user": "u"}).session is None


def test_the_path_names_the_model_of_azures_callers() -> None:
    ask = understood({"messages": []}, "/openai/deployments/gpt%2D4o/chat/completions")
    assert (ask.model, ask.endpoint.path) == ("gpt-4o", "/openai/deployments/{model}/chat/completions")


def test_a_body_that_needs_no_edit_is_forwarded_as_the_same_object() -> None:
    for more in ({}, {"stream": True, "stream_options": {"include_usage": True}}, {"max_tokens": 5}):
        ask = understood(SMALL | more)
        out = DIALECT.outgoing(ask, OPENAI, ask.model, 10 if "max_tokens" in more else None)
        assert out.body is ask.body
        assert (out.target, out.edits, out.strip_usage) == ("/chat/completions", (), False)


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({}, {"include_usage": True}),
        ({"stream_options": None}, {"include_usage": True}),
        ({"stream_options": {}}, {"include_usage": True}),
        ({"stream_options": {"include_usage": False}}, {"include_usage": True}),
        ({"stream_options": {"x": [1]}}, {"x": [1], "include_usage": True}),
    ],
)
def test_a_stream_is_asked_for_usage_where_the_caller_did_not(options: dict[str, Any], asked: dict[str, Any]) -> None:
    for path, members in ((CHAT, SMALL), (COMPLETIONS, {"model": "m", "prompt": "p"})):
        ask = understood(members | {"stream": True} | options, path)
        out = DIALECT.outgoing(ask, OPENAI, ask.model)
        assert json.loads(out.body) == members | {"stream": True, "stream_options": asked}
        assert (out.edits, out.strip_usage) == (("stream_options",), True)


@pytest.mark.parametrize("how", ["native", "never"])
def test_an_upstream_that_needs_no_asking_is_not_asked(how: str) -> None:
    ask = understood(SMALL | {"stream": True})
    out = DIALECT.outgoing(ask, Upstream("m", "openai", "http://h/v1", stream_usage=how), ask.model)
    assert out.body is ask.body
    assert out.strip_usage is False


def test_ceilings_are_lowered_where_they_stand_and_added_under_the_right_name() -> None:
    mistral = Upstream("mistral", "openai", "https://api.mistral.ai/v1", prices_from="mistral")
    assert sent(SMALL | {"max_tokens": 50}, max_output=10)[1]["max_tokens"] == 10
    assert sent(SMALL | {"max_completion_tokens": 50}, max_output=10)[1]["max_completion_tokens"] == 10
    assert sent(SMALL | {"max_tokens": None}, max_output=10)[1] == SMALL | {
        "max_tokens": None,
        "max_completion_tokens": 10,
    }
    assert sent(SMALL, max_output=10)[1]["max_completion_tokens"] == 10
    assert sent(SMALL, mistral, max_output=10)[1]["max_tokens"] == 10
    assert sent({"model": "m", "prompt": "p"}, path=COMPLETIONS, max_output=10)[1]["max_tokens"] == 10


def test_of_two_ceilings_the_lower_counts_and_both_are_kept_to() -> None:
    both = SMALL | {"max_tokens": 50, "max_completion_tokens": 40}
    assert understood(both).max_output == 40
    assert sent(both, max_output=45)[1] == both
    body = sent(both, max_output=10)[1]
    assert (body["max_tokens"], body["max_completion_tokens"]) == (10, 10)


def test_the_model_is_renamed_and_every_other_byte_stays() -> None:
    ask = understood(b'{ "messages" : [ {"role":"user","content":"\\u00fc"} ],\n "model":"vllm/m" , "seed": 1e3}')
    out = DIALECT.outgoing(ask, OPENAI, "m")
    assert out.body == ask.body.replace(b"vllm/m", b"m")
    assert out.edits == ("model",)


def test_azure_gets_the_model_in_its_path_and_others_in_the_body() -> None:
    plain = SMALL | {"model": "gpt-4o"}
    bare = {"messages": SMALL["messages"]}
    inside = Upstream("az", "openai", "https://r.openai.azure.com/openai", query=(("api-version", "1"),))
    dated = Upstream("az", "openai", "https://r.openai.azure.com/openai/v1", query=(("api-version", "preview"),))
    assert sent(plain, RESOURCE) == ("/openai/deployments/gpt-4o/chat/completions?api-version=1", plain)
    assert sent(plain, inside) == ("/deployments/gpt-4o/chat/completions?api-version=1", plain)
    assert sent(plain, dated)[0] == "/chat/completions?api-version=preview"
    assert sent(bare, RESOURCE, AZURE) == ("/openai/deployments/gpt-4o/chat/completions?api-version=1", bare)
    assert sent(bare, OPENAI, AZURE) == ("/chat/completions", bare | {"model": "gpt-4o"})
    assert sent(plain, OPENAI, AZURE) == ("/chat/completions", plain)
    assert sent(plain, OPENAI, AZURE, model="other")[1]["model"] == "other"


def test_the_upstreams_key_goes_where_it_is_read() -> None:
    bare = Upstream("az", "openai", "https://h", key=Secret("k"), auth_header="Api-Key")
    assert DIALECT.credential(OPENAI) == (b"authorization", b"Bearer sk-up")
    assert DIALECT.credential(bare) == (b"api-key", b"k")
    assert DIALECT.credential(RESOURCE) is None


@given(st.text(min_size=1), st.integers(0, 10**6), st.booleans())
def test_any_name_of_a_model_survives_the_edit(model: str, ceiling: int, stream: bool) -> None:  # noqa: FBT001 - drawn
    ask = understood(SMALL | {"stream": stream, "max_tokens": 10**7})
    out = DIALECT.outgoing(ask, OPENAI, model, ceiling)
    body = json.loads(out.body)
    assert (body["model"], body["max_tokens"], body["messages"]) == (model, ceiling, SMALL["messages"])


@pytest.mark.parametrize(("error", "raised", "kind", "code"), ERRORS, ids=[type(one[0]).__name__ for one in ERRORS])
def test_openais_sdk_raises_what_the_table_says(
    error: errors.CallError, raised: type[openai.APIStatusError], kind: str, code: str
) -> None:
    error.policy = errors.PolicyNote("config/budget", "d_1", limit="$1.00")
    http = client(error.status, DIALECT.error_body(error, "r-1"))
    sdk = openai.OpenAI(api_key="k", base_url="http://h/v1", http_client=http, max_retries=0)
    with pytest.raises(raised) as told:
        sdk.chat.completions.create(model="m", messages=[])
    assert (told.value.type, told.value.code, told.value.status_code) == (kind, code, error.status)
    document = json.loads(DIALECT.error_body(error, "r-1"))
    assert document["policy"] == {"rule": "config/budget", "decision": "d_1", "limit": "$1.00"}
    assert document["request_id"] == "r-1"


def test_openais_sdk_raises_on_the_event_that_ends_a_broken_stream() -> None:
    begun = "\n".join(sse(chunk(said(content="Hi")))).encode()
    event = DIALECT.error_event(errors.UpstreamFailed("The upstream broke off."), "r-1")
    http = client(200, begun + event, "text/event-stream")
    sdk = openai.OpenAI(api_key="k", base_url="http://h/v1", http_client=http, max_retries=0)
    stream = sdk.chat.completions.create(model="m", messages=[], stream=True)
    assert next(stream).choices[0].delta.content == "Hi"
    with pytest.raises(openai.APIError, match="broke off"):
        next(stream)
    assert b"[DONE]" not in event
    tap = ChatTap()
    tap.feed(begun + event)
    assert tap.finish().complete is False

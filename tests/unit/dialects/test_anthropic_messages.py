"""Requests and errors in Anthropic's format."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.anthropic_messages import AnthropicMessages
from proxy.domain import errors
from proxy.domain.ask import Ask
from proxy.domain.upstream import Secret, Upstream
from tests.support.canned import client

DIALECT = AnthropicMessages()
UPSTREAM = Upstream("anthropic", "anthropic", "https://api.anthropic.com", key=Secret("sk-ant"))
SMALL = {"model": "claude-sonnet-5", "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}


def understood(members: dict[str, Any], path: str = "/v1/messages", query: str = "", **headers: str) -> Ask:
    match = DIALECT.match("POST", path)
    assert match is not None
    return DIALECT.understand(match, json.dumps(members).encode(), query, headers)


def test_a_request_is_understood() -> None:
    ask = understood(SMALL | {"stream": True, "service_tier": "auto"})
    assert (ask.model, ask.max_output, ask.stream, ask.service_tier) == ("claude-sonnet-5", 64, True, "auto")
    assert ask.features.texts == ("Hello",)
    assert ask.features.messages == 1


def test_texts_stand_in_the_order_of_reading() -> None:
    ask = understood(
        SMALL
        | {
            "system": [{"type": "text", "text": "S", "cache_control": {"type": "ephemeral"}}],
            "tools": [{"name": "look", "input_schema": {"type": "object"}}, {"type": "web_search_20250305"}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "one"}]},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "two", "signature": "zzz"},
                        {"type": "redacted_thinking", "data": "AAAA"},
                        {"type": "tool_use", "id": "t", "name": "look", "input": {"at": "three"}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "t", "content": "four"},
                        {
                            "type": "tool_result",
                            "content": [
                                {"type": "text", "text": "fünf"},
                                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "x"}},
                            ],
                        },
                        {"type": "document", "title": "six", "source": {"type": "text", "data": "seven"}},
                        {"type": "document", "source": {"type": "base64", "data": "A" * 400}},
                    ],
                },
            ],
        }
    )
    assert ask.features.texts == ("S", "one", "two", '{"at":"three"}', "four", "fünf", "six", "seven")
    assert ask.features.text_bytes == len("SonetwofourfünfsixsevenX".encode()) - 1 + len('{"at":"three"}') + 3
    assert (ask.features.messages, ask.features.images, ask.features.media_bytes) == (3, 1, 300)
    assert ask.features.tools_bytes == len(
        b'[{"name":"look","input_schema":{"type":"object"}},{"type":"web_search_20250305"}]'
    )
    assert ask.tools == ("look",)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": ""}, "model"),
        ({"model": 5}, "model"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"messages": {}}, "messages"),
        ({"service_tier": 1}, "service_tier"),
    ],
)
def test_a_wrong_type_is_refused_and_named(members: dict[str, Any], param: str) -> None:
    with pytest.raises(errors.BadRequest) as caught:
        understood(SMALL | members)
    assert caught.value.param == param


def test_a_missing_ceiling_is_left_to_the_upstream() -> None:
    ask = understood({"model": "claude-sonnet-5", "messages": []})
    assert ask.max_output is None
    assert DIALECT.outgoing(ask, UPSTREAM, "claude-sonnet-5").body is ask.body


def test_a_ceiling_of_zero_fills_the_cache() -> None:
    assert understood(SMALL | {"max_tokens": 0}).max_output == 0


@pytest.mark.parametrize(
    "user",
    [
        "user_1f_account_2b_session_0196a1f2-1111-7222-8333-444444444444",
        '{"device_id":"d","session_id":"0196a1f2-1111-7222-8333-444444444444"}',
    ],
)
def test_the_session_of_claude_code_is_found(user: str) -> None:
    ask = understood(SMALL | {"metadata": {"user_id": user}})
    assert ask.session == "0196a1f2-1111-7222-8333-444444444444"


def test_a_session_header_wins() -> None:
    headers = {"x-claude-code-session-id": "s-1"}
    match = DIALECT.match("POST", "/v1/messages")
    assert match is not None
    assert DIALECT.understand(match, json.dumps(SMALL).encode(), "", headers).session == "s-1"


def test_only_known_parts_of_the_query_go_on() -> None:
    ask = understood(SMALL, query="beta=true&key=secret&%6bey=secret")
    assert DIALECT.outgoing(ask, UPSTREAM, ask.model).target == "/v1/messages?beta=true"


def test_nothing_to_edit_forwards_the_same_bytes() -> None:
    ask = understood(SMALL)
    sent = DIALECT.outgoing(ask, UPSTREAM, ask.model, max_output=64)
    assert sent.body is ask.body
    assert (sent.target, sent.edits) == ("/v1/messages", ())


@given(before=st.text(max_size=20), spaces=st.text(" \t\n\r", max_size=3))
def test_an_edit_changes_only_its_member(before: str, spaces: str) -> None:
    text = (
        f'{{"metadata":{json.dumps({"model": before})},{spaces}"model":{spaces}"a" , "max_tokens":900,"messages":[]}}'
    )
    match = DIALECT.match("POST", "/v1/messages")
    assert match is not None
    ask = DIALECT.understand(match, text.encode(), "", {})
    sent = DIALECT.outgoing(ask, UPSTREAM, "claude-b", max_output=100)
    assert sent.body == text.replace('"a" ,', '"claude-b" ,').replace(":900,", ":100,").encode()
    assert sent.edits == ("model", "max_tokens")


def test_counting_tokens_is_free_and_gets_no_ceiling() -> None:
    ask = understood(SMALL, "/v1/messages/count_tokens")
    assert not ask.endpoint.metered
    assert DIALECT.outgoing(ask, UPSTREAM, ask.model, max_output=1).body is ask.body


def test_the_key_goes_where_the_upstream_wants_it() -> None:
    def sent(**more: Any) -> tuple[bytes, bytes] | None:
        return DIALECT.credential(Upstream("a", "anthropic", "https://a", **more))

    key = Secret("sk-ant")
    assert sent(key=key) == (b"x-api-key", b"sk-ant")
    assert sent(key=key, auth_header="Authorization") == (b"authorization", b"Bearer sk-ant")
    assert sent(key=key, auth_header="api-key") == (b"api-key", b"sk-ant")
    assert sent() is None


def test_other_paths_are_not_ours() -> None:
    assert DIALECT.match("GET", "/v1/messages") is None
    assert DIALECT.match("POST", "/v1/messages/batches") is None


NOTE = errors.PolicyNote("config/budget", "d_1", limit="$100.00")
REFUSALS = [
    (errors.BadRequest("x"), "invalid_request_error", anthropic.BadRequestError),
    (errors.Unauthenticated("x"), "authentication_error", anthropic.AuthenticationError),
    (errors.ContentRefused("x"), "invalid_request_error", anthropic.BadRequestError),
    (errors.Forbidden("x", policy=NOTE), "permission_error", anthropic.PermissionDeniedError),
    (errors.NotFound("x"), "not_found_error", anthropic.NotFoundError),
    (errors.TooLarge("x"), "request_too_large", anthropic.APIStatusError),
    (errors.Throttled("x", retry_after_s=2), "rate_limit_error", anthropic.RateLimitError),
    (errors.QuotaSpent("x"), "rate_limit_error", anthropic.RateLimitError),
    (errors.UpstreamFailed("x"), "api_error", anthropic.InternalServerError),
    (errors.UpstreamTimedOut("x"), "api_error", anthropic.InternalServerError),
    (errors.Unavailable("x"), "overloaded_error", anthropic.InternalServerError),
]


def raised(status: int, content: bytes, content_type: str = "application/json") -> anthropic.APIStatusError:
    """What the SDK raises for an answer."""
    with client(status, content, content_type) as wire:
        sdk = anthropic.Anthropic(api_key="k", http_client=wire, max_retries=0)
        with pytest.raises(anthropic.APIStatusError) as caught:
            list(sdk.messages.create(model="m", max_tokens=1, messages=[], stream=True))
    return caught.value


@pytest.mark.parametrize(("error", "kind", "expected"), REFUSALS, ids=lambda value: type(value).__name__)
def test_the_sdk_raises_the_right_error(
    error: errors.CallError, kind: str, expected: type[anthropic.APIStatusError]
) -> None:
    told = raised(error.status, DIALECT.error_body(error, "r-1"))
    assert isinstance(told, expected)
    assert isinstance(told.body, dict)
    assert told.body["error"] == {"type": kind, "message": "x"}
    assert told.body["request_id"] == "r-1"
    assert told.body.get("policy") == (
        {"rule": "config/budget", "decision": "d_1", "limit": "$100.00"} if error.policy else None
    )


def test_a_broken_stream_raises_in_the_sdk() -> None:
    start = b'event: ping\ndata: {"type": "ping"}\n\n'
    event = DIALECT.error_event(errors.UpstreamFailed("gone"), "r-1")
    assert "gone" in str(raised(200, start + event, "text/event-stream"))

"""What is taken off a request before its key is made, and what is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dedup.envelope import Sent, reduced
from tests.support.sent import APIS, SYSTEM, a_body, a_request, the_key, the_keys

OPENAI = ("openai.chat", "openai.responses")
INERT_HEADERS = [
    (b"accept", b"text/event-stream"),
    (b"User-Agent", b"OpenAI/Python 2.1"),
    (b"content-type", b"application/json; charset=utf-8"),
    (b"content-length", b"99"),
]
TOKENS = st.from_regex(rb"[a-z0-9]{1,8}", fullmatch=True)


@pytest.mark.parametrize("api", OPENAI)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stream", True),
        ("stream", False),
        ("stream_options", {"include_usage": True}),
        ("user", "ann"),
        ("metadata", {"run": "7"}),
        ("safety_identifier", "s_1"),
        ("prompt_cache_key", "k_1"),
        ("prompt_cache_retention", "24h"),
    ],
)
def test_who_asks_and_how_the_answer_is_delivered_is_inert_at_openai(api: str, name: str, value: Any) -> None:
    assert the_keys(a_request(api, a_body(api, **{name: value}))) == the_keys(a_request(api))


@pytest.mark.parametrize(
    ("api", "name", "value"),
    [
        ("anthropic.messages", "user", "ann"),
        ("anthropic.messages", "stream_options", {}),
        ("anthropic.messages", "prompt_cache_key", "k"),
        ("gemini.generate", "stream", True),
        ("gemini.generate", "metadata", {}),
        ("gemini.generate", "user", "ann"),
    ],
)
def test_what_another_format_defines_as_inert_is_in_the_key(api: str, name: str, value: Any) -> None:
    assert the_key(api, a_body(api, **{name: value})) != the_key(api, a_body(api))


def test_stream_and_metadata_are_inert_at_anthropic() -> None:
    body = a_body("anthropic.messages", stream=True, metadata={"user_id": "ann"})
    assert the_keys(a_request("anthropic.messages", body)) == the_keys(a_request("anthropic.messages"))


@pytest.mark.parametrize("api", APIS)
def test_inert_headers_are_not_in_the_key(api: str) -> None:
    assert the_keys(a_request(api, headers=INERT_HEADERS)) == the_keys(a_request(api))


@pytest.mark.parametrize("api", APIS)
@given(name=TOKENS, value=st.binary(max_size=8))
def test_any_other_header_is_in_the_key(api: str, name: bytes, value: bytes) -> None:
    headers = [*INERT_HEADERS, (b"anthropic-" + name, value)]
    assert the_keys(a_request(api, headers=headers)).digest != the_keys(a_request(api)).digest
    assert the_keys(a_request(api, headers=headers)).digest != the_keys(a_request(api, headers=headers * 2)).digest


def test_headers_count_by_name_and_in_the_order_of_one_name() -> None:
    one, two, other = (b"anthropic-beta", b"a"), (b"Anthropic-Beta", b"b"), (b"anthropic-version", b"2023-06-01")
    keys = [the_keys(a_request("openai.chat", headers=order)) for order in ([one, two, other], [other, one, two])]
    assert keys[0] == keys[1]
    assert the_keys(a_request("openai.chat", headers=[two, one, other])) != keys[0]
    assert the_keys(a_request("openai.chat", headers=[(b"a", b"b-c")])) != the_keys(
        a_request("openai.chat", headers=[(b"a-b", b"c")])
    )


@pytest.mark.parametrize(
    ("api", "name"),
    [
        ("openai.chat", "top_p"),
        ("openai.chat", "response_format"),
        ("openai.responses", "reasoning"),
        ("anthropic.messages", "stop_sequences"),
        ("gemini.generate", "toolConfig"),
    ],
)
def test_null_means_absent_where_the_format_defines_the_member(api: str, name: str) -> None:
    assert the_keys(a_request(api, a_body(api) | {name: None})) == the_keys(a_request(api))


@pytest.mark.parametrize("api", APIS)
def test_null_within_a_member_is_data(api: str) -> None:
    one: dict[str, Any] = {"x": {"default": None}}
    other: dict[str, Any] = {"x": {}}
    assert the_key(api, a_body(api, tools=[one])) != the_key(api, a_body(api, tools=[other]))


@pytest.mark.parametrize(
    ("api", "streamed", "whole"),
    [
        (
            "gemini.generate",
            "/v1beta/models/g:streamGenerateContent?alt=sse&prettyPrint=false",
            "/v1beta/models/g:generateContent",
        ),
        (
            "anthropic.messages",
            "/publishers/anthropic/models/c:streamRawPredict",
            "/publishers/anthropic/models/c:rawPredict",
        ),
    ],
)
def test_a_path_that_says_stream_says_nothing_of_the_answer(api: str, streamed: str, whole: str) -> None:
    assert the_keys(a_request(api, target=streamed)) == the_keys(a_request(api, target=whole))


@pytest.mark.parametrize("more", ["?alt=proto", "?api-version=2", "?alt=sse&api-version=2"])
def test_the_rest_of_a_query_is_in_the_key(more: str) -> None:
    one, other = (a_request("gemini.generate", target=f"/v1/models/g:generateContent{end}") for end in (more, ""))
    assert the_keys(one) != the_keys(other)


@pytest.mark.parametrize("api", APIS)
def test_beside_so_much_text_nothing_is_rewritten(api: str) -> None:
    asked = ("How is a sail set by its crew?", "how is a sail set by its crew?")
    for system, is_shared in (("Be kind. " * 3600, True), ("Be kind. " * 3700, False)):
        one, other = (the_key(api, a_body(api, question, system)) for question in asked)
        assert (one == other) == is_shared


def test_of_an_unknown_format_nothing_is_taken_off() -> None:
    body = {"stream": True, "x": None, "user": "ann"}
    request = reduced(Sent("cohere.chat", "/v2/chat", (), body))
    assert request.body == body
    assert request.turns.question is None


def test_a_reduced_request_prints_nothing_of_the_prompt() -> None:
    assert SYSTEM not in repr(reduced(a_request("openai.chat")))

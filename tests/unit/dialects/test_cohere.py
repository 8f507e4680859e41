"""Requests to Cohere: what is read of them, what is edited, and what is not served."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.cohere import Cohere
from proxy.dialects.cohere_usage import CohereEmbeddingsTap, CohereRankingTap
from proxy.domain.ask import Ask
from proxy.domain.errors import BadRequest, Forbidden, NotFound, UpstreamFailed
from proxy.domain.upstream import Secret, Upstream

DIALECT = Cohere()
UPSTREAM = Upstream("cohere", "cohere", "https://api.cohere.com", key=Secret("k"))
CHAT: dict[str, Any] = {"model": "command-a-03-2025", "messages": [{"role": "user", "content": "hi"}]}


def understood(members: dict[str, Any], path: str = "/v2/chat") -> Ask:
    match = DIALECT.match("POST", path)
    assert match is not None
    return DIALECT.understand(match, json.dumps(members).encode(), "", {})


def test_everything_that_a_model_reads_is_counted() -> None:
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "what"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]},
        {"role": "assistant", "tool_plan": "I look", "tool_calls": [{"function": {"name": "weather", "arguments": '{"city":"Köln"}'}}]},
        {"role": "tool", "tool_call_id": "t", "content": [{"type": "document", "document": {"data": {"text": "rain"}}}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "so"}]},
    ]  # fmt: skip
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    documents = [{"id": "d", "data": {"text": "a long report"}}, "a short one"]
    ask = understood({**CHAT, "messages": messages, "tools": tools, "documents": documents})
    joined = " ".join(ask.features.texts)
    for word in ("be brief", "what", "I look", "Köln", "rain", "hm", "so", "a long report", "a short one"):
        assert word in joined
    assert (ask.features.images, ask.features.messages, ask.tools, ask.features.unbounded) == (1, 5, ("weather",), "")


def test_a_picture_behind_a_link_has_no_bound() -> None:
    link = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    ask = understood({**CHAT, "messages": [{"role": "user", "content": [link]}]})
    assert (ask.features.images, ask.features.unbounded) == (1, "image_url")


def test_texts_pictures_and_mixtures_are_counted_before_they_are_embedded() -> None:
    data = "data:image/png;base64,aGk="
    mixed = [{"content": [{"type": "text", "text": "two"}, {"type": "image_url", "image_url": {"url": data}}]}]
    features = understood(
        {"model": "embed-v4.0", "texts": ["one"], "images": [data], "inputs": mixed}, "/v2/embed"
    ).features
    assert (features.texts, features.images, features.messages, features.unbounded) == (("one", "two"), 2, 3, "")


@pytest.mark.parametrize(("documents", "searches"), [(0, 1), (1, 1), (100, 1), (101, 2), (1_000, 10)])
def test_a_ranking_is_expected_to_cost_a_search_for_every_hundred_documents(documents: int, searches: int) -> None:
    ask = understood({"model": "rerank-v4.0-pro", "query": "q", "documents": ["d"] * documents}, "/v2/rerank")
    assert ask.searches == searches
    assert ask.features.unbounded == ("documents" if documents else "")  # long ones are billed as several


def test_streams_and_ceilings_are_those_of_chat_alone() -> None:
    ask = understood({**CHAT, "stream": True, "max_tokens": 7})
    assert (ask.stream, ask.max_output) == (True, 7)
    ask = understood({"model": "m", "texts": ["x"], "max_tokens": 7}, "/v2/embed")  # there it cuts the input
    assert (ask.stream, ask.max_output, ask.endpoint.generates) == (False, None, False)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"messages": []}, "model"),
        ({**CHAT, "messages": "hi"}, "messages"),
        ({**CHAT, "messages": [1]}, "messages"),
        ({**CHAT, "stream": 1}, "stream"),
        ({**CHAT, "max_tokens": 0}, "max_tokens"),
        ({**CHAT, "tools": {}}, "tools"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_its_name(members: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        understood(members)
    assert refused.value.param == param


def test_only_the_model_and_the_ceiling_are_edited() -> None:
    ask = understood(CHAT)
    assert DIALECT.outgoing(ask, UPSTREAM, ask.model).body is ask.body
    out = DIALECT.outgoing(ask, UPSTREAM, "other", 50)
    assert json.loads(out.body) == {**CHAT, "model": "other", "max_tokens": 50}
    assert (out.target, out.edits) == ("/v2/chat", ("model", "max_tokens"))
    dated = Upstream(
        "azure", "cohere", "https://r.services.ai.azure.com/providers/cohere", query=(("api-version", "1"),)
    )
    assert DIALECT.outgoing(ask, dated, ask.model).target == "/v2/chat?api-version=1"
    assert DIALECT.credential(UPSTREAM) == (b"authorization", b"Bearer k")


def test_each_operation_has_its_own_tap() -> None:
    assert isinstance(DIALECT.tap(understood({"model": "m", "texts": []}, "/v2/embed")), CohereEmbeddingsTap)
    assert isinstance(DIALECT.tap(understood({"model": "m", "query": "q"}, "/v2/rerank")), CohereRankingTap)


@pytest.mark.parametrize("path", ["/v1/chat", "/v1/embed", "/v1/rerank", "/v1/generate"])
def test_the_older_api_is_refused_with_the_newer_paths(path: str) -> None:
    with pytest.raises(NotFound, match="/v2/chat"):
        DIALECT.match("POST", path)


@pytest.mark.parametrize("path", ["/v1/check-api-key", "/v1/tokenize", "/v2/parse"])
def test_what_cannot_be_metered_or_is_the_companys_own_is_not_served(path: str) -> None:
    with pytest.raises(NotFound, match="is not served here"):
        DIALECT.match("POST", path)
    assert DIALECT.match("GET", "/v1/models") is None


def test_errors_are_messages_and_a_broken_stream_ends_as_cohere_ends_one() -> None:
    told = json.loads(DIALECT.error_body(Forbidden("No."), "r-1"))
    assert (told["message"], told["id"], told["code"]) == ("No.", "r-1", "policy_denied")
    event = DIALECT.error_event(UpstreamFailed("It broke."), "r-1")
    assert event.startswith(b"event: message-end\ndata: ")
    assert event.endswith(b"\n\n")
    delta = json.loads(event.partition(b"data: ")[2])["delta"]
    assert (delta["finish_reason"], delta["error"]) == ("ERROR", "It broke.")


WORDS = st.sampled_from(["messages", "content", "type", "text", "image_url", "url", "document", "documents", "texts", "images", "inputs",
                         "tools", "query", "tool_calls", "function", "thinking", "response_format"])  # fmt: skip
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=15,
)


@given(st.dictionaries(WORDS, TREES, max_size=5), st.sampled_from(["/v2/chat", "/v2/embed", "/v2/rerank"]))
def test_whatever_a_caller_sends_is_understood_or_refused(members: dict[str, Any], path: str) -> None:
    try:
        ask = understood({"model": "m", **members}, path)
    except BadRequest:
        return
    DIALECT.outgoing(ask, UPSTREAM, "other", 5)

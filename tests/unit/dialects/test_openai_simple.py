"""Embeddings and the list of models."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.dialects.openai_simple import OpenAISimple
from proxy.domain.ask import Ask
from proxy.domain.errors import BadRequest, NotFound
from proxy.domain.upstream import Upstream
from proxy.domain.usage import UsageSource

DIALECT = OpenAISimple()
UPSTREAM = Upstream("openai", "openai", "https://api.openai.com/v1")
AZURE = Upstream("az", "openai", "https://r.openai.azure.com", query=(("api-version", "1"),))


def understood(members: dict[str, Any], path: str = "/v1/embeddings") -> Ask:
    match = DIALECT.match("POST", path)
    assert match is not None
    return DIALECT.understand(match, json.dumps(members).encode(), "", {})


@pytest.mark.parametrize(
    ("given", "texts", "number"),
    [
        ("one", ("one",), 1),
        (["one", "two"], ("one", "two"), 2),
        ([1, 2], (" the the",), 1),
        ([[1], [2]], (" the",) * 2, 2),
    ],
)
def test_every_form_of_input_is_counted(given: Any, texts: tuple[str, ...], number: int) -> None:
    ask = understood({"model": "m", "input": given})
    assert (ask.features.texts, ask.features.messages) == (texts, number)
    assert (ask.endpoint.generates, ask.endpoint.metered) == (False, True)


def test_other_input_is_refused() -> None:
    with pytest.raises(BadRequest) as refused:
        understood({"model": "m", "input": 7})
    assert refused.value.param == "input"


def test_embeddings_have_no_output_and_the_total_may_stand_alone() -> None:
    tap = DIALECT.tap(understood({"model": "m", "input": "x"}))
    tap.body(b'{"object":"list","data":[],"model":"voyage-3","usage":{"total_tokens":4}}')
    read = tap.finish()
    assert (read.input, read.output, read.total_reported, read.model) == (4, 0, 4, "voyage-3")
    assert (read.complete, read.usage_source, read.cached_read) == (True, UsageSource.REPORTED, None)
    assert tap.relayed_text() == ""
    tap.body(b'{"error":{"message":"no"}}')
    assert (tap.finish().complete, tap.finish().usage_source) == (False, UsageSource.NONE)
    tap.body(b'{"data":[],"model":"m"}')
    assert (tap.finish().complete, tap.finish().input) == (True, None)


def test_targets_follow_the_upstream() -> None:
    ask = understood({"model": "m", "input": "x"})
    assert DIALECT.outgoing(ask, UPSTREAM, "m", 10).body is ask.body
    assert DIALECT.outgoing(ask, UPSTREAM, "m").target == "/embeddings"
    assert DIALECT.outgoing(ask, AZURE, "m").target == "/openai/deployments/m/embeddings?api-version=1"
    named = understood({"input": "x"}, "/openai/deployments/m/embeddings")
    assert json.loads(DIALECT.outgoing(named, UPSTREAM, "m").body) == {"input": "x", "model": "m"}


@pytest.mark.parametrize(
    ("path", "model", "target"),
    [("/v1/models", "", "/models"), ("/v1/models/meta%2Fllama", "meta/llama", "/models/meta%2Fllama")],
)
def test_models_are_asked_for_without_a_body_and_without_a_bill(path: str, model: str, target: str) -> None:
    match = DIALECT.match("GET", path)
    assert match is not None
    ask = DIALECT.understand(match, b"", "limit=5", {})
    assert (ask.model, ask.endpoint.metered) == (model, False)
    assert DIALECT.outgoing(ask, UPSTREAM, model).target == target
    tap = DIALECT.tap(ask)
    tap.body(b'{"object":"list","data":[{"id":"m"}]}')
    assert tap.finish().usage_source is UsageSource.NONE
    assert json.loads(DIALECT.error_body(NotFound("x"), "r"))["error"]["type"] == "invalid_request_error"

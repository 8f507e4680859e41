"""Paths to dialects."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects import DIALECTS, routes
from proxy.domain.upstream import Upstream


@pytest.mark.parametrize(
    ("method", "path", "name", "model"),
    [
        ("POST", "/v1/chat/completions", "openai_chat", None),
        ("POST", "/v1/completions", "openai_chat", None),
        ("POST", "/openai/deployments/gpt-4o/chat/completions", "openai_chat", "gpt-4o"),
        ("POST", "/openai/deployments/gpt-4o/completions", "openai_chat", "gpt-4o"),
        ("POST", "/openai/deployments/ada/embeddings", "openai_simple", "ada"),
        ("POST", "/v1/responses", "openai_responses", None),
        ("POST", "/v1/responses/compact", "openai_responses", None),
        ("POST", "/v1/embeddings", "openai_simple", None),
        ("GET", "/v1/models", "openai_simple", None),
        ("GET", "/v1/models/meta/llama", "openai_simple", "meta/llama"),
        ("POST", "/v1/messages", "anthropic_messages", None),
        ("POST", "/v1beta/models/gemini-3:generateContent", "gemini", "gemini-3"),
    ],
)
def test_a_path_leads_to_its_dialect(method: str, path: str, name: str, model: str | None) -> None:
    match = routes.find(method, path)
    assert match is not None
    assert (match.dialect.name, match.model, match.endpoint.method) == (name, model, method)


def test_every_endpoint_is_found_by_its_own_path() -> None:
    for dialect in DIALECTS:
        for endpoint in dialect.endpoints:
            match = routes.find(endpoint.method, endpoint.path.replace("{model}", "some-model"))
            assert match is not None
            assert match.endpoint.method == endpoint.method


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/chat/completions"),
        ("POST", "/v1/chat/completions/"),
        ("POST", "/v1/chat/completionsx"),
        ("POST", "/openai/deployments//chat/completions"),
        ("POST", "/"),
        ("POST", ""),
    ],
)
def test_other_paths_and_methods_lead_nowhere(method: str, path: str) -> None:
    assert routes.find(method, path) is None


def test_a_near_miss_is_answered_with_the_path_that_was_meant() -> None:
    assert routes.nearest("/chat/completions") == "/v1/chat/completions"
    assert routes.nearest("/v1/chat/completion") == "/v1/chat/completions"
    assert routes.nearest("/v1/v1/messages") == "/v1/messages"
    assert routes.nearest("/favicon.ico") is None


@pytest.mark.parametrize(
    ("path", "family"),
    [
        ("/v1/chat/completions", "openai"),
        ("/v1/messages?beta=true", "anthropic"),
        ("/v1/messages/batches", "anthropic"),
        ("/p/crm@PAY-12/v1/messages", "anthropic"),
        ("/v1beta/whatever", "gemini"),
        ("/p/crm/v1beta/models/x:y?key=z", "gemini"),
        ("/v1/whatever", "openai"),
        ("/", "openai"),
        ("", "openai"),
        ("/p/", "openai"),
    ],
)
def test_an_error_on_an_unknown_path_speaks_the_most_likely_dialect(path: str, family: str) -> None:
    assert routes.family_of(path).family == family


@given(st.text(), st.sampled_from(("/", "/p/", "/v1/", "/openai/deployments/", "/v1beta/models/")))
def test_no_path_raises(rest: str, start: str) -> None:
    routes.find("POST", start + rest)
    routes.nearest(start + rest)
    routes.family_of(start + rest)


@pytest.mark.parametrize(
    ("headers", "family"),
    [({}, "openai"), ({"anthropic-version": "2023-06-01"}, "anthropic"), ({"x-goog-api-key": "k"}, "gemini")],
)
@pytest.mark.parametrize(("path", "model"), [("/v1/models", None), ("/v1/models/some", "some")])
def test_models_are_listed_in_the_dialect_that_the_caller_speaks(
    headers: dict[str, str], family: str, path: str, model: str | None
) -> None:
    match = routes.find("GET", path, headers)
    assert match is not None
    assert (match.dialect.family, match.model, match.endpoint.metered) == (family, model, False)
    ask = match.dialect.understand(match, b"", "", headers)
    upstream = Upstream("u", family, "https://api.example")
    out = match.dialect.outgoing(ask, upstream, ask.model)
    assert (out.target, out.body) == (path.removeprefix("/v1") if family == "openai" else path, b"")


def test_headers_choose_nothing_where_a_path_has_one_dialect() -> None:
    match = routes.find("POST", "/v1/chat/completions", {"anthropic-version": "2023-06-01"})
    assert match is not None
    assert match.dialect.family == "openai"

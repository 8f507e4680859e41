"""Trials find an upstream for every model that a policy may name, and the endpoints that people name."""

from __future__ import annotations

import pytest

from proxy.app.trial.ground import Places, endpoint_at, usual_endpoint
from proxy.dialects import DIALECTS
from proxy.domain.upstream import Upstream
from proxy.metering.table import PriceTable

TABLE = PriceTable.load()
OWN = (
    Upstream("one", "openai", "http://one", models=("gpt-*", "llama")),
    Upstream("two", "openai", "http://two", models=("gpt-5.1",)),
    Upstream("cloud", "bedrock", "http://cloud", models=("claude-*",)),
)


def test_a_model_is_asked_of_the_upstream_that_the_walk_asks_first() -> None:
    places = Places(OWN, TABLE)
    assert [one.name for one in places.candidates("openai", "gpt-5.1")] == ["two", "one"]
    first = places.first("gpt-5.1")
    assert first is not None
    assert first.name == "two"


def test_a_named_provider_is_preferred_if_it_is_one() -> None:
    places = Places(OWN, TABLE)
    assert [one and one.name for one in (places.first("gpt-5.1", "one"), places.first("gpt-5.1", "nobody"))] == [
        "one",
        "two",
    ]


def test_what_no_upstream_serves_is_asked_of_whom_its_name_speaks_for() -> None:
    places = Places((), TABLE)
    for model, name, family in (
        ("gpt-5.1", "openai", "openai"),
        ("claude-sonnet-4-5", "anthropic", "anthropic"),
        ("gemini-2.5-pro", "google", "gemini"),
    ):
        found = places.first(model)
        assert found is not None
        assert (found.name, found.dialect) == (name, family)
        assert places.candidates(family, model) == (found,)
    assert places.first("nobody-s-model") is None


def test_a_model_that_is_served_elsewhere_is_not_made_up() -> None:
    """Claude is served by the cloud alone here: no route within Anthropic's dialect leads to it."""
    places = Places(OWN, TABLE)
    assert places.candidates("anthropic", "claude-sonnet-4-5") == ()
    assert [one.name for one in places.candidates("bedrock", "claude-sonnet-4-5")] == ["cloud"]


def test_an_upstream_of_a_provider_s_name_stands_in_for_it() -> None:
    own = Upstream("openai", "openai", "http://gateway", models=("gpt-*",), prices_from="openai")
    places = Places((own,), TABLE)
    assert places.first("o3-mini") == own
    assert [one for one in places.upstreams if one.name == "openai"] == [own]


@pytest.mark.parametrize("family", sorted({dialect.family for dialect in DIALECTS}))
def test_every_family_has_a_usual_endpoint(family: str) -> None:
    match = usual_endpoint(family)
    assert match.dialect.family == family
    assert match.endpoint.generates


@pytest.mark.parametrize(
    ("named", "api"),
    [
        ("/v1/responses", "openai.responses"),
        ("openai.embeddings", "openai.embeddings"),
        ("/v1beta/models/gemini-2.5-pro:generateContent", "gemini.generate"),
    ],
)
def test_an_endpoint_is_named_by_its_path_or_its_api(named: str, api: str) -> None:
    match = endpoint_at(named)
    assert match is not None
    assert match.endpoint.api == api


def test_paths_that_nobody_serves_are_none() -> None:
    assert endpoint_at("/v1/chat/completion") is None

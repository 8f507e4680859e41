"""What is priced and held before a call."""

from __future__ import annotations

import json

import msgspec
import pytest

from proxy.config.routes import Routes
from proxy.config.settings import Budget
from proxy.dialects import routes
from proxy.domain.ask import Ask, Features
from proxy.domain.decision import Reserve
from proxy.domain.errors import CapExceeded, Forbidden
from proxy.domain.upstream import PriceOverride, Upstream
from proxy.metering.prices import PriceBook
from proxy.metering.table import PriceTable
from proxy.policy.decide import Policy
from proxy.policy.rules.budget import BudgetRule
from proxy.steps.generation import Generation
from proxy.steps.planning import plan_of
from proxy.steps.visit import Plan
from tests.support.plans import ANN, make_call, make_visit, make_world

PRICED = (PriceOverride(rates=(("input", 1_000), ("output", 2_000), ("per_search", 1))),)
OPENAI = Upstream("openai", "openai", "https://api.openai.com/v1")


def planned(path: str = "/v1/chat/completions", upstream: Upstream = OPENAI, **changes: object) -> Plan:
    match = routes.find("POST", path)
    assert match is not None
    generation = Generation(
        "41c9e02",
        make_visit().generation.directory,
        Routes((upstream,)),
        PriceBook(PriceTable.load(), (upstream,)),
        Policy("41c9e02", ()),
    )
    ask = Ask(match.endpoint, "gpt-5.1", b"{}", features=Features(texts=("hi " * 500,), text_bytes=1500, messages=1))
    visit = make_visit(generation=generation, principal=ANN)
    return plan_of(make_world(), visit, make_call(), msgspec.structs.replace(ask, **changes), upstream, 1)


def test_what_is_held_is_priced_on_the_lane_that_the_caller_asks_for() -> None:
    standard, priority = planned().amounts, planned(service_tier="priority").amounts
    assert priority.expected_nusd == 2 * standard.expected_nusd
    assert priority.input_nusd == 2 * standard.input_nusd
    assert planned(service_tier="auto").amounts == standard


def test_half_a_price_is_refused_with_the_half_that_is_missing() -> None:
    half = msgspec.structs.replace(OPENAI, base_url="https://x.invalid", prices=(PriceOverride(rates=(("input", 1),)),))
    with pytest.raises(Forbidden, match=r"no price for output tokens at upstream 'openai'.*0 is a price") as refused:
        planned(upstream=half)
    assert refused.value.code == "model_unpriced"
    assert planned("/v1/embeddings", half).amounts.expected_nusd == 0


REMOTE = {"type": "image_url", "image_url": {"url": "https://x.example/secret.png"}}
INLINE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def planned_under_max(path: str, members: dict[str, object]) -> Plan:
    """The plan of a request whose budget holds the most that it can cost."""
    match = routes.find("POST", path)
    assert match is not None
    upstream = Upstream("u", match.dialect.family, "https://x.invalid", prices=PRICED)
    generation = Generation(
        "41c9e02",
        make_visit().generation.directory,
        Routes((upstream,)),
        PriceBook(PriceTable.load(), (upstream,)),
        Policy("41c9e02", (BudgetRule.of(Budget(10**9, "day", reserve=Reserve.MAX)),)),
    )
    ask = match.dialect.understand(match, json.dumps(members).encode(), "", {})
    return plan_of(make_world(), make_visit(generation=generation, principal=ANN), make_call(), ask, upstream, 1)


CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
OLLAMA, COHERE, RERANK, PICTURES = "/api/chat", "/v2/chat", "/v2/rerank", "/v1/images/generations"
GENERATE, INTERACTIONS = "/v1beta/models/m:generateContent", "/v1beta/interactions"


@pytest.mark.parametrize(
    ("path", "members", "name"),
    [
        (CHAT, {"messages": [{"role": "user", "content": [REMOTE]}]}, "image_url"),
        (
            CHAT,
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "secret"}}]}]},
            "file_id",
        ),
        (CHAT, {"web_search_options": {"user_location": "secret"}}, "web_search_options"),
        (CHAT, {"tools": [{"type": "browser_search"}]}, "tools"),
        (RESPONSES, {"previous_response_id": "secret"}, "previous_response_id"),
        (RESPONSES, {"conversation": {"id": "secret"}}, "conversation"),
        (RESPONSES, {"prompt": {"id": "secret"}}, "prompt"),
        (RESPONSES, {"tools": [{"type": "web_search"}]}, "tools"),
        (RESPONSES, {"input": [{"type": "item_reference", "id": "secret"}]}, "id"),
        (RESPONSES + "/compact", {"input": "hi"}, "takes no ceiling"),
        (MESSAGES, {"messages": [{"content": [{"type": "image", "source": {"type": "url", "url": "secret"}}]}]}, "url"),
        (MESSAGES, {"mcp_servers": [{"url": "secret"}]}, "mcp_servers"),
        (MESSAGES, {"container": "secret"}, "container"),
        (MESSAGES, {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools"),
        (GENERATE, {"cachedContent": "secret"}, "cachedContent"),
        (GENERATE, {"contents": [{"parts": [{"fileData": {"fileUri": "secret"}}]}]}, "fileUri"),
        (GENERATE, {"tools": [{"googleSearch": {}}]}, "tools"),
        (INTERACTIONS, {"previous_interaction_id": "secret"}, "previous_interaction_id"),
        (COHERE, {"messages": [{"role": "user", "content": [REMOTE]}]}, "image_url"),
        (RERANK, {"query": "secret", "documents": ["secret"]}, "documents"),
        (PICTURES, {"prompt": "secret"}, "takes no ceiling"),
    ],
)
def test_a_call_whose_most_cannot_be_known_is_refused_under_a_max_hold_by_the_name_of_the_cause(
    path: str, members: dict[str, object], name: str
) -> None:
    with pytest.raises(CapExceeded, match=name) as refused:
        planned_under_max(path, {"model": "m"} | members if path != GENERATE else members)
    assert refused.value.code == "ceiling_unknown"
    assert "secret" not in refused.value.message


@pytest.mark.parametrize(
    ("path", "members"),
    [
        (CHAT, {"messages": [{"role": "user", "content": [INLINE]}], "tools": [{"type": "function"}]}),
        (RESPONSES, {"input": "hi", "tools": [{"type": "custom", "name": "x"}]}),
        (MESSAGES, {"messages": [], "tools": [{"name": "x"}, {"type": "bash_20250124", "name": "bash"}]}),
        (GENERATE, {"tools": [{"functionDeclarations": []}]}),
        (INTERACTIONS, {"input": "hi", "tools": [{"type": "function", "name": "x"}]}),
        (OLLAMA, {"messages": [{"role": "user", "content": "hi", "images": ["aGk="]}]}),
        (COHERE, {"messages": [{"role": "user", "content": [INLINE]}], "documents": ["x"]}),
    ],
)
def test_what_can_be_measured_passes_a_max_hold(path: str, members: dict[str, object]) -> None:
    plan = planned_under_max(path, {"model": "m"} | members if path != GENERATE else members)
    assert plan.amounts.ceiling_nusd
    assert plan.max_output


def test_pictures_are_held_by_their_number_and_size_and_never_beyond_their_ceiling() -> None:
    asked: dict[str, object] = {"model": "gpt-image-1-mini", "prompt": "hat", "size": "1024x1024", "quality": "low"}
    one, three = (planned_under_max(PICTURES, asked | {"n": number}).amounts for number in (1, 3))
    assert three.expected_tokens - one.expected_tokens == 2 * 272
    assert three.ceiling_nusd is not None
    assert three.expected_nusd <= three.ceiling_nusd
    assert planned_under_max(PICTURES, asked).max_output is None  # nothing is written into the request


def test_a_picture_without_a_price_for_its_quality_is_refused_before_the_call() -> None:
    prices = (PriceOverride(rates=(("per_image", 40_000_000),), lanes=(("hd", 2_000_000),)),)
    sold = msgspec.structs.replace(OPENAI, base_url="https://x.invalid", prices=prices)
    plain, fine = (planned(PICTURES, sold, service_tier=lane, choices=2).amounts for lane in (None, "hd"))
    assert (plain.expected_nusd, fine.expected_nusd) == (80_000_000, 160_000_000)
    with pytest.raises(Forbidden, match="'hd 1024x1792'"):
        planned(PICTURES, sold, service_tier="hd 1024x1792")

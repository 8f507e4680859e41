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
from proxy.domain.errors import CallError, CapExceeded, Forbidden
from proxy.domain.upstream import PriceOverride, Upstream
from proxy.metering.prices import PriceBook
from proxy.metering.table import PriceTable
from proxy.policy.draws import draw
from proxy.policy.generation import Policy
from proxy.policy.rule import Mode, PolicySet, Rule
from proxy.policy.shorthand import budget_rule
from proxy.policy.terms import Cap, Deny, Models, Require, Route, Terms
from proxy.steps.generation import Generation
from proxy.steps.planning import plan_of
from proxy.steps.visit import Plan
from tests.support.plans import ANN, NOON_US, make_call, make_visit, make_world
from tests.support.rules import make_rule

PRICED = (PriceOverride(rates=(("input", 1_000), ("output", 2_000), ("per_search", 1))),)
OPENAI = Upstream("openai", "openai", "https://api.openai.com/v1")


def planned(path: str = "/v1/chat/completions", upstream: Upstream = OPENAI, *rules: Rule, **changes: object) -> Plan:
    match = routes.find("POST", path)
    assert match is not None
    generation = Generation(
        "41c9e02",
        make_visit().generation.directory,
        Routes((upstream,)),
        PriceBook(PriceTable.load(), (upstream,)),
        Policy(PolicySet("41c9e02", rules)),
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


def test_rules_are_asked_before_a_model_that_nobody_can_price_is_refused() -> None:
    priced = PriceOverride(match="gpt-5-mini", rates=(("input", 1_000), ("output", 2_000)))
    only_mini = msgspec.structs.replace(OPENAI, base_url="https://x.invalid", models=("gpt-*",), prices=(priced,))
    with pytest.raises(Forbidden, match="no price at upstream"):
        planned(upstream=only_mini)
    plan = planned(CHAT_PATH, only_mini, make_rule(Route((("openai", "gpt-5-mini"),))))
    assert (plan.model, plan.ask.model) == ("gpt-5-mini", "gpt-5.1")
    assert plan.amounts.expected_nusd
    half = msgspec.structs.replace(only_mini, prices=(msgspec.structs.replace(priced, match="gpt-5.1"),))
    with pytest.raises(Forbidden, match=r"gpt-5-mini. has no price"):
        planned(CHAT_PATH, half, make_rule(Route((("openai", "gpt-5-mini"),))))


CHAT_PATH = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("terms", "kind", "code"),
    [
        (Deny("No."), Forbidden, "policy_denied"),
        (Models(deny=("gpt-*",)), Forbidden, "policy_denied"),
        (Require(("purpose",)), CapExceeded, "tags_required"),
        (Cap(max_input_tokens=1), CapExceeded, "context_length_exceeded"),
    ],
)
def test_what_a_rule_refuses_is_told_in_its_row_of_the_refusals_table(
    terms: Terms, kind: type[CallError], code: str
) -> None:
    with pytest.raises(kind) as refused:
        planned(CHAT_PATH, OPENAI, make_rule(terms))
    assert refused.value.code == code
    note = refused.value.policy
    assert note
    assert (note.rule, note.decision, note.owner) == ("org/rule", "d_0196a1f2000000000000ff", "security@acme.example")


def test_a_rule_s_ceiling_is_written_into_the_request_and_no_more_is_held_than_it_lets_through() -> None:
    rule = make_rule(Cap(max_output_tokens=100, clamp=True))
    free, clamped = planned(max_output=900), planned(CHAT_PATH, OPENAI, rule, max_output=900)
    assert (free.max_output, clamped.max_output) == (None, 100)
    assert planned(CHAT_PATH, OPENAI, rule, max_output=50).max_output is None
    assert clamped.amounts.expected_tokens == free.amounts.expected_tokens - 800
    assert clamped.amounts.expected_nusd < free.amounts.expected_nusd
    assert (clamped.amounts.ceiling_nusd or 0) < (free.amounts.ceiling_nusd or 0)


def test_the_facts_of_a_row_name_nobody() -> None:
    assert b"ann" not in planned().facts_json


REMOTE = {"type": "image_url", "image_url": {"url": "https://x.example/secret.png"}}
INLINE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def planned_under_max(path: str, members: dict[str, object], mode: Mode = Mode.ENFORCE) -> Plan:
    """The plan of a request whose budget holds the most that it can cost."""
    rule = msgspec.structs.replace(budget_rule(Budget(10**9, "day", reserve=Reserve.MAX)), mode=mode)
    match = routes.find("POST", path)
    assert match is not None
    upstream = Upstream("u", match.dialect.family, "https://x.invalid", prices=PRICED)
    generation = Generation(
        "41c9e02",
        make_visit().generation.directory,
        Routes((upstream,)),
        PriceBook(PriceTable.load(), (upstream,)),
        Policy(PolicySet("41c9e02", (rule,))),
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


@pytest.mark.parametrize("mode", [Mode.AUDIT, Mode.WARN])
def test_a_max_hold_that_is_not_in_force_is_not_felt_and_draws_the_best_that_is_known(mode: Mode) -> None:
    unmeasured = planned_under_max(CHAT, {"model": "m", "messages": [{"role": "user", "content": [REMOTE]}]}, mode)
    assert unmeasured.max_output is None
    draws = [draw(wish, "acme", unmeasured.amounts, NOON_US).amount for wish in unmeasured.decision.obligations]
    assert draws == [unmeasured.amounts.expected_nusd]
    bounded = planned_under_max(CHAT, {"model": "m", "messages": [], "max_tokens": 700}, mode)
    draws = [draw(wish, "acme", bounded.amounts, NOON_US).amount for wish in bounded.decision.obligations]
    assert draws == [bounded.amounts.ceiling_nusd]
    assert bounded.max_output is None


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

"""``models``, ``require``, ``request``, ``deny``, ``route``, ``cache`` and ``inspect``, each alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.decision import Kind
from proxy.domain.trace import Said
from proxy.policy.decide import decide
from proxy.policy.terms import Cache, Cap, Deny, Inspect, Models, Require, Route
from tests.support.rules import FACTS, decided, facts, make_policy, make_rule, noted


def test_a_model_that_is_not_allowed_is_told_with_what_is_and_whom_to_ask() -> None:
    rule = make_rule(Models(allow=("gpt-5*", "claude-*"), deny=("*-preview",)), message="Ask in #ai.")
    decision = decided(rule, call=facts(model="gpt-5-preview"))
    (denial,) = decision.denials
    assert (denial.rule, denial.kind, denial.place, denial.owner) == (
        "org/rule", Kind.FORBIDDEN, "policies/org.yaml:7", "security@acme.example",
    )  # fmt: skip
    assert denial.message == (
        "The model 'gpt-5-preview' is not allowed: *-preview is denied. Allowed: gpt-5*, claude-*. Ask in #ai. "
        "Policy org/rule; ask security@acme.example."
    )
    assert denial.allowed == "gpt-5*, claude-*"


@pytest.mark.parametrize("model", ["GPT-5-Preview", "gpt-5-PREVIEW"])
def test_capitals_lead_around_no_ban(model: str) -> None:
    assert decided(make_rule(Models(deny=("*-preview",))), call=facts(model=model)).denials


def test_an_allow_list_is_taken_at_its_word_and_an_empty_one_allows_nothing() -> None:
    assert decided(make_rule(Models(allow=("gpt-*",))), call=facts(model="GPT-5.1")).denials
    assert decided(make_rule(Models(allow=()))).denials
    assert not decided(make_rule(Models())).denials


def test_all_missing_tags_are_named_with_the_header_that_carries_them() -> None:
    (denial,) = decided(make_rule(Require(("purpose", "suite")))).denials
    assert (denial.kind, denial.param) == (Kind.TAGS, "x-tally-tags")
    assert denial.message.startswith(
        "The call lacks the tags purpose, suite. Send the header x-tally-tags: purpose=…,suite=…."
    )
    call = facts(tags=(("purpose", "x"), ("suite", "y")))
    assert not decided(make_rule(Require(("purpose", "suite"))), call=call).denials


def test_a_tag_without_a_value_is_missing() -> None:
    assert decided(make_rule(Require(("purpose",))), call=facts(tags=(("purpose", ""),))).denials


def test_project_is_required_as_a_tag_or_as_an_attribution() -> None:
    rule = make_rule(Require(("project",)))
    assert not decided(rule).denials
    assert "/p/{project}" in decided(rule, call=facts(project=None)).reason
    assert not decided(rule, call=facts(project=None, tags=(("project", "crm"),))).denials


CLAMP, STRICT = Cap(max_output_tokens=100, clamp=True), Cap(max_output_tokens=100)


@pytest.mark.parametrize(
    ("terms", "asked", "choices", "clamp", "denied"),
    [
        (CLAMP, 100, 1, None, False),
        (CLAMP, 101, 1, 100, False),
        (CLAMP, None, 1, 100, False),
        (CLAMP, 100, 4, 25, False),
        (CLAMP, 25, 4, None, False),
        (CLAMP, 5, 1000, 1, False),
        (CLAMP, 2**70, 1, 100, False),
        (STRICT, 100, 1, None, False),
        (STRICT, 101, 1, None, True),
        (STRICT, None, 1, 100, False),
        (STRICT, 50, 3, None, True),
        (STRICT, None, 3, 33, False),
    ],
)
def test_the_output_of_all_choices_is_capped(
    terms: Cap, asked: int | None, choices: int, clamp: int | None, *, denied: bool
) -> None:
    decision = decided(make_rule(terms), call=facts(max_output=asked, choices=choices))
    assert (decision.max_output, bool(decision.denials)) == (clamp, denied)


@pytest.mark.parametrize("path", [{"generates": False}, {"clamps": False}])
@pytest.mark.parametrize("terms", [CLAMP, STRICT])
def test_where_no_ceiling_can_be_asked_for_none_is_exceeded(terms: Cap, path: dict[str, bool]) -> None:
    decision = decided(make_rule(terms), call=facts(**path))
    assert (decision.max_output, decision.denials) == (None, ())


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.booleans())
def test_input_is_never_cut_only_refused(most: int, tokens: int, clamp: bool) -> None:  # noqa: FBT001 - as drawn
    cap = Cap(max_input_tokens=most, max_output_tokens=10**9, clamp=clamp)
    decision = decided(make_rule(cap), call=facts(input_tokens=tokens))
    assert bool(decision.denials) == (tokens > most)
    if decision.denials:
        assert decision.denials[0].kind is Kind.CAP
        assert f"{most:,}" in decision.reason


def test_a_ban_says_its_reason_whom_to_ask_and_the_rule() -> None:
    decision = decided(make_rule(Deny("Long generations run at night."), message="See the wiki."))
    assert decision.reason == (
        "Long generations run at night. See the wiki. Policy org/rule; ask security@acme.example."
    )


def test_a_route_to_the_model_that_was_asked_for_is_none() -> None:
    decision = decided(make_rule(Route((("*", "gpt-5.1"),))))
    assert (decision.route, noted(decision).said) == (None, Said.OK)


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        (Route((("anthropic", "claude-haiku"),)), "It names no model for openai."),
        (Route((("*", "claude-haiku"),)), "It names claude-haiku, which no upstream serves in openai."),
    ],
)
def test_a_route_that_fits_no_dialect_refuses_and_says_so(terms: Route, why: str) -> None:
    policy = make_policy(make_rule(terms), serves=lambda _, model: model.startswith("gpt-"))
    decision = decide(FACTS, policy, "d_1")
    assert (decision.denied_by, decision.route) == ("org/rule", None)
    assert why in decision.reason
    assert decision.denials[0].owner == "security@acme.example"


def test_a_family_s_own_route_stands_before_that_for_all() -> None:
    decision = decided(make_rule(Route((("*", "any"), ("openai", "gpt-5-mini")))))
    assert decision.route
    assert decision.route.model == "gpt-5-mini"


def test_the_terms_of_the_cache_come_back_whole() -> None:
    terms = Cache("near", shadow=True, share="user", ttl_s=60.0, max_temperature=0.3, verify_millionths=7)
    decision = decided(make_rule(terms))
    reuse = decision.reuse
    assert reuse
    assert (reuse.rule, reuse.mode, reuse.shadow, reuse.share) == ("org/rule", "near", True, "user")
    assert (reuse.ttl_s, reuse.max_temperature, reuse.verify_millionths) == (60.0, 0.3, 7)
    assert noted(decision).detail == "near within the user, counted only"


def test_all_inspections_are_asked_for() -> None:
    decision = decided(
        make_rule(Inspect(("secrets",)), "org/a"),
        make_rule(Inspect(("pii.email",), ("prompt", "answer"), "redact", restore=True), "org/b"),
    )
    assert [(one.rule, one.then, one.restore, one.mode) for one in decision.inspections] == [
        ("org/a", "deny", False, "enforce"), ("org/b", "redact", True, "enforce"),
    ]  # fmt: skip
    assert noted(decision, "org/b").detail == "pii.email in the prompt and the answer: redact"

"""Rules that cannot stand together, and rules that nobody can fit."""

from __future__ import annotations

import pytest

from tests.support.policies import loaded, policy, refusal


def pair(one: str, other: str) -> str:
    return f"  - {{ name: a, {one} }}\n  - {{ name: b, {other} }}\n"


NEAR, OFF = "cache: { mode: near }", "cache: { mode: off }"
TEAM, USER, KEY = "match: { teams: growth }, ", "match: { users: ann@acme.example }, ", "match: { keys: key_1 }, "


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (NEAR, OFF),
        (TEAM + NEAR, TEAM + OFF),
        (TEAM + NEAR, "match: { teams: [growth, research] }, " + OFF),
        (USER + NEAR, USER + "when: request.stream, " + OFF),
        ("match: { groups: growth }, " + NEAR, "match: { groups: batch }, " + OFF),
        ("match: { models: gpt-5* }, " + NEAR, "match: { models: '*-mini' }, " + OFF),
        ("route: gpt-5-mini", "route: gpt-5"),
        ("mode: audit, route: gpt-5-mini", "mode: audit, route: gpt-5"),
        ("match: { projects: site }, " + NEAR, "match: { projects: [site, gateway] }, " + OFF),
        ("until: 2026-12-01, " + NEAR, "from: 2026-11-01, " + OFF),
    ],
)
def test_equally_specific_rules_with_different_values_are_refused_naming_both_lines(one: str, other: str) -> None:
    said = refusal(pair(one, other))
    assert "p.yaml:6:" in said
    assert "is as specific as p/a (p.yaml:5) and says otherwise" in said
    assert refusal(pair(other, one)).count("is as specific as") == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (NEAR, NEAR),
        (NEAR, TEAM + OFF),
        (TEAM + NEAR, USER + OFF),
        (USER + NEAR, KEY + OFF),
        (TEAM + NEAR, "match: { teams: research }, " + OFF),
        (USER + NEAR, "match: { users: rob@acme.example }, " + OFF),
        ("match: { projects: site }, " + NEAR, "match: { projects: gateway }, " + OFF),
        ("match: { models: gpt-5* }, " + NEAR, "match: { models: claude-* }, " + OFF),
        ("mode: audit, route: gpt-5-mini", "route: gpt-5"),
        ("until: 2026-11-01, " + NEAR, "from: 2026-11-01, " + OFF),
        ("deny: { reason: x }", "deny: { reason: y }"),
        ("budget: { limit: $1/day, per: user }", "budget: { limit: $2/day, per: user }"),
    ],
)
def test_what_is_equal_or_apart_or_decided_by_narrowness_stands_together(one: str, other: str) -> None:
    assert len(loaded({"p.yaml": policy(pair(one, other))}).policy.rules) == 2


@pytest.mark.parametrize(
    "match",
    [
        "{ projects: evals }",
        "{ users: rob@acme.example }",
        "{ keys: key_eval_01 }",
        "{ keys: key_1, users: rob@acme.example }",
        "{ users: ann@acme.example, groups: batch }",
        "{ keys: key_1, projects: gateway }",
        "{ teams: research }",
    ],
)
def test_a_rule_that_nobody_can_fit_is_refused(match: str) -> None:
    said = refusal(f"  - {{ name: a, deny: {{ reason: x }}, match: {match} }}\n", "match: { teams: growth }\n")
    assert "6:44: rules.0.match: can never apply" in said


def test_a_rule_for_models_that_its_policy_is_not_about_is_refused() -> None:
    rules = "  - { name: a, deny: { reason: x }, match: { models: claude-* } }\n"
    assert "can never apply" in refusal(rules, "match: { models: gpt-* }\n")


def test_a_rule_that_fits_its_policy_is_taken() -> None:
    rules = "  - { name: a, deny: { reason: x }, match: { keys: key_1, projects: site, groups: growth, models: '*-mini' } }\n"
    assert loaded({"p.yaml": policy(rules, "match: { teams: growth, models: gpt-5* }\n")}).warnings == ()

"""Which rules a replay asks, and which meters it holds."""

from __future__ import annotations

import pytest

from proxy.app.replay.bearing import bearing, is_felt
from proxy.policy.expr import compile_expression
from proxy.policy.rule import Mode, PolicySet, Rule
from proxy.policy.terms import Budget, Cache, Cap, Deny, Inspect, Pace, Parallel, Rate, Route, Terms
from tests.support.rules import FACTS, USD, facts, make_policy, make_rule

DAY = Budget(5 * USD, "day", "user")


def serves(_family: str, _model: str) -> bool:
    return True


def kept(*rules: Rule) -> list[str]:
    return [rule.id for rule in bearing(PolicySet("g1", rules), serves).said.rules]


@pytest.mark.parametrize("mode", [Mode.WARN, Mode.ENFORCE])
@pytest.mark.parametrize(
    "terms", [DAY, Cap(10), Deny("No."), Rate((Pace("requests", 1, 60),), "user"), Parallel(1, "user")]
)
def test_what_refuses_or_warns_is_asked(terms: Terms, mode: Mode) -> None:
    assert kept(make_rule(terms, mode=mode)) == ["org/rule"]


@pytest.mark.parametrize("terms", [Cap(10), Deny("No."), Route((("*", "x"),)), Parallel(1, "user")])
def test_a_rule_in_audit_is_not_asked(terms: Terms) -> None:
    assert kept(make_rule(terms, mode=Mode.AUDIT)) == []


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("terms", [Inspect(("secrets",)), Cache("near")])
def test_what_looks_at_prompts_or_answers_is_not_asked(terms: Terms, mode: Mode) -> None:
    assert kept(make_rule(terms, mode=mode)) == []


def test_a_budget_in_audit_tells_its_money_and_holds_nothing_back() -> None:
    audit, felt = make_rule(DAY, "a", mode=Mode.AUDIT), make_rule(DAY, "b")
    assert kept(audit, felt) == ["a", "b"]
    assert [(wish.rule, is_felt(wish)) for wish in make_policy(audit, felt).hears(FACTS).meters] == [
        ("a", False),
        ("b", True),
    ]


def test_conditions_see_the_facts_that_they_ask_for() -> None:
    ban = make_rule(Deny("No."), when=compile_expression("request.messages > 2"))
    shadow = make_rule(Deny("No."), "org/shadow", mode=Mode.AUDIT, when=compile_expression("request.stream"))
    policy = bearing(PolicySet("g1", (ban, shadow)), serves)
    assert [bool(policy.hears(facts(messages=count, stream=True)).denials) for count in (2, 3)] == [False, True]

"""Budgets seen from outside of a call."""

from __future__ import annotations

import msgspec
import pytest

from proxy.policy.budgets import around_scope, budget_named, budgets, unmet, wish_of
from proxy.policy.draws import meter_key
from proxy.policy.rule import PolicySet
from proxy.policy.saying import Ground
from tests.support.policies import NOW, loaded, policy
from tests.support.rules import USD

RULES = """\
  - name: person-day
    budget: { limit: { default: $15/day, "team:growth": $40/day }, per: user, grace: 10% }
  - name: growth-month
    match: { teams: [growth], models: ["gpt-*"] }
    budget: { limit: $500/month, per: team }
  - name: speed
    rate: { limit: 60 requests/min, per: user }
"""
EXEMPTION = """\
kind: Exemption
name: launch
owner: growth@acme.example
approved_by: sec@acme.example
reason: the launch
from: 2026-11-20
until: 2026-12-01
match: { teams: [growth] }
grant: { p/person-day: $5 }
"""
SOMEBODY = Ground("acme", "growth", "ann", "p_1", "", None, (), "", "")


def said(*files: str) -> PolicySet:
    return loaded({f"{n}.yaml": text for n, text in enumerate((policy(RULES), *files))}).policy


def test_budgets_are_those_rules_that_are_in_order() -> None:
    assert list(budgets(said())) == ["p/growth-month", "p/person-day"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("p/person-dya", "did you mean 'p/person-day'?"),
        ("person-day", "did you mean 'p/person-day'?"),
        ("p/speed", "p/speed is a rule of the kind `rate`, no budget; there are p/growth-month, p/person-day"),
        ("nonsense", "there are p/growth-month, p/person-day"),
    ],
)
def test_a_name_that_is_none_is_answered_with_the_nearest(name: str, words: str) -> None:
    with pytest.raises(ValueError, match="budget") as caught:
        budget_named(said(), name)
    assert words in str(caught.value)


def test_the_limit_is_that_of_the_row_with_what_files_grant() -> None:
    policies = said(EXEMPTION)
    rule = budgets(policies)["p/person-day"]
    theirs = wish_of(rule, SOMEBODY, policies.exemptions, NOW)
    assert (theirs.base, theirs.granted, theirs.limit, theirs.scope) == (45 * USD, 5 * USD, 49 * USD, "user:p_1")
    later = wish_of(rule, SOMEBODY, policies.exemptions, NOW + 90 * 86_400)
    assert (later.base, later.granted) == (40 * USD, 0)
    other = wish_of(rule, msgspec.structs.replace(SOMEBODY, team="research"), policies.exemptions, NOW)
    assert (other.base, other.granted) == (15 * USD, 0)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ""),
        ({"team": "research"}, "teams: growth"),
        ({"team": ""}, ""),
        ({"model": "GPT-5.1"}, ""),
        ({"model": "claude-x"}, "models: gpt-*"),
    ],
)
def test_only_what_is_known_keeps_anybody_out_of_a_match(changes: dict[str, str], told: str) -> None:
    rule = budgets(said())["p/growth-month"]
    assert unmet(rule, msgspec.structs.replace(SOMEBODY, **changes)) == told


def test_the_parts_of_a_key_around_the_scope_are_those_of_the_meters_key() -> None:
    policies = said()
    wish = wish_of(budgets(policies)["p/person-day"], SOMEBODY, (), NOW)
    before, behind = around_scope("acme", wish, "2026-11-23")
    assert before + wish.scope + behind == meter_key("acme", wish, "2026-11-23")

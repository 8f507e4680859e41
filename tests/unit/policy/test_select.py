"""Which rules are about a call, when, and who is exempt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.trace import Said
from proxy.policy.decide import decide
from proxy.policy.rule import Selector
from proxy.policy.terms import Deny, Parallel
from tests.support.rules import (
    DAY,
    FACTS,
    NOON,
    Condition,
    decided,
    facts,
    make_exemption,
    make_policy,
    make_rule,
    noted,
)

NO = Deny("No.")


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        (Selector(), True),
        (Selector(teams=frozenset({"growth", "x"})), True),
        (Selector(teams=frozenset({"x"})), False),
        (Selector(users=frozenset({"ann@acme.example"})), True),
        (Selector(users=frozenset({"p_ann"})), False),
        (Selector(keys=frozenset({"key_1"})), True),
        (Selector(keys=frozenset({"key_2"})), False),
        (Selector(projects=frozenset({"crm"})), True),
        (Selector(projects=frozenset({"site"})), False),
        (Selector(groups=frozenset({"batch", "growth"})), True),
        (Selector(groups=frozenset({"batch"})), False),
        (Selector(models=("claude-*", "gpt-5*")), True),
        (Selector(models=("claude-*",)), False),
        (Selector(models=("GPT-5*",)), True),
        (Selector(teams=frozenset({"growth"}), models=("claude-*",)), False),
        (Selector(keys=frozenset({"key_1"}), teams=frozenset({"x"})), False),
    ],
)
def test_every_part_that_is_there_must_fit(selector: Selector, *, fits: bool) -> None:
    assert bool(decided(make_rule(NO, match=(selector,))).denials) is fits
    assert bool(decided(make_rule(NO, match=(Selector(), selector))).denials) is fits


def test_the_policy_s_selector_and_the_rule_s_must_both_fit() -> None:
    team, key = Selector(teams=frozenset({"growth"})), Selector(keys=frozenset({"key_2"}))
    assert not decided(make_rule(NO, match=(team, key))).denials
    assert decided(make_rule(NO, match=(team, key)), call=facts(key="key_2")).denials


def test_nobody_without_a_project_or_name_fits_a_rule_for_some() -> None:
    match = (Selector(projects=frozenset({"crm"})),)
    assert not decided(make_rule(NO, match=match), call=facts(project=None)).denials
    assert not decided(make_rule(NO, match=(Selector(users=frozenset({"x"})),)), call=facts(user="")).denials


@pytest.mark.parametrize(
    ("since", "until", "holds"),
    [
        (None, None, True), (NOON, None, True), (NOON + 1, None, False), (None, NOON, False), (None, NOON + 1, True),
        (NOON - DAY, NOON + DAY, True),
    ],
)  # fmt: skip
def test_a_rule_holds_from_its_first_moment_until_before_its_last(
    since: float | None, until: float | None, *, holds: bool
) -> None:
    assert bool(decided(make_rule(NO, since=since, until=until)).denials) is holds


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=6))
def test_what_is_remembered_ends_with_the_window_of_the_rule(shifts: list[int]) -> None:
    policy = make_policy(make_rule(NO, since=NOON - 1, until=NOON + 2))
    for shift in shifts:
        assert bool(decide(facts(clock=NOON + shift), policy, "").denials) == (-1 <= shift < 2)


MINE = Selector(keys=frozenset({"key_1"}))


def test_an_exemption_lifts_the_rules_it_names_and_says_so() -> None:
    rules = (make_rule(NO), make_rule(NO, "org/other"), make_rule(Parallel(1, "org"), "org/meter"))
    lifted = make_exemption(MINE, lift=frozenset({"org/rule", "org/meter"}))
    decision = decided(*rules, exemptions=(lifted,))
    assert [denial.rule for denial in decision.denials] == ["org/other"]
    assert decision.obligations == ()
    assert (noted(decision).said, noted(decision, "org/meter").said) == (Said.LIFTED, Said.LIFTED)
    assert noted(decision).detail == "by eval-week (policies/exemptions/eval.yaml:1) until 2026-11-24 12:00 UTC"


def test_a_lifted_rule_s_condition_is_not_even_asked() -> None:
    condition = Condition(lambda _: True)
    lifted = make_exemption(MINE, lift=frozenset({"org/rule"}))
    assert not decided(make_rule(NO, when=condition), exemptions=(lifted,)).denials
    assert condition.asked == 0


@pytest.mark.parametrize(
    "exemption",
    [
        make_exemption(Selector(keys=frozenset({"key_2"})), lift=frozenset({"org/rule"})),
        make_exemption(MINE, lift=frozenset({"org/other"})),
        make_exemption(MINE, lift=frozenset({"org/rule"}), until=NOON),
        make_exemption(MINE, lift=frozenset({"org/rule"}), since=NOON + 1),
        make_exemption(Selector(models=("claude-*",)), lift=frozenset({"org/rule"})),
    ],
)
def test_an_exemption_of_others_of_other_rules_or_of_another_time_lifts_nothing(exemption: object) -> None:
    assert decided(make_rule(NO), exemptions=(exemption,)).denials  # type: ignore[arg-type]  # as parametrized


def test_an_exemption_ends_by_itself() -> None:
    policy = make_policy(make_rule(NO), exemptions=(make_exemption(MINE, lift=frozenset({"org/rule"})),))
    found = [bool(decide(facts(clock=NOON + shift), policy, "").denials) for shift in (0, DAY - 1, DAY, 2 * DAY)]
    assert found == [False, False, True, True]


def test_rules_of_others_are_not_even_looked_at() -> None:
    others = [make_rule(NO, f"org/{n}", match=(Selector(teams=frozenset({f"t{n}"})),)) for n in range(500)]
    decision = decide(FACTS, make_policy(*others, make_rule(NO)), "")
    assert [note.rule for note in decision.trace] == ["org/rule"]

"""The decision point."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.config.settings import Budget
from proxy.domain.decision import Reserve, StoreDown
from proxy.domain.meter import MeterKind, Unit
from proxy.policy.decide import Policy, decide
from proxy.policy.facts import Facts
from proxy.policy.rules.budget import BudgetRule

FACTS = Facts("growth", "gpt-5.1", "openai_chat", "/v1/chat/completions", "openai")
TERMS = Budget(
    100_000_000_000, "month", "Europe/Berlin", Reserve.MAX, 50_000, StoreDown("deny"), "finance", "org/month"
)


def test_a_policy_without_rules_lets_everything_pass_and_wants_nothing_held() -> None:
    decision = decide(FACTS, Policy("g1"), "d_1")
    assert (decision.id, decision.generation, decision.obligations, decision.denied_by) == ("d_1", "g1", (), "")


def test_a_budget_is_an_obligation_with_every_word_of_its_terms_and_grace_in_its_limit() -> None:
    (wish,) = decide(FACTS, Policy("g1", (BudgetRule.of(TERMS),)), "d_1").obligations
    assert (wish.rule, wish.kind, wish.unit, wish.scope) == ("org/month", MeterKind.BUDGET, Unit.NUSD, "org")
    assert (wish.limit, wish.period, wish.timezone) == (105_000_000_000, "month", "Europe/Berlin")
    assert (wish.reserve, wish.store_down, wish.owner, wish.enforce) == (
        Reserve.MAX, StoreDown("deny"), "finance", True,
    )  # fmt: skip


def test_every_rule_is_asked_and_none_is_preferred() -> None:
    rules = tuple(BudgetRule.of(Budget(limit, name=f"r{limit}")) for limit in (3, 1, 2))
    decision = decide(FACTS, Policy("g1", rules), "d_1")
    assert {wish.rule for wish in decision.obligations} == {"r1", "r2", "r3"}


@given(st.integers(0, 2**53), st.integers(0, 1_000_000))
def test_grace_widens_and_never_narrows(limit: int, grace: int) -> None:
    wish = BudgetRule.of(Budget(limit, grace_millionths=grace)).obligation(FACTS)
    assert limit <= wish.limit <= 2 * limit
    assert (wish.limit == limit) or grace


def test_the_same_facts_and_rules_give_the_same_decision() -> None:
    policy = Policy("g1", (BudgetRule.of(TERMS),))
    assert decide(FACTS, policy, "d_1") == decide(FACTS, policy, "d_1")


def test_facts_are_canonical_json_without_what_is_not_known() -> None:
    assert FACTS.canonical() == (
        b'{"team":"growth","model":"gpt-5.1","dialect":"openai_chat","endpoint":"/v1/chat/completions","upstream":"openai"}'
    )

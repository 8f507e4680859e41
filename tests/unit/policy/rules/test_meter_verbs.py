"""``budget``, ``rate`` and ``parallel``: what they ask to be held."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.decision import Obligation, Reserve, StoreDown
from proxy.domain.meter import MeterKind, Unit
from proxy.policy.decide import decide
from proxy.policy.draws import meter_key
from proxy.policy.rule import Rule, Selector
from proxy.policy.terms import Budget, Pace, Parallel, Rate, Terms
from tests.support.rules import NOON, USD, decided, facts, make_exemption, make_policy, make_rule, noted


def wish_of(terms: Terms, **changes: Any) -> Obligation:
    (wish,) = decided(make_rule(terms, **changes)).obligations
    return wish


@pytest.mark.parametrize(
    ("per", "scope"),
    [
        ("org", "org"), ("team", "team:growth"), ("user", "user:p_ann"), ("key", "key:key_1"),
        ("project", "project:crm"), ("model", "model:gpt-5.1"),
    ],
)  # fmt: skip
def test_every_scope_counts_by_itself_and_a_person_by_pseudonym(per: str, scope: str) -> None:
    for terms in (Budget(USD, "day", per), Rate((Pace("requests", 6, 60),), per), Parallel(3, per)):
        assert wish_of(terms).scope == scope


def test_calls_of_no_project_share_a_scope_that_no_project_has() -> None:
    (wish,) = decided(make_rule(Budget(USD, "day", "project")), call=facts(project=None)).obligations
    assert wish.scope == "project:"


def test_a_budget_says_everything_of_its_terms() -> None:
    terms = Budget(
        20 * USD, "month", "team", "Europe/Berlin", grace_millionths=100_000, warn_at=(500_000, 950_000),
        reserve=Reserve.MAX, on_outgrown="cut",
    )  # fmt: skip
    wish = wish_of(terms, store_down=StoreDown("deny"), message="Sorry.", owner="finance")
    assert (wish.kind, wish.unit, wish.limit, wish.base) == (MeterKind.BUDGET, Unit.NUSD, 22 * USD, 20 * USD)
    assert (wish.period, wish.timezone, wish.reserve) == ("month", "Europe/Berlin", Reserve.MAX)
    assert (wish.warn_at, wish.on_outgrown, wish.owner) == ((10 * USD, 19 * USD), "cut", "finance")
    assert (wish.store_down, wish.message, wish.place) == (StoreDown("deny"), "Sorry.", "policies/org.yaml:7")


def test_a_budget_that_only_warns_when_spent_refuses_nothing() -> None:
    wish = wish_of(Budget(USD, "day", "org", when_spent="warn"))
    assert (wish.enforce, wish.mode) == (False, "enforce")


TABLE = {"team:growth": 2, "user:ann@acme.example": 3, "project:crm": 4, "key:key_1": 5}


def test_grace_widens_the_row_and_grants_come_on_top() -> None:
    mine = Selector(users=frozenset({"ann@acme.example"}))
    terms = Budget(1, "day", "user", table={"team:growth": 100}, grace_millionths=100_000)
    grants = (
        make_exemption(mine, "a", grant=(("org/rule", 1000), ("org/else", 7))),
        make_exemption(mine, "b", grant=(("org/rule", 500),)),
        make_exemption(mine, "late", grant=(("org/rule", 1),), since=NOON + 1),
        make_exemption(Selector(keys=frozenset({"key_2"})), "not-mine", grant=(("org/rule", 1),)),
    )
    decision = decided(make_rule(terms), exemptions=grants)
    (wish,) = decision.obligations
    assert (wish.base, wish.limit, wish.granted, wish.row) == (1600, 1610, 1500, "team:growth")
    assert noted(decision).detail == "row team:growth, granted by a, b"


def test_no_limit_is_more_than_a_store_counts_exactly() -> None:
    mine = make_exemption(Selector(), grant=(("org/rule", 2**53),))
    (wish,) = decided(make_rule(Budget(2**53 - 1, "day", "org")), exemptions=(mine,)).obligations
    assert (wish.limit, wish.base) == (2**53 - 1, 2**53 - 1)


def test_every_pace_is_a_meter_of_its_own() -> None:
    terms = Rate((Pace("requests", 60, 60), Pace("requests", 600, 3600), Pace("tokens", 400_000, 60)), "user", 500_000)
    wishes = decided(make_rule(terms)).obligations
    assert [(wish.unit, wish.limit, wish.interval_us, wish.told) for wish in wishes] == [
        (Unit.REQUESTS, 30, 1_000_000, "60 requests/min"),
        (Unit.REQUESTS, 300, 6_000_000, "600 requests/hour"),
        (Unit.TOKENS, 200_000, 150, "400,000 tokens/min"),
    ]
    assert len({meter_key("acme", wish, "") for wish in wishes}) == 3


@given(st.integers(1, 10**12), st.sampled_from((1, 60, 3600, 86_400)), st.integers(1, 10**8))
def test_a_rate_is_never_faster_than_written_and_lets_something_pass(amount: int, span: int, burst: int) -> None:
    (wish,) = decided(make_rule(Rate((Pace("tokens", amount, span),), "org", burst))).obligations
    assert wish.interval_us * amount >= span * 1_000_000
    assert (wish.interval_us - 1) * amount < span * 1_000_000
    assert wish.limit == max(1, amount * burst // 1_000_000)


def test_a_parallel_limit_is_a_lease() -> None:
    wish = wish_of(Parallel(8, "key"))
    assert (wish.kind, wish.unit, wish.limit, wish.told) == (MeterKind.PARALLEL, Unit.CALLS, 8, "8 calls at a time")


def test_obligations_are_the_very_same_for_every_call_alike() -> None:
    rules: tuple[Rule, ...] = (make_rule(Parallel(8, "key")), make_rule(Budget(USD, "day", "org"), "org/b"))
    policy = make_policy(*rules)
    one, other = (decide(facts(input_tokens=tokens), policy, "").obligations for tokens in (1, 2))
    assert one is other

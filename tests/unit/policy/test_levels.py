"""What the store's answer means for the rules."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.decision import Obligation
from proxy.domain.meter import Draw, Level, MeterKind, Unit
from proxy.policy.levels import Reading, crossed, readings, reroute, tightest, warnings, widened
from tests.support.plans import BUDGET, RATE, make_hold, make_plan
from tests.support.rules import USD

DAY_BUDGET = msgspec.structs.replace(
    BUDGET, rule="org/day", limit=110 * USD, base=100 * USD, warn_at=(80 * USD, 95 * USD)
)


def read(wish: Obligation, level: int, amount: int = USD, *, over: bool = False) -> Reading:
    return Reading(wish, amount, Level(over, level))


def changed(**changes: object) -> Obligation:
    return msgspec.structs.replace(DAY_BUDGET, **changes)


@pytest.mark.parametrize(
    ("level", "text"),
    [
        (0, ""),
        (78, ""),
        (79, "org/day at 80%"),
        (98, "org/day at 99%"),
        (99, "org/day at 100%"),
        (100, "org/day is spent: $101.00 of $100.00 (grace to $110.00), now in its grace"),
    ],
)
def test_a_budget_warns_from_its_first_threshold_on_and_in_its_grace(level: int, text: str) -> None:
    assert [one.text for one in warnings([read(DAY_BUDGET, level * USD)])] == ([text] if text else [])


def test_a_budget_without_thresholds_warns_in_its_grace_only() -> None:
    quiet = changed(warn_at=())
    assert warnings([read(quiet, 99 * USD)]) == ()
    assert warnings([read(quiet, 100 * USD)])


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (changed(mode="warn", enforce=False), "org/day is spent: $111.00 of $100.00 (grace to $110.00)"),
        (changed(when_spent="warn", enforce=False), "org/day is spent: $111.00 of $100.00 (grace to $110.00)"),
        (
            msgspec.structs.replace(RATE, mode="warn", enforce=False, told="60 requests/min"),
            "org/rate is passed: it allows 60 requests/min",
        ),
        (changed(mode="audit", enforce=False), ""),
        (changed(when_spent="route", enforce=False), ""),  # the decision tells it, with the model
    ],
)
def test_who_passes_a_limit_that_does_not_refuse_is_told_unless_it_is_a_trial(wish: Obligation, told: str) -> None:
    assert [one.text for one in warnings([read(wish, 110 * USD, over=True)])] == ([told] if told else [])


ROUTE = changed(when_spent="route", route="gpt-5-mini")


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        ([read(ROUTE, 110 * USD, over=True), read(RATE, 0)], {"org/day"}),
        ([read(ROUTE, 110 * USD, over=True), read(RATE, 60, over=True)], set()),
        ([read(DAY_BUDGET, 110 * USD, over=True)], set()),
        ([read(ROUTE, 0)], set()),
        ([read(ROUTE, 110 * USD, over=True), read(changed(rule="x", enforce=False), 0, over=True)], {"org/day"}),
        ([], set()),
    ],
)
def test_a_call_gives_way_only_where_every_meter_without_room_sends_it_elsewhere(
    seen: list[Reading], found: set[str]
) -> None:
    assert reroute(seen) == found


@given(st.lists(st.integers(0, 60), min_size=1, max_size=20))
def test_a_threshold_is_crossed_once_on_the_way_up(amounts: list[int]) -> None:
    level = 0
    found: list[int] = []
    for amount in amounts:
        found += crossed(read(DAY_BUDGET, level * USD, amount * USD))
        level += amount
    assert found == [mark for mark in DAY_BUDGET.warn_at if level * USD >= mark]


def test_readings_put_together_what_stands_in_one_order() -> None:
    plan = make_plan(BUDGET, RATE)
    draws = make_hold(plan).draws
    seen = readings((BUDGET, RATE), draws, [Level(over=False, level=1), Level(over=True, level=2)])
    assert [(one.wish.rule, one.amount, one.level.level, one.after) for one in seen] == [
        ("config/budget", 5_000_000, 1, 5_000_001), ("org/rate", 1, 2, 3),
    ]  # fmt: skip
    assert readings((BUDGET,), draws, ()) == ()


def test_the_tightest_budget_is_the_one_with_the_least_share_left() -> None:
    other = changed(rule="org/month", limit=1000 * USD)
    seen = [read(other, 900 * USD), read(DAY_BUDGET, 50 * USD), read(changed(rule="x", enforce=False), 105 * USD)]
    assert tightest([*seen, Reading(RATE, 1, Level(over=False, level=59))]) == seen[0]
    assert tightest([]) is None
    assert RATE.kind is MeterKind.RATE
    assert RATE.unit is Unit.REQUESTS


def test_what_is_granted_by_command_widens_limit_and_thresholds_and_is_told() -> None:
    draws = [Draw("{acme}:m:day", MeterKind.BUDGET, Unit.NUSD, USD, DAY_BUDGET.limit)]
    (one,) = readings([DAY_BUDGET], draws, [Level(over=False, level=119 * USD, granted=50 * USD)])
    assert (one.wish.limit, one.wish.base, one.wish.granted) == (160 * USD, 150 * USD, 50 * USD)
    assert one.wish.warn_at == (120 * USD, 142_500_000_000)
    assert crossed(one) == (120 * USD,)
    graced = readings([DAY_BUDGET], draws, [Level(over=False, level=155 * USD, granted=50 * USD)])
    assert "of $150.00 ($50.00 of it granted, grace to $160.00)" in warnings(graced)[0].text


def test_a_budget_of_nothing_is_what_it_was_granted() -> None:
    nothing = widened(changed(limit=0, base=0, warn_at=(0,)), 5 * USD)
    assert (nothing.limit, nothing.base, nothing.granted) == (5 * USD, 5 * USD, 5 * USD)

"""What is left of a caller's limits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.config.settings import Budget
from proxy.policy.generation import Policy
from proxy.policy.rule import Mode, PolicySet, Selector
from proxy.policy.terms import Budget as Spend
from proxy.steps.limits import own_limits
from tests.support.plans import ANN, NoonMeters, make_world
from tests.support.rules import make_rule

TERMS = Budget(10_000_000_000, "day", "Europe/Berlin", grace_millionths=100_000)


async def test_a_budget_is_told_with_its_ceiling_what_is_left_and_when_it_resets() -> None:
    meters = NoonMeters(spent=3_000_000_000, reserved=1_000_000_000)
    (limit,) = await own_limits(make_world(meters=meters, budget=TERMS), ANN)
    assert (limit.rule, limit.scope, limit.timezone) == ("config/budget", "org", "Europe/Berlin")
    assert (limit.limit_nusd, limit.remaining_nusd) == (11_000_000_000, 7_000_000_000)
    assert limit.resets_at == "2026-11-24T00:00:00+01:00"
    assert meters.asked == ["{acme}:m:config/budget:nusd:org:2026-11-23"]


async def test_a_budget_that_is_overspent_has_nothing_left_and_no_debt() -> None:
    (limit,) = await own_limits(make_world(meters=NoonMeters(spent=10**12), budget=TERMS), ANN)
    assert limit.remaining_nusd == 0


@pytest.mark.parametrize(
    ("spent", "warning"),
    [(8_799_999_999, None), (8_800_000_000, "config/budget at 80%"), (10**12, "config/budget at 100%")],
)
async def test_a_budget_that_is_nearly_spent_warns(spent: int, warning: str | None) -> None:
    (limit,) = await own_limits(make_world(meters=NoonMeters(spent=spent), budget=TERMS), ANN)
    assert limit.warning == warning


async def test_while_the_store_is_away_nobody_knows_what_is_left() -> None:
    (limit,) = await own_limits(make_world(meters=NoonMeters(away=True), budget=TERMS), ANN)
    assert (limit.remaining_nusd, limit.warning) == (None, None)
    assert limit.limit_nusd == 11_000_000_000


async def test_without_a_rule_there_is_no_limit_and_nobody_is_asked() -> None:
    meters = NoonMeters()
    assert await own_limits(make_world(meters=meters), ANN) == []
    assert meters.asked == []


async def test_what_was_granted_by_command_is_part_of_limit_and_rest() -> None:
    meters = NoonMeters(spent=12_000_000_000, granted=5_000_000_000)
    (limit,) = await own_limits(make_world(meters=meters, budget=TERMS), ANN)
    assert (limit.limit_nusd, limit.remaining_nusd) == (16_000_000_000, 4_000_000_000)


async def test_budgets_about_some_models_are_told_and_those_in_audit_are_not() -> None:
    terms = Spend(10_000_000_000, "day", "user")
    some = make_rule(terms, "org/some", match=(Selector(models=("claude-*",)),))
    quiet = make_rule(terms, "org/quiet", mode=Mode.AUDIT)
    world = make_world()
    world.generation = replace(world.generation, policy=Policy(PolicySet("g", (some, quiet))))
    assert [(limit.rule, limit.mode) for limit in await own_limits(world, ANN)] == [("org/some", "enforce")]

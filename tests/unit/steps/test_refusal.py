"""A hold without room, in words."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.decision import Obligation
from proxy.domain.errors import QuotaSpent, Throttled, Unavailable
from proxy.domain.meter import HoldState, Level, Unit
from proxy.policy.amount_words import amount_text
from proxy.steps.refusal import refused_hold
from tests.support.plans import BUDGET, PARALLEL, RATE, TOKENS, held, make_hold, make_plan


def over(level: int, wait_us: int = 0) -> Level:
    return Level(over=True, level=level, wait_us=wait_us)


FINE = Level(over=False, level=1)


def test_a_spent_budget_is_told_with_rule_amounts_reset_and_owner() -> None:
    plan = make_plan(BUDGET)
    error = refused_hold(plan, make_hold(plan), held(over(99_998_000_000)))
    assert isinstance(error, QuotaSpent)
    assert error.message == (
        "The budget config/budget allows $100.00 per day and $100.00 of it is spent or held; this call would hold "
        "$0.005000 and $0.002000 is left. It resets at 2026-11-24T00:00:00+00:00. Ask finance@acme.example."
    )
    note = error.policy
    assert note is not None
    assert (note.rule, note.decision, note.limit, note.used) == ("config/budget", "d_7Kq2", "$100.00", "$100.00")
    assert (note.resets_at, note.owner) == ("2026-11-24T00:00:00+00:00", "finance@acme.example")
    assert error.retry_after_s is None


def test_a_budget_resets_in_its_own_time_zone() -> None:
    plan = make_plan(msgspec.structs.replace(BUDGET, timezone="Europe/Berlin", period="month"))
    error = refused_hold(plan, make_hold(plan), held(over(0)))
    assert error.policy is not None
    assert error.policy.resets_at == "2026-12-01T00:00:00+01:00"


def test_a_budget_for_ever_never_resets_and_says_nothing_of_it() -> None:
    plan = make_plan(msgspec.structs.replace(BUDGET, period="total", owner=""))
    error = refused_hold(plan, make_hold(plan), held(over(0)))
    assert "resets" not in error.message
    assert "Ask" not in error.message
    assert error.policy is not None
    assert (error.policy.resets_at, error.policy.owner) == (None, None)


@pytest.mark.parametrize(("wish", "rate"), [(RATE, "requests"), (TOKENS, "tokens")])
def test_a_short_wait_is_worth_trying_again_and_names_what_is_used_up(wish: object, rate: str) -> None:
    assert wish in (RATE, TOKENS)
    plan = make_plan(RATE if wish is RATE else TOKENS)
    error = refused_hold(plan, make_hold(plan), held(over(60, 2_400_000)))
    assert isinstance(error, Throttled)
    assert (error.retry_after_s, error.param) == (2.4, rate)
    assert error.message.endswith("Room in 3 s.")
    assert error.policy is not None
    assert error.policy.resets_at == "2026-11-23T12:00:02+00:00"


def test_whoever_waits_for_a_place_is_told_to_come_back_soon_and_given_no_time_that_nobody_knows() -> None:
    plan = make_plan(PARALLEL)
    error = refused_hold(plan, make_hold(plan), held(over(4, 1_000_000)))
    assert isinstance(error, Throttled)
    assert error.message.startswith("The limit org/parallel allows 4 calls at one time, and 4 run.")
    assert (error.retry_after_s, error.param) == (2.0, "requests")
    assert error.policy is not None
    assert error.policy.resets_at is None


@pytest.mark.parametrize("wish", [RATE, TOKENS, PARALLEL, BUDGET])
def test_the_rule_s_own_words_and_its_owner_end_every_refusal(wish: Obligation) -> None:
    told = {"message": "See the wiki.", "owner": "platform@acme.example", "told": "60 requests/min"}
    plan = make_plan(msgspec.structs.replace(wish, **told))
    error = refused_hold(plan, make_hold(plan), held(over(60, 2_400_000)))
    assert error.message.endswith(" See the wiki. Ask platform@acme.example.")
    assert error.policy is not None
    assert error.policy.owner == "platform@acme.example"
    if wish is RATE:
        assert error.message.startswith("The limit org/rate allows 60 requests/min; 60 are in use. Room in 3 s.")


@pytest.mark.parametrize("wait_us", [60_000_001, 3_600_000_000, -1])
def test_a_long_wait_is_not_worth_trying_again(wait_us: int) -> None:
    plan = make_plan(RATE)
    error = refused_hold(plan, make_hold(plan), held(over(60, wait_us)))
    assert isinstance(error, QuotaSpent)
    assert not error.retry
    assert "Room in" not in error.message


def test_the_first_enforced_meter_without_room_speaks() -> None:
    plan = make_plan(msgspec.structs.replace(RATE, enforce=False), PARALLEL, BUDGET)
    error = refused_hold(plan, make_hold(plan), held(over(60), over(4, 1_000_000), over(0)))
    assert error.policy is not None
    assert error.policy.rule == "org/parallel"


@pytest.mark.parametrize("state", [HoldState.STALE, HoldState.VOID])
def test_a_hold_that_could_not_be_taken_at_all_is_no_verdict(state: HoldState) -> None:
    plan = make_plan(BUDGET)
    error = refused_hold(plan, make_hold(plan), held(state=state))
    assert isinstance(error, Unavailable)
    assert (error.retry, error.retry_after_s, error.policy) == (True, 1.0, None)


def test_a_refusal_that_no_enforced_meter_explains_is_no_verdict_either() -> None:
    plan = make_plan(BUDGET)
    assert isinstance(refused_hold(plan, make_hold(plan), held(FINE)), Unavailable)


@pytest.mark.parametrize(
    ("nusd", "text"),
    [
        (0, "$0.00"),
        (10_000_000, "$0.01"),
        (12_340_000_000, "$12.34"),
        (4_231_000, "$0.004231"),
        (12_345_678_901, "$12.35"),
        (9_999_999_999, "$10.000000"),
        (1, "$0.000000"),
    ],
)
def test_money_is_written_to_the_cent_where_cents_suffice(nusd: int, text: str) -> None:
    assert amount_text(Unit.NUSD, nusd) == text


@given(st.integers(0, 10**15))
def test_other_units_are_plain_numbers(amount: int) -> None:
    assert amount_text(Unit.TOKENS, amount).replace(",", "") == str(amount)

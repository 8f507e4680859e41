"""Who keeps watch hears of thresholds that a call's hold reaches or finds passed, and of rules that warn."""

from __future__ import annotations

import msgspec
import pytest

from proxy.domain.decision import Decision, Obligation, Warned
from proxy.domain.meter import HoldState, Level
from proxy.policy.levels import readings
from proxy.steps.noticing import note_holding
from tests.support.plans import BUDGET, RATE, PaperNotices, held, make_hold, make_plan

# Thresholds at $80 and $95 of $100; the plan's hold takes half a cent.
WATCHED = msgspec.structs.replace(BUDGET, warn_at=(80 * 10**9, 95 * 10**9))
CENT = 10**7


def noted(notices: PaperNotices, *asked: tuple[Obligation, int], over: bool = False, local: bool = False) -> list[str]:
    """The marks, or rules, that are told of when these meters stand at these levels before the hold."""
    plan = make_plan(*[wish for wish, _ in asked])
    hold = make_hold(plan)
    answer = held(*(Level(over, level) for _, level in asked), state=HoldState.ADMITTED, local=local)
    before = set(notices.told)
    note_holding(notices, plan, readings(plan.decision.obligations, hold.draws, answer.levels), hold, answer)
    fresh = [telling.notice for once, telling in notices.told.items() if once not in before]
    return [notice.mark or notice.rule for notice in fresh]


def test_a_threshold_is_told_of_by_the_hold_that_reaches_it_and_by_no_other() -> None:
    notices = PaperNotices()
    assert noted(notices, (WATCHED, 0)) == []
    assert noted(notices, (WATCHED, 80 * 10**9 - 2 * CENT)) == []
    assert noted(notices, (WATCHED, 80 * 10**9 - 1)) == ["80%"]
    assert noted(notices, (WATCHED, 80 * 10**9)) == []


def test_a_threshold_that_a_settlement_crossed_is_told_of_by_the_next_hold() -> None:
    notices = PaperNotices()
    assert noted(notices, (WATCHED, 96 * 10**9)) == ["80%", "95%"]
    assert noted(notices, (WATCHED, 97 * 10**9)) == []


def test_each_scope_and_each_limit_has_thresholds_of_its_own() -> None:
    notices = PaperNotices()
    raised = msgspec.structs.replace(WATCHED, limit=200 * 10**9, warn_at=(160 * 10**9,))
    assert noted(notices, (WATCHED, 85 * 10**9)) == ["80%"]
    assert noted(notices, (msgspec.structs.replace(WATCHED, scope="team:growth"), 85 * 10**9)) == ["80%"]
    assert noted(notices, (raised, 170 * 10**9)) == ["80%"]


def test_the_notice_says_what_somebody_needs_who_must_act() -> None:
    notices = PaperNotices()
    noted(notices, (msgspec.structs.replace(WATCHED, scope="user:p_ann"), 80 * 10**9))
    (telling,) = notices.told.values()
    assert msgspec.to_builtins(telling.notice) == {
        "type": "budget.crossed",
        "rule": "config/budget",
        "mode": "enforce",
        "scope": "user:p_ann",
        "owner": "finance@acme.example",
        "period": "day",
        "mark": "80%",
        "level": "$80.00",  # with half a cent of this call
        "limit": "$100.00",
        "resets_at": "2026-11-24T00:00:00+00:00",
        "generation": "41c9e02",
    }
    assert telling.until_s == 1_795_478_400 + 35 * 86_400


def test_a_budget_in_audit_is_watched_like_any_other() -> None:
    quiet = msgspec.structs.replace(WATCHED, enforce=False, mode="audit")
    assert noted(PaperNotices(), (quiet, 200 * 10**9), over=True) == ["80%", "95%"]


@pytest.mark.parametrize("wish", [BUDGET, RATE])
def test_a_limit_that_only_warns_is_told_of_once_an_hour(wish: Obligation) -> None:
    notices, warning = PaperNotices(), msgspec.structs.replace(wish, enforce=False, mode="warn")
    assert noted(notices, (warning, 10**12), over=True) == [wish.rule]
    assert noted(notices, (warning, 10**12), over=True) == []
    assert noted(PaperNotices(), (warning, 0)) == []


def test_a_rule_that_warns_is_told_of_for_the_team() -> None:
    notices, plan = PaperNotices(), make_plan()
    plan = make_plan(decision=Decision("d", "g", warnings=(Warned("org/label", "secret words of the rule"),)))
    note_holding(notices, plan, (), make_hold(plan), held(state=HoldState.ADMITTED))
    (telling,) = notices.told.values()
    assert (telling.notice.type, telling.notice.rule, telling.notice.scope) == (
        "rule.warned",
        "org/label",
        "team:growth",
    )
    assert "secret" not in str(telling)


def test_without_the_store_nobody_knows_and_nothing_is_told() -> None:
    assert noted(PaperNotices(), (WATCHED, 99 * 10**9), local=True) == []

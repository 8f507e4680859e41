"""The ladder of ``waste``."""

from __future__ import annotations

import pytest

from proxy.domain.decision import Watch
from proxy.domain.meter import MeterKind, Unit
from proxy.domain.trace import Said
from proxy.policy.facts import Recent
from proxy.policy.rule import Mode, Selector
from proxy.policy.terms import Cache, Pace, Rung, Waste
from tests.support.rules import NOON, decided, facts, make_rule, noted

HOUR = 3600
LADDER = (
    Rung("warn"),
    Rung("cache", 2 * HOUR, cache=Cache("near")),
    Rung("throttle", 24 * HOUR, pace=Pace("requests", 10, 60)),
    Rung("deny", HOUR, reason="Enough."),
)
REDUNDANT = Waste((("redundancy", 0.4),), "24h", "user", 200, LADDER)
RULE = make_rule(REDUNDANT)
BAD = Recent(requests_24h=300, redundancy_24h=0.5)


def after(hours: float, recent: Recent = BAD, scope: str = "user:p_ann") -> dict[str, object]:
    return {"usage": ((scope, recent),), "waste_since": (("org/rule", int(NOON - hours * HOUR)),)}


@pytest.mark.parametrize(
    ("hours", "rung"), [(0, 1), (1.99, 1), (2, 2), (25.9, 2), (26, 3), (26.9, 3), (27, 4), (1000, 4)]
)
def test_a_rung_stands_when_the_condition_has_stood_for_the_sum_of_all_before_it(hours: float, rung: int) -> None:
    decision = decided(RULE, call=facts(**after(hours)))
    assert decision.watches == (Watch("org/rule", "user:p_ann", int(NOON - hours * HOUR), rung),)
    assert bool(decision.warnings) == (rung >= 1)
    assert bool(decision.reuse) == (rung >= 2)
    assert bool(decision.obligations) == (rung >= 3)
    assert bool(decision.denials) == (rung >= 4)


def test_what_a_rung_does_is_told() -> None:
    decision = decided(RULE, call=facts(**after(26)))
    assert noted(decision).said is Said.WASTE
    assert noted(decision).detail == (
        "in the last 24h more than 40% of the input repeated earlier prompts: warn, cache near within the team, "
        "throttle to 10 requests/min"
    )
    assert [one.text for one in decision.warnings] == [
        "In the last 24h more than 40% of the input repeated earlier prompts."
    ]
    (wish,) = decision.obligations
    assert (wish.kind, wish.unit, wish.scope, wish.enforce) == (MeterKind.RATE, Unit.REQUESTS, "user:p_ann", True)


def test_a_condition_never_seen_before_begins_now() -> None:
    decision = decided(RULE, call=facts(usage=(("user:p_ann", BAD),)))
    assert decision.watches == (Watch("org/rule", "user:p_ann", NOON, 1),)


def test_a_clock_that_went_back_ends_no_rung() -> None:
    assert decided(RULE, call=facts(**after(-5))).watches[0].rung == 1


@pytest.mark.parametrize(
    "recent",
    [
        Recent(requests_24h=199, redundancy_24h=0.9),
        Recent(requests_24h=300, redundancy_24h=0.4),
        Recent(requests_1h=300, requests_24h=300, redundancy_1h=0.9),
        Recent(),
    ],
)
def test_where_the_condition_does_not_hold_the_ladder_begins_anew(recent: Recent) -> None:
    decision = decided(RULE, call=facts(**after(99, recent)))
    assert decision.watches == (Watch("org/rule", "user:p_ann", 0, 0),)
    assert (decision.warnings, decision.reuse, decision.obligations, decision.denials) == ((), None, (), ())
    assert noted(decision).said is Said.OK


def test_usage_of_another_scope_is_not_looked_at() -> None:
    assert decided(RULE, call=facts(**after(99, scope="team:growth"))).watches[0].rung == 0


def test_where_all_is_well_and_was_nothing_is_to_be_remembered() -> None:
    assert decided(RULE).watches == ()


def test_all_thresholds_must_be_passed() -> None:
    both = make_rule(Waste((("errors", 10.0), ("abandoned", 5.0)), "1h", "org", 0, LADDER[:1]))
    one, two = Recent(errors_1h=11), Recent(errors_1h=11, abandoned_1h=6)
    assert [bool(decided(both, call=facts(usage=(("org", found),))).watches) for found in (one, two)] == [False, True]


def test_a_ladder_s_cache_stands_before_a_rule_as_specific_and_behind_a_narrower_one() -> None:
    team = (Selector(teams=frozenset({"growth"})),)
    call = facts(**after(3))
    off = Cache("off")
    assert [
        found.reuse.mode if (found := decided(RULE, make_rule(off, "org/cache", match=match), call=call)).reuse else ""
        for match in ((), team)
    ] == ["near", "off"]


def test_of_two_rungs_that_do_the_same_the_later_one_acts() -> None:
    twice = (Rung("throttle", pace=Pace("requests", 10, 60)), Rung("throttle", HOUR, pace=Pace("requests", 2, 60)))
    rule = make_rule(Waste((("redundancy", 0.4),), "24h", "user", 0, twice))
    limits = [[wish.limit for wish in decided(rule, call=facts(**after(hours))).obligations] for hours in (0, 1)]
    assert limits == [[10], [2]]


def test_a_ladder_in_audit_climbs_and_is_not_felt() -> None:
    trial = make_rule(REDUNDANT, mode=Mode.AUDIT)
    decision = decided(trial, call=facts(**after(30)))
    assert decision.watches[0].rung == 4
    assert (decision.warnings, decision.reuse, decision.denials) == ((), None, ())
    assert [wish.enforce for wish in decision.obligations] == [False]

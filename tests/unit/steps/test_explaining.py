"""Refusals by rules are explained for their rows, as many as somebody could read."""

from __future__ import annotations

import msgspec

from proxy.domain.decision import Decision, Denial, Kind
from proxy.domain.errors import BadRequest, Forbidden, PolicyNote
from proxy.domain.meter import Draw, Level, MeterKind, Unit
from proxy.policy.levels import readings
from proxy.steps.explaining import A_SECOND, MOST_LINES, MOST_TEXT, Explaining
from proxy.steps.visit import Visit
from tests.support.plans import BUDGET, NOON_US, make_visit

DENIED = Decision("d_1", "g1", denials=(Denial("org/a", Kind.FORBIDDEN, "No. " * 400, "org.yaml:3", "security"),))
REFUSAL = Forbidden("No.", policy=PolicyNote("org/a", "d_1"))


def refused(decision: Decision | None = DENIED) -> Visit:
    visit = make_visit()
    visit.decision = decision
    return visit


def test_it_is_told_which_rule_and_why_in_lines_of_bounded_length() -> None:
    words = Explaining().words(refused(), REFUSAL, 7.0)
    assert words[0] == "refused 403  org/a  (org.yaml:3)  generation g1, decision d_1"
    assert words[1].startswith("  why    No. No. ")
    assert len(words[1]) == MOST_TEXT
    assert words[2] == "  ask    security"


def test_meters_are_told_as_they_stood() -> None:
    visit = refused(Decision("d_1", "g1", (BUDGET,)))
    draw = Draw("k", MeterKind.BUDGET, Unit.NUSD, 5_000_000_000, BUDGET.limit)
    visit.refused_on = readings((BUDGET,), (draw,), (Level(over=True, level=99_000_000_000),))
    visit.refused_at_us = NOON_US
    words = "\n".join(Explaining().words(visit, REFUSAL, 7.0))
    assert "$99.00 of $100.00 spent or held" in words
    assert "(in 12 h)" in words


def test_a_refusal_that_explains_itself_has_the_word() -> None:
    visit = refused()
    visit.why = tuple(f"line {number}" for number in range(100))
    assert Explaining().words(visit, REFUSAL, 7.0) == visit.why[:MOST_LINES]


def test_what_no_rule_refused_is_not_explained() -> None:
    explaining = Explaining()
    assert explaining.words(refused(), BadRequest("x"), 7.0) == ()
    assert explaining.words(refused(None), REFUSAL, 7.0) == ()
    assert explaining.words(refused(), ValueError(), 7.0) == ()


def test_in_a_flood_only_the_first_of_a_second_are_explained() -> None:
    explaining = Explaining()
    told = [bool(explaining.words(refused(), REFUSAL, 7.0 + number / 1000)) for number in range(100)]
    assert told == [True] * A_SECOND + [False] * (100 - A_SECOND)
    assert explaining.words(refused(), REFUSAL, 8.0)


def test_no_name_of_a_person_is_in_a_row() -> None:
    assert "ann@" not in msgspec.json.encode(Explaining().words(refused(), REFUSAL, 7.0)).decode()

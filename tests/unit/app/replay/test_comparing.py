"""What counts as a change of a call."""

from __future__ import annotations

import pytest

from proxy.app.replay.comparing import Change, Doubt, Kind, changes, doubt
from proxy.app.replay.outcome import Outcome
from proxy.app.replay.recorded import Recorded
from tests.support.rules import facts

PLAIN = Outcome(cost_nusd=10)
REFUSED = Outcome(refused_by="org/ban")
ROUTED = Outcome(cost_nusd=4, model="gpt-5-mini", routed_by="org/cheap")


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (PLAIN, PLAIN, []),
        (REFUSED, REFUSED, []),
        (PLAIN, REFUSED, [Change(Kind.REFUSED, "org/ban", -10)]),
        (REFUSED, PLAIN, [Change(Kind.ADMITTED, "org/ban", 10)]),
        (REFUSED, ROUTED, [Change(Kind.ADMITTED, "org/ban", 4, "gpt-5-mini")]),
        (REFUSED, Outcome(refused_by="org/other"), [Change(Kind.OTHERWISE, "org/other")]),
        (PLAIN, ROUTED, [Change(Kind.REROUTED, "org/cheap", -6, "gpt-5-mini")]),
        (ROUTED, PLAIN, [Change(Kind.BACK, "org/cheap", 6)]),
        (ROUTED, Outcome(5, model="gpt-5-nano", routed_by="x"), [Change(Kind.REROUTED, "x", 1, "gpt-5-nano")]),
        (PLAIN, Outcome(10, warned_by=("a", "b")), [Change(Kind.WARNED, "a"), Change(Kind.WARNED, "b")]),
        (Outcome(10, warned_by=("a",)), PLAIN, []),
        (PLAIN, Outcome(8, clamp=100, clamped_by="cap"), [Change(Kind.CLAMPED, "cap", -2)]),
        (Outcome(8, clamp=100), Outcome(10, clamp=200, clamped_by="cap"), []),
    ],
)
def test_a_change_is_told_once_with_its_rule(old: Outcome, new: Outcome, found: list[Change]) -> None:
    assert list(changes(old, new)) == found


@pytest.mark.parametrize(
    ("call", "replayed", "why"),
    [
        ({}, PLAIN, None),
        ({"answered": False}, REFUSED, None),
        ({"routed": "gpt-5-mini"}, ROUTED, None),
        ({}, REFUSED, Doubt.NOT_ALIKE),
        ({"answered": False}, PLAIN, Doubt.COUNTER),
        ({"generation": "older"}, REFUSED, Doubt.ELSEWHEN),
        ({"local": True}, REFUSED, Doubt.AWAY),
        ({"routed": "gpt-5-mini"}, PLAIN, Doubt.COUNTER),
    ],
)
def test_a_decision_unlike_the_recorded_one_is_doubted(
    call: dict[str, object], replayed: Outcome, why: Doubt | None
) -> None:
    made = Recorded(**{"id": "r", "at": 1.0, "facts": facts(), "generation": "g", **call})  # type: ignore[arg-type]  # fields
    assert doubt(made, replayed, "g") is why

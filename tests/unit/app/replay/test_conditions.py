"""``--fail-if``: what can be said, what it means, and how mistakes are told."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.app.replay.conditions import FIGURES, Figure, condition

FOUND = {name: Figure(0, 1000, 0) for name in FIGURES} | {"newly_refused": Figure(5, 1000, 20_000_000_000)}


def holds(text: str) -> bool:
    return condition(text).holds(FOUND)


@pytest.mark.parametrize(
    "text",
    [
        "newly_refused > 0.4%", "newly_refused>=0.5%", "newly_refused == 5", "newly_refused < 6",
        "newly_refused >= $20", "newly_refused > $19.99", "newly_refused != 0", "Newly-Refused > 0",
        " rerouted <= 0 ", "not_replayed == 0",
    ],
)  # fmt: skip
def test_a_condition_holds(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text", ["newly_refused > 0.5%", "newly_refused > 5", "newly_refused > $20", "rerouted > 0", "rerouted != 0%"]
)
def test_a_condition_does_not_hold(text: str) -> None:
    assert not holds(text)


def test_a_share_of_no_calls_is_none() -> None:
    assert not condition("newly_refused > 0%").holds({"newly_refused": Figure(0, 0, 0)})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("newly_refusd > 1%", "did you mean 'newly_refused'?"),
        ("errors > 1%", "one of newly_refused, newly_admitted"),
        ("newly_refused => 1", "did you mean '>='?"),
        ("newly_refused = 1", "did you mean '=='?"),
        ("newly_refused ~ 1", "one of > >="),
        ("newly_refused > $1%", "there is no such amount of money"),
        ("not_replayed > $1", "there is no such amount of money"),
        ("newly_refused", "write it as newly_refused > 0.5%"),
        ("newly_refused > many", "write it as newly_refused > 0.5%"),
        ("newly_refused > -1", "write it as newly_refused > 0.5%"),
        ("", "write it as newly_refused > 0.5%"),
    ],
)
def test_a_mistake_is_told_with_the_right_form(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        condition(text)
    assert said in str(caught.value)


@given(
    st.sampled_from(FIGURES),
    st.sampled_from([">", ">=", "<", "<=", "==", "!="]),
    st.decimals(0, 10**12, places=4),
    st.sampled_from(["", "%"]),
    st.sampled_from(["", " ", "  "]),
)
def test_what_is_written_is_what_is_meant(figure: str, sign: str, number: Decimal, unit: str, gap: str) -> None:
    found = condition(f"{gap}{figure}{gap}{sign}{gap}{number:f}{unit}{gap}")
    assert (found.figure, found.sign, found.number, found.unit) == (figure, sign, number, unit)


@given(st.text())
def test_any_text_is_a_condition_or_a_sentence(text: str) -> None:
    with suppress(ValueError):
        assert condition(text).figure in FIGURES


@given(st.integers(0, 50), st.integers(1, 50), st.integers(0, 10_000))
def test_a_comparison_and_its_opposite_never_both_hold(calls: int, of: int, hundredths: int) -> None:
    found = {"rerouted": Figure(min(calls, of), of, 0)}
    number = f"{hundredths / 100:.2f}%"
    for one, other in ((">", "<="), ("<", ">="), ("==", "!=")):
        assert condition(f"rerouted {one} {number}").holds(found) != condition(f"rerouted {other} {number}").holds(
            found
        )

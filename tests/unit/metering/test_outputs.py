"""Expected outputs are the 95th percentile of the last 500."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from proxy.metering.outputs import COLD, ENOUGH, WINDOW, OutputHistory


def test_without_history_a_thousand_tokens_or_the_callers_ceiling_are_expected() -> None:
    history = OutputHistory()
    assert history.expected("m", "t", None) == COLD
    assert history.expected("m", "t", 200) == 200
    assert history.expected("m", "t", 50_000) == COLD
    assert history.expected("m", "t", 200, choices=3) == 600


def test_a_few_answers_are_no_history_yet() -> None:
    history = OutputHistory()
    for _ in range(ENOUGH - 1):
        history.learn("m", "t", 5)
    assert history.expected("m", "t", None) == COLD
    history.learn("m", "t", 5)
    assert history.expected("m", "t", None) == 5


@given(st.lists(st.integers(0, 100_000), min_size=ENOUGH, max_size=3 * WINDOW))
def test_it_is_the_percentile_of_the_last_answers(outputs: list[int]) -> None:
    history = OutputHistory()
    for output in outputs:
        history.learn("m", "t", output)
    window = sorted(outputs[-WINDOW:])
    expected = history.expected("m", "t", None)
    assert sum(output <= expected for output in window) >= 0.95 * len(window)
    assert sum(output < expected for output in window) < 0.95 * len(window)


def test_the_callers_ceiling_always_holds() -> None:
    history = OutputHistory()
    for _ in range(ENOUGH):
        history.learn("m", "t", 4_000)
    assert history.expected("m", "t", 100) == 100
    assert history.expected("m", "t", 0) == 0
    assert history.expected("m", "t", -1) == 0


def test_teams_and_models_do_not_share_a_history() -> None:
    history = OutputHistory()
    for _ in range(ENOUGH):
        history.learn("m", "t", 7)
    assert history.expected("m", "t", None) == 7
    assert history.expected("m", "u", None) == COLD
    assert history.expected("n", "t", None) == COLD


def test_outputs_are_remembered_per_choice() -> None:
    history = OutputHistory()
    for _ in range(ENOUGH):
        history.learn("m", "t", 300, choices=3)
    assert history.expected("m", "t", None) == 100
    assert history.expected("m", "t", None, choices=2) == 200


def test_absurd_outputs_do_no_harm() -> None:
    history = OutputHistory()
    for output in [-(10**30), 10**30, 0] * 300:
        history.learn("m", "t", output, choices=0)
    assert 0 <= history.expected("m", "t", None, choices=0) < 2**31


def test_the_number_of_histories_is_bounded_and_the_used_ones_stay() -> None:
    history = OutputHistory(limit=4)
    draw = random.Random(1)
    for _ in range(ENOUGH):
        history.learn("m", "kept", 9)
    for _ in range(50):
        history.learn("m", f"t{draw.random()}", 1)
        history.learn("m", "kept", 9)
    assert history.expected("m", "kept", None) == 9
    assert len(history._recent) == 4


def test_absurd_ceilings_and_choices_are_only_numbers() -> None:
    history = OutputHistory()
    assert history.expected("m", "t", 2**63 - 1, 2**63 - 1) == COLD * (2**63 - 1)
    history.learn("m", "t", 2**63 - 1)
    assert history.expected("m", "t", 1) == 1

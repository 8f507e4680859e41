"""The calibration finds a vendor's overhead, keeps what it knows, and cannot be poisoned."""

from __future__ import annotations

import random
from math import isfinite
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.metering.calibrate import Calibration, Regressors, plain

# text ratio, tool ratio, a message, a request, tools at all, noise: shapes measured on recorded calls
FAMILIES = {
    "gpt-4o": (1.0, 0.95, 4, 3, 12, 0.0),
    "gpt-5": (1.0, 1.2, 3, 3, 90, 0.01),
    "claude": (1.15, 1.6, 3, 5, 420, 0.03),
    "new claude": (1.42, 1.9, 3, 5, 600, 0.03),
    "llama": (1.02, 1.0, 5, 30, 690, 0.02),
    "gemini": (1.05, 0.8, 0, 1, 0, 0.05),
    "nova": (1.0, 1.0, 0, 0, 880, 0.02),
    "gpt-oss": (1.0, 1.0, 3, 64, 30, 0.02),
}


def requests_of(family: str, number: int, seed: int) -> list[tuple[Regressors, int]]:
    text_ratio, tool_ratio, message, request, tools_at_all, noise = FAMILIES[family]
    draw = random.Random(seed)
    made = []
    for _ in range(number):
        text, messages = int(draw.lognormvariate(3.5, 1.3)) + 3, draw.randint(1, 6)
        tools = draw.choice([0, 0, 0, 28, 112, 300, 1200])
        true = text_ratio * text + tool_ratio * tools + message * messages + request + (tools_at_all if tools else 0)
        row = (float(text), float(tools), float(messages), 1.0, 1.0 if tools else 0.0)
        made.append((row, max(1, round(true * (1 + draw.gauss(0, noise))))))
    return made


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_twenty_calls_the_median_error_is_below_a_tenth(family: str, seed: int) -> None:
    calibration = Calibration()
    errors, predicted, reported = [], 0.0, 0
    for number, (row, true) in enumerate(requests_of(family, 80, seed)):
        if number >= 20:
            guess = calibration.predict(row)
            errors.append(abs(guess - true) / true)
            predicted, reported = predicted + guess, reported + true
        calibration.learn(row, true)
    assert median(errors) <= 0.1
    assert abs(predicted / reported - 1) <= 0.05


def test_before_anything_is_learned_openais_overhead_is_assumed() -> None:
    assert Calibration().predict((100.0, 0.0, 1.0, 1.0, 0.0)) == 106


def test_a_thousand_equal_requests_do_not_unlearn_the_others() -> None:
    calibration = Calibration()
    for row, true in requests_of("claude", 100, 7):
        calibration.learn(row, true)
    for _ in range(5_000):
        calibration.learn((10.0, 0.0, 1.0, 1.0, 0.0), 19)
    errors = [abs(calibration.predict(row) - true) / true for row, true in requests_of("claude", 50, 8) if row[4]]
    assert median(errors) <= 0.1


def test_a_change_of_tokenizer_is_followed() -> None:
    calibration = Calibration()
    for row, true in requests_of("gpt-4o", 300, 1):
        calibration.learn(row, true)
    for row, true in requests_of("new claude", 200, 2):
        calibration.learn(row, true)
    errors = [abs(calibration.predict(row) - true) / true for row, true in requests_of("new claude", 60, 3)]
    assert median(errors) <= 0.1


amounts = st.floats(0, 1e7)
rows = st.tuples(amounts, amounts, st.integers(0, 10_000).map(float), st.just(1.0), st.sampled_from([0.0, 1.0]))


@settings(max_examples=60)
@given(st.lists(st.tuples(rows, st.one_of(st.integers(1, 10**9), st.integers(1, 10**40))), max_size=60), rows)
def test_no_report_can_push_an_estimate_out_of_reason(samples: list[tuple[Regressors, int]], asked: Regressors) -> None:
    calibration = Calibration()
    for row, reported in samples:
        calibration.learn(row, reported)
    prior = plain(asked)
    assert all(isfinite(weight) for weight in calibration.weights)
    assert 0.5 * prior <= calibration.predict(asked) <= max(4 * prior, prior + 1_024)


def test_one_absurd_report_is_forgotten_by_the_next_ordinary_ones() -> None:
    calibration = Calibration()
    ordinary = requests_of("gpt-4o", 100, 4)
    for row, true in ordinary[:40]:
        calibration.learn(row, true)
    calibration.learn((50.0, 0.0, 1.0, 1.0, 0.0), 10**9)
    for row, true in ordinary[40:]:
        calibration.learn(row, true)
    errors = [abs(calibration.predict(row) - true) / true for row, true in requests_of("gpt-4o", 50, 5)]
    assert median(errors) <= 0.1


def test_the_ratio_of_long_texts_is_learned_without_touching_the_weights() -> None:
    calibration = Calibration()
    weights = calibration.weights
    for _ in range(60):
        row = (100_000 * calibration.ratio, 0.0, 1.0, 1.0, 0.0)
        calibration.learn_ratio(row, 100_000, 40_000)
    assert calibration.weights == weights
    assert calibration.ratio == pytest.approx(0.4, rel=0.01)


@given(st.integers(1, 10**40), st.integers(1, 10**9))
def test_the_ratio_stays_a_ratio(reported: int, text_bytes: int) -> None:
    calibration = Calibration()
    calibration.learn_ratio((1.0, 0.0, 1.0, 1.0, 0.0), text_bytes, reported)
    assert 0 < calibration.ratio <= 1

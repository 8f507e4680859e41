"""What is booked when a provider did not tell everything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.usage import NO_USAGE, Usage, UsageSource
from proxy.metering.shortfall import completed, is_whole

COUNTS = st.none() | st.integers(0, 10**9)


@pytest.mark.parametrize(
    ("usage", "whole"),
    [
        (Usage(input=0, output=0, usage_source=UsageSource.REPORTED), True),
        (Usage(input=12, usage_source=UsageSource.REPORTED), True),
        (Usage(seconds=1.5, usage_source=UsageSource.REPORTED), True),
        (Usage(output=3, usage_source=UsageSource.REPORTED), False),
        (Usage(input=12, output=3, usage_source=UsageSource.PARTIAL), False),
        (NO_USAGE, False),
    ],
)
def test_a_report_is_whole_when_it_is_final_and_says_what_is_billed(usage: Usage, whole: bool) -> None:  # noqa: FBT001 - a case
    assert is_whole(usage) is whole


def test_a_provider_that_said_nothing_is_booked_as_estimated_and_counted() -> None:
    found = completed(Usage(model="gpt-x"), 40, 7)
    assert (found.input, found.output, found.usage_source, found.model) == (40, 7, UsageSource.ESTIMATED, "gpt-x")


def test_a_cut_stream_keeps_the_reported_input_and_the_larger_output() -> None:
    cut = Usage(input=12, output=1, cached_read=5, usage_source=UsageSource.PARTIAL)
    found = completed(cut, 40, 7)
    assert (found.input, found.output, found.cached_read, found.usage_source) == (12, 7, 5, UsageSource.PARTIAL)
    assert completed(Usage(input=12, output=100, usage_source=UsageSource.PARTIAL), 40, 7).output == 100


def test_an_explicit_zero_is_a_value_and_is_not_estimated_over() -> None:
    assert completed(Usage(input=0, usage_source=UsageSource.PARTIAL), 40, 7).input == 0


@given(COUNTS, COUNTS, st.integers(0, 10**9), st.integers(0, 10**9))
def test_nothing_is_left_open_and_no_reported_number_is_lowered(
    given_input: int | None, given_output: int | None, estimate: int, counted: int
) -> None:
    found = completed(Usage(input=given_input, output=given_output), estimate, counted)
    assert found.input == (estimate if given_input is None else given_input)
    assert found.output == max(given_output or 0, counted)
    assert found.usage_source in {UsageSource.PARTIAL, UsageSource.ESTIMATED}


@given(COUNTS, COUNTS, st.integers(0, 10**9), st.integers(0, 10**9))
def test_filling_in_twice_is_filling_in_once_but_for_the_source(
    given_input: int | None, given_output: int | None, estimate: int, counted: int
) -> None:
    once = completed(Usage(input=given_input, output=given_output), estimate, counted)
    twice = completed(once, estimate, counted)
    assert (twice.input, twice.output) == (once.input, once.output)

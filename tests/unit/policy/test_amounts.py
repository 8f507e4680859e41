"""What people write for what is counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.amounts import MOST_COUNT, burst_millionths, count, moment, pace, requests
from proxy.policy.terms import Pace


@pytest.mark.parametrize(("text", "number"), [("8", 8), ("16k", 16_000), ("1.5M", 1_500_000), (" 200k ", 200_000)])
def test_counts_are_written_with_k_and_m(text: str, number: int) -> None:
    assert count(text) == number


@given(st.integers(1, MOST_COUNT))
def test_every_count_can_be_written_in_digits(number: int) -> None:
    assert count(str(number)) == number


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10 requests/min", Pace("requests", 10, 60)),
        ("400k tokens/min", Pace("tokens", 400_000, 60)),
        ("1 request/s", Pace("requests", 1, 1)),
        ("5  requests / hour", Pace("requests", 5, 3600)),
        ("1M tokens/day", Pace("tokens", 1_000_000, 86400)),
    ],
)
def test_a_pace_is_an_amount_a_unit_and_a_span(text: str, meant: Pace) -> None:
    assert pace(text) == meant


def test_requests_are_said_with_their_unit() -> None:
    assert (requests("200 requests"), requests("1 request")) == (200, 1)


def test_a_burst_may_be_more_than_the_amount() -> None:
    assert (burst_millionths("50%"), burst_millionths("250%")) == (500_000, 2_500_000)


def test_a_date_begins_in_its_timezone_also_when_clocks_change() -> None:
    assert moment("2026-10-25", "Europe/Berlin") == datetime(2026, 10, 24, 22, tzinfo=UTC).timestamp()
    assert moment("2026-10-26", "Europe/Berlin") == datetime(2026, 10, 25, 23, tzinfo=UTC).timestamp()
    assert moment("2026-11-23T10:00:00+01:00", "UTC") == datetime(2026, 11, 23, 9, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (count, "016", "'016' is not a number; write digits, with k or M for thousands or millions: 16k"),
        (count, "0", "'0' is not a whole number of 1 or more"),
        (count, "1.5", "'1.5' is not a whole number of 1 or more"),
        (count, "1_000", "'1_000' is not a number; write digits"),
        (count, "0x1f", "'0x1f' is not a number; write digits"),
        (count, "1e6", "'1e6' is not a number; write digits"),
        (count, "16K", "'16K' is not a number; write digits"),
        (count, "9999999999999", "'9999999999999' is not a whole number of 1 or more"),
        (count, ["8"], "wants a number such as 16k, found a list"),
        (pace, "10 request/mni", "'mni' is not a span of time; did you mean 'min'?"),
        (pace, "10 tokns/min", "'tokns' is not a unit; did you mean 'tokens'?"),
        (pace, "10/min", "'10/min' is not a pace; write it as 10 requests/min or 400k tokens/min"),
        (pace, "0 requests/min", "'0' is not a whole number of 1 or more"),
        (pace, "10 dollars/min", "'dollars' is not a unit; one of requests, tokens"),
        (requests, "200", "'200' is not a number of requests; write it as 200 requests"),
        (requests, "200 tokens", "'200 tokens' is not a number of requests; write it as 200 requests"),
        (requests, "200 reqests", "did you mean 'requests'?"),
        (burst_millionths, "0%", "'0%' is not between 0% and 10000%"),
        (burst_millionths, "2", "'2' is not a percentage; write it as 100%"),
        (lambda value: moment(value, "UTC"), "2026-02-30", "'2026-02-30' is not a date; write 2027-01-01"),
        (lambda value: moment(value, "UTC"), "2026-11-23T10:00:00", "does not say in which zone; add Z"),
    ],
)
def test_what_is_written_otherwise_is_answered_by_the_right_form(
    read: Callable[[object], object], text: object, said: str
) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        read(text)
    assert said in str(caught.value)


@given(st.text(max_size=30))
def test_no_text_does_anything_but_raise_a_value_error(text: str) -> None:
    for read in (count, pace, requests, burst_millionths):
        try:
            read(text)
        except ValueError:
            continue

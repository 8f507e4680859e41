"""Calendar periods."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.periods import PERIODS, period_at

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia")


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1_000_000)


@given(
    st.sampled_from([name for name in PERIODS if name != "total"]),
    st.sampled_from(ZONES),
    st.integers(min_value=us("2024-01-01T00:00:00+00:00"), max_value=us("2032-01-01T00:00:00+00:00")),
)
def test_a_moment_lies_in_its_period_and_periods_touch_without_gap_or_overlap(name: str, zone: str, at: int) -> None:
    period = period_at(name, zone, at)
    assert period.start <= at // 1_000_000 < period.end
    following = period_at(name, zone, period.end * 1_000_000)
    assert following.start == period.end
    assert following.name != period.name


def test_a_day_in_berlin_begins_at_its_own_midnight() -> None:
    period = period_at("day", "Europe/Berlin", us("2026-11-23T23:30:00+00:00"))
    assert period.name == "2026-11-24"
    assert period.resets_at == "2026-11-25T00:00:00+01:00"


def test_the_day_clocks_go_back_has_twenty_five_hours() -> None:
    period = period_at("day", "Europe/Berlin", us("2026-10-25T12:00:00+00:00"))
    assert period.end - period.start == 25 * 3600


def test_the_two_equal_hours_of_an_autumn_night_are_two_periods() -> None:
    first = period_at("hour", "Europe/Berlin", us("2026-10-25T00:30:00+00:00"))
    second = period_at("hour", "Europe/Berlin", us("2026-10-25T01:30:00+00:00"))
    assert first.name != second.name
    assert first.end == second.start


def test_a_week_begins_on_monday_and_may_cross_a_year() -> None:
    period = period_at("week", "UTC", us("2027-01-01T12:00:00+00:00"))
    assert period.name == "2026-W53"
    assert datetime.fromtimestamp(period.start, UTC).isoformat() == "2026-12-28T00:00:00+00:00"


def test_total_never_ends() -> None:
    assert period_at("total", "UTC", 0).resets_at is None


def test_an_unknown_period_is_named_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match=r"fortnight.*hour, day, week, month, total"):
        period_at("fortnight", "UTC", 0)


def test_an_hour_contains_its_moments_where_clocks_change_by_half_an_hour() -> None:
    """On Lord Howe Island 02:00 becomes 01:30 in April and 02:30 in October."""
    for day in ("2026-04-04", "2026-10-03"):
        noon = int(datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp())
        for second in range(noon, noon + 8 * 3600, 60):
            found = period_at("hour", "Australia/Lord_Howe", second * 1_000_000)
            assert found.start <= second < found.end == found.start + 3600

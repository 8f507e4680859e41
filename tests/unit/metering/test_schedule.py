"""Prices change with dates and times of the day."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from proxy.metering.schedule import lanes_at, period_at, tariff_at
from proxy.metering.table import Entry, ModelEntry


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


MODEL = ModelEntry(
    id="m",
    match=["=", "m"],
    prices=(
        Entry(rates={"input": 1}),
        Entry(rates={"input": 2}, since="2026-03-01"),
        Entry(rates={"input": 3}, daily=(3600, 7200)),
        Entry(rates={"input": 4}, daily=(82_800, 1_800)),
    ),
    lanes=(
        Entry(rates={"input": 10}, lane="batch", since="2026-05-01"),
        Entry(rates={"input": 20, "output": 21}, lane="batch"),
    ),
)


def test_a_price_begins_at_midnight_utc_of_its_day() -> None:
    assert tariff_at(MODEL, at("2026-02-28T22:59:59")).rates == {"input": 1}
    assert tariff_at(MODEL, at("2026-03-01T02:00:00")).rates == {"input": 2}


def test_a_daily_price_holds_from_its_start_until_its_end() -> None:
    assert tariff_at(MODEL, at("2026-03-02T01:00:00")).rates == {"input": 3}
    assert tariff_at(MODEL, at("2026-03-02T01:59:59.9")).rates == {"input": 3}
    assert tariff_at(MODEL, at("2026-03-02T02:00:00")).rates == {"input": 2}


def test_a_daily_price_may_cross_midnight() -> None:
    assert tariff_at(MODEL, at("2026-03-02T23:30:00")).rates == {"input": 4}
    assert tariff_at(MODEL, at("2026-03-02T00:29:59")).rates == {"input": 4}
    assert tariff_at(MODEL, at("2026-03-02T00:30:00")).rates == {"input": 2}


def test_before_the_first_price_the_first_price_holds() -> None:
    model = ModelEntry("m", ["=", "m"], (Entry(rates={"input": 1}, since="2026-01-01"),))
    assert tariff_at(model, 0.0).rates == {"input": 1}


def test_the_first_lane_in_force_wins_unit_by_unit() -> None:
    assert lanes_at(MODEL, at("2026-04-01T12:00:00"))["batch"].rates == {"input": 20, "output": 21}
    assert lanes_at(MODEL, at("2026-06-01T12:00:00"))["batch"].rates == {"input": 10, "output": 21}


def test_a_lane_replaces_the_tiers_of_the_units_it_names() -> None:
    model = ModelEntry(
        "m",
        ["=", "m"],
        (Entry(rates={"input": 2, "output": 3}, tiers=((100, {"input": 4, "output": 6}),)),),
        (Entry(rates={"input": 8}, lane="priority"),),
    )
    lane = lanes_at(model, 0.0)["priority"]
    assert lane.rates == {"input": 8, "output": 3}
    assert lane.tiers == ((100, {"output": 6}),)


times = st.floats(at("2026-01-01"), at("2027-01-01"))


@given(times, times)
def test_within_a_period_nothing_changes(now: float, other: float) -> None:
    period = period_at(MODEL, now)
    assert period.since <= now < period.until
    if period.since <= other < period.until:
        assert tariff_at(MODEL, other) == tariff_at(MODEL, now)
        assert lanes_at(MODEL, other) == lanes_at(MODEL, now)


def test_a_model_with_one_price_has_it_for_ever() -> None:
    period = period_at(ModelEntry("m", ["=", "m"], (Entry(rates={"input": 1}),)), 5.0)
    assert period.since < -1e300
    assert period.until > 1e300

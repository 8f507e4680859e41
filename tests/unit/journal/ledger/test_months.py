"""Which month a row belongs to is told by its id alone."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from proxy.journal.ledger import months

_MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2099, 12, 31, 23, 59, 59), timezones=st.just(UTC))  # noqa: DTZ001 - given UTC


@given(_MOMENTS, st.text("0123456789abcdef", min_size=18, max_size=18))
def test_a_uuid7_belongs_to_the_month_of_its_time(moment: datetime, rest: str) -> None:
    request_id = f"{months.id_at(moment.timestamp())}-7{rest[:3]}-8{rest[3:6]}-{rest[6:]}"
    assert months.month_of(request_id) == (moment.year, moment.month)
    assert months.month_at(moment.timestamp()) == (moment.year, moment.month)


@given(st.text())
def test_whatever_an_id_looks_like_it_lies_within_the_bounds_of_its_month_and_of_no_other(request_id: str) -> None:
    month = months.month_of(request_id)
    for year in (months.FIRST_YEAR, 2026, months.LAST_YEAR):
        for number in (1, 12):
            first, beyond = months.bounds((year, number))
            assert (first <= request_id < beyond) == (month == (year, number))
    if month is not None:
        first, beyond = months.bounds(month)
        assert first <= request_id < beyond


def test_months_follow_each_other_without_a_gap() -> None:
    month = (2026, 11)
    for _ in range(3):
        following = months.after(month)
        assert months.bounds(month)[1] == months.bounds(following)[0]
        month = following
    assert month == (2027, 2)


def test_an_id_of_a_clock_that_is_wrong_by_decades_belongs_to_no_month() -> None:
    assert months.month_of("00000000-0000-7000-8000-000000000000") is None
    assert months.month_of("ffffffff-ffff-7000-8000-000000000000") is None
    assert months.month_of("") is None

"""Money as text."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.money import format_usd, usd_to_nusd


@given(st.integers(min_value=-(10**18), max_value=10**18))
def test_dollars_with_nine_places_are_the_nano_dollars_exactly(nusd: int) -> None:
    assert usd_to_nusd(format_usd(nusd, places=9)) == nusd


@given(st.integers(min_value=0, max_value=10**18))
def test_six_places_are_never_more_than_half_a_millionth_off(nusd: int) -> None:
    assert abs(Decimal(format_usd(nusd)) * 10**9 - nusd) <= 500


def test_small_amounts_are_written_out() -> None:
    assert format_usd(4231000) == "0.004231"
    assert format_usd(0) == "0.000000"


@pytest.mark.parametrize("text", ["", "NaN", "Infinity", "-inf", "twelve", "1,5"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        usd_to_nusd(text)

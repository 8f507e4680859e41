"""Human units: what is written is what is meant, exactly."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config import quantities as q
from proxy.domain.money import NANO_PER_USD, format_usd


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        (q.duration_s, "300ms", 0.3),
        (q.duration_s, "5s", 5.0),
        (q.duration_s, "1.5m", 90.0),
        (q.duration_s, "90d", 7_776_000.0),
        (q.size_bytes, "16MiB", 16 << 20),
        (q.size_bytes, "1.5KiB", 1536),
        (q.size_bytes, "10MB", 10_000_000),
        (q.share_millionths, "10%", 100_000),
        (q.share_millionths, "0.5%", 5_000),
        (q.usd_nusd, "$120", 120 * NANO_PER_USD),
        (q.usd_nusd, "$0.000000001", 1),
        (q.usd_nusd, "$120k", 120_000 * NANO_PER_USD),
        (q.spending_limit, "$100/day", (100 * NANO_PER_USD, "day")),
        (q.price_nusd, "0.20", 200_000_000),
        (q.price_nusd, "0", 0),
        (q.factor_millionths, "0.5", 500_000),
        (q.whole, "0", 0),
        (q.yes_or_no, "false", False),
    ],
)
def test_units_are_read(read: Callable[[object], object], text: str, expected: object) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (q.duration_s, "5", "'5' is not a duration; write a number and ms, s, m, h or d, such as 5s"),
        (q.duration_s, "-5s", "'-5s' is not a duration; write a number and ms, s, m, h or d, such as 5s"),
        (q.duration_s, "9999d", "'9999d' is longer than a year"),
        (q.positive_duration_s, "0s", "must be longer than 0s"),
        (q.size_bytes, "16", "'16' is not a size; write a number and B, KiB, MiB or GiB, such as 16MiB"),
        (q.size_bytes, "0B", "'0B' is not a whole number of bytes between 1B and 1024GiB"),
        (q.share_millionths, "10", "'10' is not a percentage; write it as 10%"),
        (q.share_millionths, "101%", "'101%' is more than 100%"),
        (q.usd_nusd, "100", "'100' is not an amount; write it as $100, $0.50 or $120k"),
        (q.usd_nusd, "$1,200", "'$1,200' is not an amount; write it as $100, $0.50 or $120k"),
        (q.usd_nusd, "$99M", "'$99M' is more than $9M"),
        (q.spending_limit, "$5/fortnight", "'fortnight' is not a period; one of hour, day, week, month, total"),
        (q.price_nusd, "-1", "'-1' is not a price; write dollars as a decimal number, such as 0.20"),
        (q.price_nusd, "1e999999999", "'1e999999999' is not a price; write dollars as a decimal number, such as 0.20"),
        (q.price_nusd, "٣", "'٣' is not a price; write dollars as a decimal number, such as 0.20"),
        (q.price_nusd, {}, "wants a price in dollars such as 0.20, found a mapping"),
        (q.whole, "012", "'012' is not a whole number; write decimal digits only"),
        (q.whole, "1_0", "'1_0' is not a whole number; write decimal digits only"),
        (q.whole, None, "wants a whole number, found nothing"),
        (q.yes_or_no, "yes", "'yes' is not a switch; write true or false"),
    ],
)
def test_what_is_not_a_unit_is_refused_with_the_right_form(
    read: Callable[[object], object], text: object, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        read(text)


@given(st.integers(0, 9_000_000 * NANO_PER_USD))
def test_money_survives_being_written_and_read(nusd: int) -> None:
    assert q.usd_nusd(f"${format_usd(nusd, places=9)}") == nusd


@given(st.integers(0, 366 * 86_400 * 1000))
def test_milliseconds_survive_being_written_and_read(milliseconds: int) -> None:
    assert q.duration_s(f"{milliseconds}ms") == float(Decimal(milliseconds) / 1000)
    assert q.duration_s(f"{Decimal(milliseconds) / 1000:f}s") == q.duration_s(f"{milliseconds}ms")


@given(st.decimals(0, 100, places=9))
def test_prices_never_pass_through_float(price: Decimal) -> None:
    assert q.price_nusd(f"{price:f}") == int(price * NANO_PER_USD)


@given(st.text(max_size=30))
def test_any_text_is_a_quantity_or_a_value_error(text: str) -> None:
    for read in (q.duration_s, q.size_bytes, q.share_millionths, q.usd_nusd, q.spending_limit, q.price_nusd, q.whole):
        try:
            read(text)
        except ValueError as error:
            assert str(error)  # noqa: PT017 - most texts are refused, a few are not

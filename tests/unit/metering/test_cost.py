"""Money: integers, rounded once, subsets at their own price, nothing negative, never above the ceiling."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.domain.usage import NO_USAGE, ModelUsage, Usage, UsageSource
from proxy.metering.bill import half_even
from proxy.metering.cost import LANE_UNPRICED, MOST_NUSD, USAGE_MISSING, USAGE_ODD, Price, as_usage
from proxy.metering.rates import SINGLE, TOKENS_IN, TOKENS_OUT, Scale
from proxy.metering.schedule import Tariff

DOLLAR = 10**9  # nUSD per million tokens for $1/M


def price(rates: dict[str, int], *tiers: tuple[int, dict[str, int]], **lanes: dict[str, int]) -> Price:
    return Price(
        model="m",
        version="v1",
        standard=Scale.of(Tariff(rates, tiers)),
        lanes={lane: Scale.of(Tariff(by_unit)) for lane, by_unit in lanes.items()},
        units=frozenset(unit for by_unit in (rates, *lanes.values()) for unit, rate in by_unit.items() if rate),
        written=frozenset(rates),
    )


def used(**fields: float | str | None) -> Usage:
    return msgspec.convert({"usage_source": "reported", "complete": True, **fields}, Usage)


rate = st.integers(0, 200 * DOLLAR)
token = st.one_of(st.integers(0, 1_000), st.integers(0, 10**7))
all_rates = st.fixed_dictionaries(
    {"input": rate, "output": rate}, optional=dict.fromkeys((*TOKENS_IN[1:], *TOKENS_OUT[1:], "per_request"), rate)
)
usages = st.fixed_dictionaries(
    {"input": token, "output": token},
    optional=dict.fromkeys(
        ("cached_read", "cache_write", "cache_write_1h", "audio_input", "image_input", "audio_output", "reasoning"),
        token,
    ),
)


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**6).map(lambda half: 2 * half))
def test_rounding_is_half_even(amount: int, parts: int) -> None:
    assert half_even(amount, parts) == round(Fraction(amount, parts))


@given(st.tuples(rate, rate, rate, rate, rate), st.tuples(token, token, token, token, token))
def test_each_subset_has_its_own_price_and_the_sum_is_rounded_once(
    rates: tuple[int, ...], amounts: tuple[int, ...]
) -> None:
    fresh, read, write, hour, output = amounts
    usage = used(
        input=fresh + read + write + hour,
        cached_read=read,
        cache_write=write + hour,
        cache_write_1h=hour,
        output=output,
    )
    by_unit = dict(zip(("input", "cached_read", "cache_write", "cache_write_1h", "output"), rates, strict=True))
    exact = sum(amount * each for amount, each in zip(amounts, rates, strict=True))
    assert price(by_unit).cost(usage) == round(Fraction(exact, 10**6))


@given(rate, rate, token, token, token, token)
def test_an_unpriced_subset_costs_what_its_whole_costs(
    i: int, o: int, total: int, part: int, hour: int, out: int
) -> None:
    whole = used(input=total, output=out)
    split = used(
        input=total,
        cached_read=min(part, total),
        cache_write=total - min(part, total),
        cache_write_1h=min(hour, total - min(part, total)),
        audio_input=part,
        image_input=part,
        output=out,
        reasoning=out,
        audio_output=out,
    )
    assert price({"input": i, "output": o}).bill(split) == price({"input": i, "output": o}).bill(whole)


@given(all_rates, usages)
def test_a_cost_is_a_whole_number_and_never_negative(rates: dict[str, int], fields: dict[str, int]) -> None:
    cost = price(rates).cost(used(**fields))
    assert type(cost) is int
    assert 0 <= cost <= MOST_NUSD


parts = st.tuples(token, token, token, token, token)


def of_parts(fresh: int, read: int, write: int, audio: int, output: int) -> Usage:
    whole = fresh + read + write + audio
    return used(input=whole, cached_read=read, cache_write=write, audio_input=audio, output=output)


@given(all_rates, parts, parts)
def test_two_bills_differ_from_one_by_a_nano_dollar_at_most(
    rates: dict[str, int], first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    tariff = price({unit: amount for unit, amount in rates.items() if unit != "per_request"})
    together = of_parts(*[a + b for a, b in zip(first, second, strict=True)])
    assert abs(tariff.cost(of_parts(*first)) + tariff.cost(of_parts(*second)) - tariff.cost(together)) <= 1


@given(all_rates, usages, st.sampled_from(["input", "output"]), st.integers(1, 10_000))
def test_more_of_the_whole_never_costs_less(
    rates: dict[str, int], fields: dict[str, int], name: str, more: int
) -> None:
    # What is cached must not be dearer than what is not: no vendor's is, and then nothing could be said.
    rates = {unit: amount for unit, amount in rates.items() if not unit.startswith("cached_")}
    tariff = price(rates)
    assert tariff.cost(used(**{**fields, name: fields[name] + more})) >= tariff.cost(used(**fields))


@settings(max_examples=200)
@given(all_rates, usages, st.one_of(st.none(), rate), st.sampled_from([None, "batch", "priority"]), st.integers(1, 4))
def test_no_bill_exceeds_the_ceiling(
    rates: dict[str, int], fields: dict[str, int], dearer: int | None, lane: str | None, choices: int
) -> None:
    tiers = [(1_000, {"input": dearer, "output": dearer})] if dearer is not None else []
    tariff = price(rates, *tiers, priority={**rates, "input": rates["input"] * 2}, batch={"input": 1, "output": 1})
    usage = used(**fields, service_tier=lane)
    subsets = sum(
        fields.get(name, 0) for name in ("cached_read", "cache_write", "cache_write_1h", "audio_input", "image_input")
    )
    if (
        subsets > fields["input"]
        or sum(fields.get(name, 0) for name in ("audio_output", "reasoning")) > fields["output"]
    ):
        return
    ceiling = tariff.ceiling(fields["input"], -(-fields["output"] // choices), choices)
    assert ceiling is not None
    assert tariff.cost(usage) <= ceiling


def test_the_tier_is_chosen_by_the_whole_input_and_holds_for_all_tokens() -> None:
    tariff = price(
        {"input": DOLLAR, "cached_read": DOLLAR // 10, "output": 2 * DOLLAR}, (200_000, {"input": 2 * DOLLAR})
    )
    assert tariff.cost(used(input=200_000, output=0)) == 200_000_000
    assert tariff.cost(used(input=200_001, output=0)) == 400_002_000
    assert tariff.cost(used(input=200_001, cached_read=200_000, output=1)) == 2_000 + 20_000_000 + 2_000


def test_a_higher_tier_keeps_what_it_does_not_name() -> None:
    tariff = price(
        {"input": 1 * DOLLAR, "output": 3 * DOLLAR}, (100, {"output": 4 * DOLLAR}), (200, {"input": 2 * DOLLAR})
    )
    assert tariff.cost(used(input=201, output=10)) == 201 * 2_000 + 10 * 4_000


def test_the_lane_is_the_one_that_the_answer_names() -> None:
    tariff = price({"input": DOLLAR}, priority={"input": 2 * DOLLAR})
    assert tariff.cost(used(input=10, service_tier="priority")) == 20_000
    assert tariff.cost(used(input=10, service_tier="PRIORITY")) == 20_000
    assert tariff.cost(used(input=10, service_tier="ON_DEMAND_PRIORITY")) == 20_000
    assert tariff.bill(used(input=10, service_tier="default")).flag is None


def test_a_lane_without_a_price_is_billed_as_standard_and_flagged() -> None:
    cost = price({"input": DOLLAR}).bill(used(input=10, service_tier="flex"))
    assert (cost.nusd, cost.flag, cost.price_version) == (10_000, LANE_UNPRICED, "v1")


def test_more_cached_than_given_is_billed_in_full_and_flagged() -> None:
    cost = price({"input": 10 * DOLLAR, "cached_read": DOLLAR}).bill(used(input=5, cached_read=8, output=0))
    assert (cost.nusd, cost.flag) == (8_000, USAGE_ODD)


def test_cached_sound_is_billed_once_and_as_cached() -> None:
    tariff = price({"input": 4 * DOLLAR, "cached_read": DOLLAR, "audio_input": 32 * DOLLAR, "cached_audio": 2 * DOLLAR})
    cost = tariff.bill(used(input=1_000, cached_read=900, audio_input=990, output=0))
    assert (cost.nusd, cost.flag) == (100 * 32_000 + 10 * 1_000 + 890 * 2_000, None)


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            (
                "input",
                "output",
                "cached_read",
                "cache_write",
                "cache_write_1h",
                "audio_input",
                "image_input",
                "web_searches",
                "images",
                "characters",
            ),
            st.integers(-(10**12), -1),
        ),
    )
)
def test_numbers_below_zero_are_never_money_back(fields: dict[str, int]) -> None:
    tariff = price(
        {"input": DOLLAR, "output": DOLLAR, "cached_read": 1, "audio_input": DOLLAR, "per_search": 1, "per_image": 1}
    )
    assert tariff.cost(used(**fields)) == 0


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -3.0, 1e300])
def test_a_duration_that_is_none_costs_nothing(seconds: float) -> None:
    usage = Usage(seconds=seconds, usage_source=UsageSource.REPORTED)
    assert price({"per_second": 10**11}).cost(usage) == 0


def test_units_are_billed_beside_tokens() -> None:
    tariff = price(
        {"per_request": 5 * 10**12, "per_search": 10**13, "per_image": 4 * 10**13, "per_character": 15 * DOLLAR}
    )
    assert (
        tariff.cost(used(web_searches=2, images=1, characters=100)) == 5_000_000 + 20_000_000 + 40_000_000 + 1_500_000
    )
    assert tariff.cost(used(images=1), requests=0) == 40_000_000


def test_an_absurd_report_is_booked_as_the_most_that_counters_can_hold() -> None:
    cost = price({"input": DOLLAR}).bill(used(input=10**30))
    assert (cost.nusd, cost.flag) == (MOST_NUSD, USAGE_ODD)
    assert price({"input": DOLLAR}).cost(used(input=10**30)) == MOST_NUSD


def test_an_answer_that_does_not_show_what_it_is_billed_by_is_flagged() -> None:
    assert price({"input": DOLLAR, "output": DOLLAR}).bill(used(seconds=3)).flag == USAGE_MISSING
    assert price({"per_image": DOLLAR}).bill(used(output=3)).flag == USAGE_MISSING
    assert price({"per_image": DOLLAR}).bill(used(input=0, output=0)).flag == USAGE_MISSING
    assert price({"per_second": DOLLAR}).bill(used(input=0, output=0, seconds=3)).flag is None


def test_what_was_not_used_is_not_missing() -> None:
    assert price({"input": DOLLAR}).bill(NO_USAGE).flag is None
    assert price({"input": 0, "output": 0}).bill(used()).flag is None
    assert price({"per_request": DOLLAR}).bill(used()).flag is None


def test_expected_cost_follows_tier_and_lane() -> None:
    tariff = price({"input": DOLLAR, "output": 2 * DOLLAR}, (100, {"input": 3 * DOLLAR}), batch={"input": DOLLAR // 2})
    assert tariff.expected(100, 10) == 100_000 + 20_000
    assert tariff.expected(101, 10) == 303_000 + 20_000
    assert tariff.expected(100, 0, lane="batch") == 50_000
    assert tariff.expected(100, 0, lane="auto") == 100_000


def test_expected_cost_of_other_units_is_a_guess_above_zero() -> None:
    assert all(
        price({unit: 10**12}).expected(10, 10) > 0
        for unit in SINGLE
        if unit not in {"per_search", "per_page", "per_message"}
    )


def test_sound_that_is_told_in_seconds_and_sold_by_the_token_is_billed_as_its_tokens_and_flagged() -> None:
    told = price({"input": DOLLAR, "output": DOLLAR}).bill(used(input=0, output=0, seconds=2.5))
    assert (told.nusd, told.flag) == (30_000, USAGE_MISSING)
    assert price({"input": DOLLAR}).bill(used(seconds=float("inf"))).nusd == 0


def test_seconds_that_were_only_estimated_are_billed_and_flagged() -> None:
    usage = msgspec.structs.replace(used(input=30, seconds=3), usage_source=UsageSource.ESTIMATED)
    bill = price({"per_second": DOLLAR}).bill(usage)
    assert (bill.nusd, bill.flag) == (3_000, USAGE_MISSING)


def test_the_seconds_of_a_sound_are_expected_by_its_tokens_and_never_less_than_a_minute() -> None:
    heard = price({"per_second": DOLLAR})
    assert heard.expected(6_000, 0) == 600_000
    assert heard.expected(5, 0) == 60_000
    assert price({"per_second": DOLLAR, "input": DOLLAR}).expected(6_000, 0) == 60_000 + 6_000_000


def test_the_ceiling_takes_the_dearest_way_to_bill_a_token() -> None:
    tariff = price({"input": DOLLAR, "cache_write_1h": 2 * DOLLAR, "output": DOLLAR}, priority={"input": 3 * DOLLAR})
    assert tariff.ceiling(10, 0) == 30_000
    assert tariff.ceiling(10, 5, choices=2) == 30_000
    assert price({"input": DOLLAR, "output": 9 * DOLLAR}).ceiling(10, 5, choices=2) == 10_000 + 90_000


def test_only_tiers_within_reach_raise_the_ceiling() -> None:
    tariff = price({"input": DOLLAR}, (1_000, {"input": 2 * DOLLAR}))
    assert tariff.ceiling(1_000, 0) == 1_000_000
    assert tariff.ceiling(1_001, 0) == 2_002_000


def test_without_a_known_end_there_is_no_ceiling() -> None:
    assert price({"input": DOLLAR, "output": DOLLAR}).ceiling(10, None) is None
    assert price({"per_second": DOLLAR}).ceiling(10, 10) is None
    assert price({"input": DOLLAR}).ceiling(10, None) == 10_000


def test_no_forecast_exceeds_what_counters_can_hold() -> None:
    found = price({"input": DOLLAR, "output": DOLLAR})
    assert found.expected(1_000, (2**63 - 1) * (2**63 - 1)) == MOST_NUSD
    assert found.ceiling(1_000, 2**63 - 1, 2**63 - 1) == MOST_NUSD


def test_pictures_and_searches_that_are_foreseen_are_expected_each_at_its_price() -> None:
    sold = price({"per_image": 40_000, "per_search": 7_000}, hd={"per_image": 80_000, "per_search": 7_000})
    each = sold.expected(0, 0)
    assert sold.expected(0, 0, pictures=3) == 3 * each
    assert sold.expected(0, 0, "hd", pictures=3) == 6 * each
    assert sold.expected(0, 0, pictures=0, searches=1_000_000) == 7_000


def test_the_shares_of_pictures_are_billed_as_pictures() -> None:
    whole = used(input=10, output=20)
    share = ModelUsage("m", 10, 20, image_input=4, image_output=20)
    rates = price({"input": 1, "output": 1, "image_input": 10**6, "image_output": 10**6})
    assert rates.amount(as_usage(share, whole))[0] == 6 + 4 * 10**6 + 20 * 10**6

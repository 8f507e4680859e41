"""The price book: table, configuration, and what happens where neither knows a model."""

from __future__ import annotations

import json

import msgspec
import pytest

from proxy.domain.upstream import PriceOverride, Upstream
from proxy.domain.usage import ModelUsage, Usage, UsageSource
from proxy.metering.cost import FREE_BY_CONFIG, PRICED_BY_CONFIG, SERVED_UNPRICED, UNPRICED
from proxy.metering.prices import PriceBook
from proxy.metering.table import PriceTable
from tests.support.shared import shared_dir

NOW = 1_795_000_000.0  # 2026-11-18
DOLLAR = 10**9
OPENAI = Upstream(name="openai", dialect="openai", base_url="https://api.openai.com/v1")
ANTHROPIC = Upstream(name="anthropic", dialect="anthropic", base_url="https://x.invalid", prices_from="anthropic")


def used(input_: int, output: int, model: str | None = None, **fields: int) -> Usage:
    return Usage(input=input_, output=output, model=model, usage_source=UsageSource.REPORTED, complete=True, **fields)  # type: ignore[arg-type] # counts only


def own(*prices: PriceOverride, **fields: object) -> Upstream:
    given = {"name": "own", "dialect": "openai", "base_url": "http://vllm.internal:8000/v1", "prices": prices, **fields}
    return Upstream(**given)  # type: ignore[arg-type] # fields of Upstream


def cost(table: PriceTable, upstream: Upstream, model: str, usage: Usage) -> int | None:
    price = PriceBook(table, [upstream]).quote(upstream, model, NOW)
    return price.cost(usage) if price else None


def test_a_providers_own_url_is_enough_to_find_its_prices(table: PriceTable) -> None:
    assert cost(table, OPENAI, "gpt-4o", used(1_000_000, 0)) == 2_500_000_000


def test_a_models_name_proves_nothing_about_a_strange_url(table: PriceTable) -> None:
    assert cost(table, own(), "gpt-4o", used(1, 1)) is None


def test_an_unknown_provider_is_an_error_that_names_the_nearest(table: PriceTable) -> None:
    with pytest.raises(
        ValueError, match=r"upstreams\.own\.prices_from: 'opnai' is not in the price table; did you mean 'openai'"
    ):
        PriceBook(table, [own(prices_from="opnai")])


def test_an_unknown_unit_is_an_error(table: PriceTable) -> None:
    with pytest.raises(ValueError, match="'inputs' is not a unit"):
        PriceBook(table, [own(PriceOverride(rates=(("inputs", 1),)))])


def test_the_configuration_wins_over_the_table(table: PriceTable) -> None:
    upstream = own(PriceOverride("gpt-4o", (("input", DOLLAR), ("output", 0))), prices_from="openai")
    assert cost(table, upstream, "gpt-4o", used(1_000, 1_000)) == 1_000_000
    assert cost(table, upstream, "gpt-4o-mini", used(1_000_000, 0)) == 150_000_000


def test_an_input_price_replaces_the_tables_prices_of_cached_tokens_and_long_inputs(table: PriceTable) -> None:
    upstream = own(PriceOverride("*", (("input", 0),)), prices_from="anthropic")
    assert cost(table, upstream, "claude-sonnet-4-5", used(300_000, 0, cached_read=200_000, cache_write=10_000)) == 0
    assert cost(table, upstream, "claude-sonnet-4-5", used(300_000, 1_000_000)) == 22_500_000_000


def test_what_an_override_does_not_name_stays_as_in_the_table(table: PriceTable) -> None:
    upstream = own(PriceOverride("*", (("per_search", 5_000_000),)), prices_from="openai")
    assert cost(table, upstream, "gpt-4o", used(1_000_000, 0, web_searches=2)) == 2_500_000_000 + 10_000_000


def test_the_first_override_that_fits_is_taken(table: PriceTable) -> None:
    upstream = own(PriceOverride("GPT-*", (("input", DOLLAR),)), PriceOverride("gpt-4o", (("input", 2 * DOLLAR),)))
    assert cost(table, upstream, "gpt-4o", used(1_000, 0)) == 1_000_000
    assert cost(table, upstream, "other", used(1_000, 0)) is None


def test_overrides_fit_the_name_that_callers_use_too(table: PriceTable) -> None:
    upstream = own(PriceOverride("vllm/*", (("input", DOLLAR),)), strip_prefix="vllm/")
    assert cost(table, upstream, "llama-4", used(1_000, 0)) == 1_000_000


def test_a_discount_lowers_every_price_of_the_table(table: PriceTable) -> None:
    upstream = own(PriceOverride("*", discount_millionths=150_000), prices_from="anthropic")
    usage = used(300_000, 1_000, cached_read=100_000)
    assert cost(table, upstream, "claude-sonnet-4-5", usage) == round(
        0.85 * (200_000 * 6_000 + 100_000 * 600 + 1_000 * 22_500)
    )


def test_a_tier_alone_is_added_to_the_tables_price(table: PriceTable) -> None:
    upstream = own(PriceOverride("*", tiers=((1_000, (("input", 10 * DOLLAR),)),)), prices_from="openai")
    assert cost(table, upstream, "gpt-4o", used(1_000, 0)) == 2_500_000
    assert cost(table, upstream, "gpt-4o", used(1_001, 1_000)) == 10_010_000 + 10_000_000
    assert cost(table, own(upstream.prices[0]), "gpt-4o", used(1, 0)) is None


def test_a_discount_alone_does_not_price_a_model(table: PriceTable) -> None:
    assert cost(table, own(PriceOverride("*", discount_millionths=10)), "m", used(1, 1)) is None


def test_lanes_are_factors_on_the_configured_price(table: PriceTable) -> None:
    override = PriceOverride("*", (("input", DOLLAR),), ((100, (("input", 2 * DOLLAR),)),), (("batch", 500_000),))
    price = PriceBook(table, []).quote(own(override), "m", NOW)
    assert price is not None
    batch = Usage(input=1_000, output=0, service_tier="batch", usage_source=UsageSource.REPORTED)
    assert price.cost(batch) == 1_000_000


def test_amounts_for_single_things_are_dollars_for_one(table: PriceTable) -> None:
    upstream = own(PriceOverride("dall-e-3", (("per_image", 40_000_000),)))
    price = PriceBook(table, [upstream]).quote(upstream, "dall-e-3", NOW)
    assert price is not None
    assert price.cost(Usage(images=2, usage_source=UsageSource.REPORTED)) == 80_000_000


def test_a_model_without_a_price_is_refused_by_default(table: PriceTable) -> None:
    book = PriceBook(table, [OPENAI])
    assert book.quote(OPENAI, "gpt-99", NOW) is None
    assert book.cost_of(OPENAI, "gpt-99", used(10, 10), NOW).flag == UNPRICED


def test_unpriced_models_are_free_only_where_the_configuration_says_so(table: PriceTable) -> None:
    upstream = own(unpriced="free")
    cost_ = PriceBook(table, [upstream]).cost_of(upstream, "m", used(1_000, 1_000), NOW)
    assert (cost_.nusd, cost_.flag, cost_.price_version) == (0, FREE_BY_CONFIG, "config:unpriced")


def test_unpriced_models_may_have_a_price_of_their_own(table: PriceTable) -> None:
    upstream = own(unpriced="price", unpriced_rates=(("input", DOLLAR), ("output", 2 * DOLLAR)))
    cost_ = PriceBook(table, [upstream]).cost_of(upstream, "m", used(1_000, 1_000), NOW)
    assert (cost_.nusd, cost_.flag) == (3_000_000, PRICED_BY_CONFIG)


def test_a_price_of_zero_is_a_price(table: PriceTable) -> None:
    upstream = own(PriceOverride("*", (("input", 0), ("output", 0))))
    cost_ = PriceBook(table, [upstream]).cost_of(upstream, "m", used(1_000, 1_000), NOW)
    assert (cost_.nusd, cost_.flag) == (0, None)


def test_the_model_that_answered_is_priced(table: PriceTable) -> None:
    cost_ = PriceBook(table, [OPENAI]).cost_of(OPENAI, "gpt-4o", used(1_000_000, 0, "gpt-4o-mini-2024-07-18"), NOW)
    assert (cost_.nusd, cost_.flag) == (150_000_000, None)


def test_a_served_model_without_a_price_is_billed_as_requested_and_flagged(table: PriceTable) -> None:
    cost_ = PriceBook(table, [OPENAI]).cost_of(OPENAI, "gpt-4o", used(1_000_000, 0, "mystery"), NOW)
    assert (cost_.nusd, cost_.flag) == (2_500_000_000, SERVED_UNPRICED)


def test_a_price_for_the_unpriced_does_not_replace_that_of_the_model_asked_for(table: PriceTable) -> None:
    upstream = own(prices_from="openai", unpriced="free")
    cost_ = PriceBook(table, [upstream]).cost_of(upstream, "gpt-4o", used(1_000_000, 0, "mystery"), NOW)
    assert (cost_.nusd, cost_.flag) == (2_500_000_000, SERVED_UNPRICED)


def test_a_served_model_with_half_a_price_is_billed_as_requested_and_flagged(table: PriceTable) -> None:
    whole, half = (("input", DOLLAR), ("output", DOLLAR)), (("input", DOLLAR),)
    upstream = own(PriceOverride("whole", whole), PriceOverride("half", half))
    cost_ = PriceBook(table, [upstream]).cost_of(upstream, "whole", used(0, 1_000, "half"), NOW)
    assert (cost_.nusd, cost_.flag) == (1_000_000, SERVED_UNPRICED)


def test_an_upstream_whose_model_names_mean_nothing_is_billed_as_requested(table: PriceTable) -> None:
    upstream = own(
        PriceOverride("a", (("input", DOLLAR),)), PriceOverride("b", (("input", 0),)), trust_served_model=False
    )
    cost_ = PriceBook(table, [upstream]).cost_of(upstream, "a", used(1_000, 0, "b"), NOW)
    assert (cost_.nusd, cost_.flag) == (1_000_000, None)


def test_an_answer_of_several_models_is_priced_part_by_part(table: PriceTable) -> None:
    usage = used(
        3_000,
        300,
        "claude-sonnet-4-5",
        web_searches=1,
        by_model=(  # type: ignore[arg-type] # not a count
            ModelUsage("claude-sonnet-4-5", 1_000, 100, cached_read=500),
            ModelUsage("claude-opus-4-8", 2_000, 200),
        ),
    )
    cost_ = PriceBook(table, [ANTHROPIC]).cost_of(ANTHROPIC, "claude-sonnet-4-5", usage, NOW)
    sonnet = 500 * 3_000 + 500 * 300 + 100 * 15_000
    opus = 2_000 * 5_000 + 200 * 25_000
    assert (cost_.nusd, cost_.flag) == (sonnet + opus + 10_000_000, None)


def test_a_model_that_was_asked_twice_is_priced_by_the_length_of_each_request(table: PriceTable) -> None:
    once, joined = ModelUsage("claude-sonnet-4-5", 150_000, 100), ModelUsage("claude-sonnet-4-5", 300_000, 200)
    usage = used(300_000, 200, "claude-sonnet-4-5", by_model=(joined,), parts=(once, once))  # type: ignore[arg-type] # not counts
    cost_ = PriceBook(table, [ANTHROPIC]).cost_of(ANTHROPIC, "claude-sonnet-4-5", usage, NOW)
    assert cost_.nusd == 2 * (150_000 * 3_000 + 100 * 15_000)


def test_parts_are_rounded_together(table: PriceTable) -> None:
    upstream = own(PriceOverride("*", (("input", 400_000), ("output", 0))))
    usage = used(3, 0, by_model=tuple(ModelUsage("m", 1, 0) for _ in range(3)))  # type: ignore[arg-type] # not a count
    assert PriceBook(table, [upstream]).cost_of(upstream, "m", usage, NOW).nusd == 1


def test_a_part_by_an_unknown_model_is_billed_as_requested_and_flagged(table: PriceTable) -> None:
    usage = used(10, 1, by_model=(ModelUsage("mystery", 10, 1),))  # type: ignore[arg-type] # not a count
    cost_ = PriceBook(table, [ANTHROPIC]).cost_of(ANTHROPIC, "claude-sonnet-4-5", usage, NOW)
    assert (cost_.nusd, cost_.flag) == (10 * 3_000 + 15_000, SERVED_UNPRICED)


def test_prices_follow_the_time_of_the_call_in_any_order(table: PriceTable) -> None:
    deepseek = own(prices_from="deepseek")
    book = PriceBook(table, [deepseek])
    night = 1_795_000_000 - 1_795_000_000 % 86_400 + 2 * 3_600
    noon = night + 10 * 3_600
    usage = used(1_000_000, 0)
    seen = [book.cost_of(deepseek, "deepseek-v4-pro", usage, at).nusd for at in (noon, night, noon, night)]
    assert seen == [660_000_000, 1_320_000_000] * 2


def test_the_version_tells_table_and_configuration_apart(table: PriceTable) -> None:
    discounted = own(PriceOverride("gpt-4o", discount_millionths=1), prices_from="openai")
    book = PriceBook(table, [discounted])
    plain, special = book.quote(discounted, "gpt-4o-mini", NOW), book.quote(discounted, "gpt-4o", NOW)
    assert plain is not None
    assert special is not None
    assert plain.version == book.version == table.version
    assert special.version.startswith(f"{table.version} config:")


def test_labels_come_from_the_table_or_the_configuration_only(table: PriceTable) -> None:
    demo = own(PriceOverride("demo-fast", (("input", 1),)), PriceOverride("x-*", (("input", 1),)), strip_prefix="own/")
    book = PriceBook(table, [OPENAI, ANTHROPIC, demo])
    assert book.canonical("gpt-4o-2024-11-20") == "gpt-4o"
    assert book.canonical("claude-sonnet-4-5-20250929") == "claude-sonnet-4-5"
    assert book.canonical("own/demo-fast") == book.canonical("demo-fast") == "demo-fast"
    assert book.canonical("x-anything") == "other"
    assert book.canonical("gpt-" + "9" * 300) == "other"


def test_made_up_names_do_not_fill_the_memory(table: PriceTable) -> None:
    upstream = own(unpriced="free")
    book = PriceBook(table, [upstream])
    for number in range(5_000):
        book.quote(upstream, f"made-up-{number}", NOW)
        book.canonical(f"made-up-{number}")
    assert len(book._quotes) <= 4_096
    assert len(book._labels) <= 4_096


def test_no_recorded_usage_contradicts_itself(table: PriceTable) -> None:
    shared = shared_dir()
    if shared is None:
        pytest.skip("the recorded exchanges of ../shared are not here")
    priced = 0
    for path in sorted((shared / "usage-fixtures").glob("*.json")):
        recorded = json.loads(path.read_text())
        fields = {name: value for name, value in recorded["expected"].items() if name in Usage.__struct_fields__}
        usage = msgspec.convert({**fields, "by_model": fields.get("by_model") or ()}, Usage)
        provider = table.provider(recorded["provider"])
        if provider is None or usage.model is None:
            continue
        upstream = own(prices_from=provider.id)
        booked = PriceBook(table, [upstream]).cost_of(upstream, usage.model, usage, NOW)
        assert booked.flag in {None, UNPRICED}, path.name
        priced += booked.nusd > 0
    assert priced >= 20

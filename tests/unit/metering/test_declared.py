"""The price of an entry holds for every model and upstream, and for nothing beside it."""

from __future__ import annotations

from proxy.domain.upstream import Upstream
from proxy.domain.usage import Usage, UsageSource
from proxy.metering.billable import unbillable
from proxy.metering.declared import DeclaredPrices
from proxy.metering.table import PriceTable

AT = 1_795_000_000.0
OPENAI = Upstream("openai", "openai", "https://api.openai.com/v1", prices_from="openai")


def test_a_flat_price_is_asked_for_every_call_and_counts_no_token(table: PriceTable) -> None:
    prices = DeclaredPrices(table, "files", (("per_request", 10_000_000),))
    usage = Usage(input=0, output=0, complete=True, usage_source=UsageSource.REPORTED)
    for model in ("files", "gpt-4o"):
        cost = prices.cost_of(OPENAI, model, usage, AT)
        assert (cost.nusd, cost.flag) == (10_000_000, None)
    price = prices.quote(OPENAI, "gpt-4o", AT)
    assert price is not None
    assert price.expected(0, 0) == 10_000_000
    assert price.ceiling(0, 0) == 10_000_000
    assert unbillable(price, "passthrough") == ()


def test_a_price_of_nothing_is_a_price(table: PriceTable) -> None:
    prices = DeclaredPrices(table, "files", (("per_request", 0),))
    assert prices.cost_of(OPENAI, "files", Usage(input=0, output=0, usage_source=UsageSource.REPORTED), AT).nusd == 0
    price = prices.quote(OPENAI, "files", AT)
    assert price is not None
    assert price.flag is None


def test_what_an_answer_shows_is_priced_and_what_it_does_not_is_told(table: PriceTable) -> None:
    prices = DeclaredPrices(table, "rerank", (("input", 20_000_000),))
    shown = prices.cost_of(OPENAI, "m", Usage(input=1_000, output=0, usage_source=UsageSource.REPORTED), AT)
    assert (shown.nusd, shown.flag) == (20_000, None)
    hidden = prices.cost_of(OPENAI, "m", Usage(input=500, output=0, usage_source=UsageSource.ESTIMATED), AT)
    assert (hidden.nusd, hidden.flag) == (10_000, "usage_missing")


def test_units_are_counted_one_by_one(table: PriceTable) -> None:
    prices = DeclaredPrices(table, "x", (("per_second", 100_000), ("per_request", 1_000)))
    usage = Usage(input=0, output=0, seconds=2.5, usage_source=UsageSource.REPORTED)
    assert prices.cost_of(OPENAI, "x", usage, AT).nusd == 251_000

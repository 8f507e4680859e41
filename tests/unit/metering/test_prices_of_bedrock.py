"""Prices of models on Bedrock, whose ids name geography, vendor and version around the vendor's own name."""

from __future__ import annotations

import msgspec
import pytest

from proxy.domain.upstream import PriceOverride, Upstream
from proxy.domain.usage import Usage, UsageSource
from proxy.metering.prices import PriceBook
from proxy.metering.table import PriceTable

NOW = 1_795_000_000.0  # 2026-11-18
DOLLAR = 10**9
BEDROCK = Upstream(name="aws", dialect="bedrock", base_url="https://bedrock-runtime.us-east-1.amazonaws.com")
OPUS = "anthropic.claude-opus-4-8"


def used(served: str | None = None) -> Usage:
    """A million tokens of input, by a model that calls itself so."""
    return Usage(input=1_000_000, output=0, model=served, usage_source=UsageSource.REPORTED, complete=True)


@pytest.mark.parametrize(
    ("model", "dollars"),
    [
        (f"us.{OPUS}", 5.5),
        (f"{OPUS}-v1:0", 5.5),
        (f"ca.{OPUS}-v1:0", 5.5),
        (f"global.{OPUS}", 5),
        (f"arn:aws:bedrock:us-east-1::foundation-model/{OPUS}-v1:0", 5.5),
        (f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.{OPUS}-v1:0", 5),
        ("us.amazon.nova-micro-v1:0", 0.035),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123", None),
        ("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc123", None),
    ],
)
def test_bedrock_s_ids_find_their_price_by_region(table: PriceTable, model: str, dollars: float | None) -> None:
    price = PriceBook(table, [BEDROCK]).quote(BEDROCK, model, NOW)
    assert (price and price.cost(used())) == (None if dollars is None else round(dollars * DOLLAR))


@pytest.mark.parametrize(
    ("asked", "served", "dollars"),
    [
        (f"global.{OPUS}", "claude-opus-4-8", 5),
        (f"us.{OPUS}", "claude-opus-4-8", 5.5),
        (f"global.{OPUS}", "claude-haiku-4-5-20251001", 1),
        (f"us.{OPUS}", "claude-haiku-4-5-20251001", 1.1),
        (f"us.{OPUS}", f"arn:aws:bedrock:us-east-1::foundation-model/{OPUS}", 5.5),
    ],
)
def test_a_model_on_bedrock_that_says_only_its_vendor_s_name_costs_what_the_asked_region_does(
    table: PriceTable, asked: str, served: str, dollars: float
) -> None:
    booked = PriceBook(table, [BEDROCK]).cost_of(BEDROCK, asked, used(served), NOW)
    assert (booked.nusd, booked.flag) == (round(dollars * DOLLAR), None)


def test_a_negotiated_price_of_an_id_holds_whatever_the_model_calls_itself(table: PriceTable) -> None:
    upstream = msgspec.structs.replace(
        BEDROCK, prices=(PriceOverride(match=f"us.{OPUS}-v1:0", rates=(("input", DOLLAR), ("output", DOLLAR))),)
    )
    book = PriceBook(table, [upstream])
    assert book.cost_of(upstream, f"us.{OPUS}-v1:0", used("claude-opus-4-8"), NOW).nusd == DOLLAR

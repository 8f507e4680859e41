"""What could not be billed is known before the call."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.domain.ask import Ask, Endpoint, Features
from proxy.domain.upstream import PriceOverride, Upstream
from proxy.metering.billable import lacking, unbillable
from proxy.metering.prices import PriceBook
from proxy.metering.table import PriceTable


@pytest.mark.parametrize(
    ("provider", "model", "api", "media", "missing"),
    [
        ("openai", "gpt-4o", "openai.chat", 0, ()),
        ("openai", "gpt-4o", "openai.responses", 1, ()),
        ("openai", "text-embedding-3-small", "openai.embeddings", 0, ()),
        ("openai", "whisper-1", "openai.audio", 1, ()),
        ("openai", "whisper-1", "openai.chat", 0, ("per_second",)),
        ("openai", "tts-1", "openai.speech", 0, ()),
        ("openai", "tts-1", "openai.audio", 0, ("per_character",)),
        ("openai", "whisper-1", "openai.speech", 0, ("per_second",)),
        ("openai", "tts-1", "openai.chat", 0, ("per_character",)),
        ("openai", "gpt-image-1", "openai.images", 0, ()),
        ("anthropic", "claude-sonnet-4-5", "anthropic.messages", 1, ()),
        ("google", "gemini-2.5-pro", "gemini.generate", 1, ()),
        ("google", "gemini-embedding-2", "gemini.embed", 0, ()),
        ("google", "gemini-embedding-2", "gemini.embed", 1, ("video_input",)),
        ("mistral", "voxtral-small-24b-2507", "openai.chat", 0, ()),
        ("mistral", "voxtral-small-24b-2507", "openai.chat", 1, ("per_second",)),
        ("mistral", "mistral-ocr-latest", "openai.chat", 0, ("per_page",)),
        ("perplexity", "sonar-pro", "openai.chat", 0, ()),
        ("perplexity", "sonar-deep-research", "openai.chat", 0, ("citation",)),
    ],
)
def test_a_unit_that_the_answers_do_not_show_is_named(
    table: PriceTable, provider: str, model: str, api: str, media: int, missing: tuple[str, ...]
) -> None:
    upstream = Upstream(name="u", dialect="openai", base_url="https://x.invalid", prices_from=provider)
    price = PriceBook(table, [upstream]).quote(upstream, model, 1_795_000_000.0)
    assert price is not None
    assert unbillable(price, api, media=bool(media)) == missing


@pytest.mark.parametrize(
    ("rates", "api", "missing"),
    [
        ({"input": 1}, "openai.chat", ("output",)),
        ({"output": 1}, "anthropic.messages", ("input",)),
        ({"cached_read": 1}, "gemini.generate", ("input", "output")),
        ({"input": 0}, "openai.responses", ("output",)),
        ({"input": 1, "output": 0}, "openai.chat", ()),
        ({"input": 0, "output": 0}, "openai.chat", ()),
        ({"input": 1}, "openai.embeddings", ()),
        ({"input": 1}, "gemini.embed", ()),
        ({"output": 1}, "gemini.embed", ("input",)),
        ({"per_request": 1}, "openai.chat", ()),
        ({"input": 1}, "ollama.embed", ()),
        ({"input": 1}, "cohere.embed", ()),
        ({"input": 1, "per_image": 1}, "cohere.embed", ()),
        ({"per_image": 1}, "cohere.chat", ("per_image",)),
        ({"per_image": 1}, "openai.images", ()),
        ({"per_search": 1}, "cohere.rerank", ()),
        ({"input": 1}, "cohere.rerank", ()),
    ],
)
@pytest.mark.parametrize("unpriced", [False, True])
def test_a_side_that_nobody_priced_is_named_and_a_price_of_zero_is_a_price(
    table: PriceTable, rates: dict[str, int], api: str, missing: tuple[str, ...], *, unpriced: bool
) -> None:
    written = tuple(rates.items())
    prices = (
        {"unpriced": "price", "unpriced_rates": written} if unpriced else {"prices": (PriceOverride("*", written),)}
    )
    upstream = Upstream(name="u", dialect="openai", base_url="https://x.invalid", **prices)
    price = PriceBook(table, [upstream]).quote(upstream, "m", 1_795_000_000.0)
    assert price is not None
    assert unbillable(price, api) == missing


def test_half_an_override_leaves_the_other_half_to_the_table(table: PriceTable) -> None:
    half = (PriceOverride("*", (("input", 1),)),)
    upstream = Upstream(name="u", dialect="openai", base_url="https://x.invalid", prices_from="openai", prices=half)
    price = PriceBook(table, [upstream]).quote(upstream, "gpt-4o", 1_795_000_000.0)
    assert price is not None
    assert unbillable(price, "openai.chat") == ()


def test_a_model_of_the_table_that_only_reads_is_not_asked_to_write(table: PriceTable) -> None:
    upstream = Upstream(name="u", dialect="openai", base_url="https://x.invalid", prices_from="openai")
    price = PriceBook(table, [upstream]).quote(upstream, "text-embedding-3-small", 1_795_000_000.0)
    assert price is not None
    assert unbillable(price, "openai.chat") == ("output",)


PICTURE = {"features": Features(images=1)}


@pytest.mark.parametrize(
    ("rates", "lanes", "api", "asked", "words"),
    [
        ({"per_search": 1}, {}, "cohere.rerank", {}, ""),
        ({"per_search": 0}, {}, "cohere.rerank", {}, ""),
        ({"input": 1, "output": 1}, {}, "cohere.rerank", {}, "per_search"),
        ({"input": 1}, {}, "cohere.embed", {}, ""),
        ({"input": 1}, {}, "cohere.embed", PICTURE, "pictures"),
        ({"input": 1, "image_input": 4}, {}, "cohere.embed", PICTURE, ""),
        ({"input": 1, "per_image": 4}, {}, "cohere.embed", PICTURE, ""),
        ({"input": 1, "output": 1}, {}, "cohere.chat", PICTURE, ""),
        ({"per_image": 40}, {}, "openai.images", {"service_tier": "hd"}, ""),  # one price for all
        ({"per_image": 40}, {"hd": 2}, "openai.images", {}, ""),
        ({"per_image": 40}, {"hd": 2}, "openai.images", {"service_tier": "hd"}, ""),
        ({"per_image": 40}, {"hd": 2}, "openai.images", {"service_tier": "hd 1024x1792"}, "'hd 1024x1792'"),
        ({"input": 1, "output": 1}, {"batch": 2}, "openai.images", {"service_tier": "high"}, ""),
    ],
)
def test_what_a_call_is_sold_by_and_nobody_priced_is_named(
    table: PriceTable, rates: dict[str, int], lanes: dict[str, int], api: str, asked: dict[str, Any], words: str
) -> None:
    factors = tuple((lane, factor * 1_000_000) for lane, factor in lanes.items())
    prices = (PriceOverride("*", tuple(rates.items()), lanes=factors),)
    upstream = Upstream(name="u", dialect="openai", base_url="https://x.invalid", prices=prices)
    price = PriceBook(table, [upstream]).quote(upstream, "m", 1_795_000_000.0)
    assert price is not None
    said = lacking(price, Ask(Endpoint(api, "/", "/"), "m", b"", **asked))
    assert (words in said) if words else said == ""


def test_what_the_configuration_gives_away_lacks_no_price(table: PriceTable) -> None:
    upstream = Upstream(name="u", dialect="cohere", base_url="https://x.invalid", unpriced="free")
    price = PriceBook(table, [upstream]).quote(upstream, "m", 1_795_000_000.0)
    assert price is not None
    assert lacking(price, Ask(Endpoint("cohere.rerank", "/", "/"), "m", b"")) == ""

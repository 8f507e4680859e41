"""The price table in the package is what ``make prices`` makes, and prices usage as its source does."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from genai_prices import types as source
from genai_prices.data import providers
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.domain.upstream import Upstream
from proxy.domain.usage import Usage, UsageSource
from proxy.metering.prices import PriceBook
from proxy.metering.table import PriceTable, TableFile
from tests.support.make_prices import TARGET, changes, rendered
from tests.support.make_prices import table as made_table

TABLE = PriceTable.load()
SOURCE = {provider.id: provider for provider in providers}
WELL_KNOWN = [
    ("openai", "gpt-4o"),
    ("openai", "gpt-4o-mini"),
    ("openai", "gpt-5.4"),
    ("openai", "o3"),
    ("openai", "text-embedding-3-small"),
    ("anthropic", "claude-sonnet-4-5"),
    ("anthropic", "claude-opus-4-8"),
    ("anthropic", "claude-haiku-4-5"),
    ("google", "gemini-2.5-pro"),
    ("google", "gemini-2.5-flash"),
    ("deepseek", "deepseek-v4-flash"),
    ("mistral", "mistral-large-latest"),
    ("x-ai", "grok-4"),
    ("groq", "llama-3.3-70b-versatile"),
]
LANES = {
    "": {},
    "batch": {"processing": "batch"},
    "priority": {"service_tier": "priority"},
    "flex": {"service_tier": "flex"},
}


def upstream(provider: str) -> Upstream:
    return Upstream(name=provider, dialect="openai", base_url="https://x.invalid", prices_from=provider)


BOOK = PriceBook(TABLE, [upstream(provider) for provider in SOURCE])


def test_the_committed_file_is_what_make_prices_makes() -> None:
    made = PriceTable.load().made
    assert TARGET.read_bytes() == rendered(made_table(made))
    assert date.fromisoformat(made) >= date(2026, 11, 23)


def test_the_version_names_source_and_content() -> None:
    assert TABLE.version.startswith("genai-prices 0.")
    assert len(TABLE.version.split("+")[1]) == 8


def test_what_changed_is_told_in_a_few_lines() -> None:
    new = made_table("2026-11-23")
    first = new.providers[0]
    dearer = msgspec.structs.replace(first.models[1], prices=first.models[0].prices)
    old = TableFile(
        "before", "", (msgspec.structs.replace(first, models=(*first.models[2:], dearer)), *new.providers[1:])
    )
    lines = changes(old, new)
    assert lines[0].startswith("before -> genai-prices")
    assert lines[1] == f"added 1: anthropic/{first.models[0].id}"
    assert lines[2] == f"repriced 1: anthropic/{dearer.id}"
    assert changes(new, old)[1] == f"removed 1: anthropic/{first.models[0].id}"
    assert len(changes(TableFile("nothing", "", ()), new)) == 2  # thousands of names stay one line
    assert changes(new, new) == [f"{new.version}: {sum(len(p.models) for p in new.providers)} models, nothing changed"]


def theirs(provider: str, model: str, usage: source.Usage, at: float, lane: str) -> Fraction:
    found = SOURCE[provider].find_model(model, all_providers=providers)
    assert found is not None
    when = datetime.fromtimestamp(at, UTC)
    price = found.calc_price(usage, SOURCE[provider], genai_request_timestamp=when, price_context=LANES[lane] or None)
    return Fraction(price.total_price) * 10**9


tokens = st.one_of(
    st.integers(0, 5_000), st.integers(0, 1_500_000), st.sampled_from([200_000, 200_001, 272_000, 272_001])
)
times = st.floats(1_735_689_600, 1_830_000_000)  # 2025 to 2027


@settings(max_examples=400)
@given(
    st.sampled_from(WELL_KNOWN),
    st.tuples(tokens, tokens, tokens, tokens, tokens, st.integers(0, 5)),
    times,
    st.sampled_from(sorted(LANES)),
)
def test_well_known_models_cost_what_genai_prices_says(
    named: tuple[str, str], amounts: tuple[int, ...], at: float, lane: str
) -> None:
    fresh, read, write, hour, output, searches = amounts
    provider, model = named
    usage = Usage(
        input=fresh + read + write + hour,
        output=output,
        cached_read=read,
        cache_write=write + hour,
        cache_write_1h=hour,
        web_searches=searches,
        service_tier=lane or None,
        usage_source=UsageSource.REPORTED,
    )
    same = source.Usage(
        input_tokens=fresh + read + write + hour,
        output_tokens=output,
        cache_read_tokens=read,
        cache_write_tokens=write + hour,
        cache_write_1h_tokens=hour,
        web_searches=searches,
    )
    price = BOOK.quote(upstream(provider), model, at)
    assert price is not None
    assert abs(price.cost(usage) - theirs(provider, model, same, at, lane)) <= Fraction(1, 2)


@pytest.mark.parametrize(
    "provider", ["openai", "anthropic", "google", "mistral", "deepseek", "groq", "azure", "openrouter"]
)
def test_every_name_of_the_table_finds_the_model_that_genai_prices_finds(provider: str) -> None:
    entry = TABLE.provider(provider)
    assert entry is not None
    names = [model.id for model in entry.models] + ["gpt-5.2-20251211", "claude-sonnet-4-5@20250929", "no-such-model"]
    for name in names:
        found = TABLE.find(entry, name)
        expected = SOURCE[provider].find_model(name, all_providers=providers)
        assert (found[0].id if found else None) == (expected.id if expected else None), name


@given(st.text(max_size=40))
def test_any_name_is_matched_as_genai_prices_matches_it(name: str) -> None:
    for provider in ("openai", "azure"):
        entry = TABLE.provider(provider)
        assert entry is not None
        found = TABLE.find(entry, name)
        expected = SOURCE[provider].find_model(name, all_providers=providers)
        assert (found[0].id if found else None) == (expected.id if expected else None)


def test_sound_is_priced_by_the_second_and_speech_by_the_character() -> None:
    whisper = BOOK.quote(upstream("openai"), "whisper-1", 1.8e9)
    speech = BOOK.quote(upstream("openai"), "tts-1", 1.8e9)
    assert whisper is not None
    assert speech is not None
    assert whisper.cost(Usage(input=0, output=0, seconds=37)) == 37 * 100_000
    assert speech.cost(Usage(characters=1000)) == int(Decimal("0.015") * 10**9)


def test_a_model_whose_price_the_source_does_not_know_is_unpriced_and_not_free() -> None:
    assert BOOK.quote(upstream("cerebras"), "qwen-3-coder-480b", 1.8e9) is None
    free = BOOK.quote(upstream("openrouter"), "openai/gpt-oss-20b:free", 1.8e9)
    assert free is not None
    assert free.cost(Usage(input=1000, output=1000)) == 0


def test_no_rate_is_negative_and_all_are_whole() -> None:
    for provider in made_table("").providers:
        for model in provider.models:
            for entry in (*model.prices, *model.lanes):
                for rates in (entry.rates, *(tier for _, tier in entry.tiers)):
                    assert all(type(rate) is int and rate >= 0 for rate in rates.values())

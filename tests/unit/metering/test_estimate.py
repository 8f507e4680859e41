"""An estimate is exact where it is cheap, bounded everywhere, and learns without keeping a text."""

from __future__ import annotations

import gc
import json
import weakref

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.domain.ask import Features
from proxy.domain.usage import ModelUsage, Usage, UsageSource
from proxy.metering.count import count, count_all
from proxy.metering.estimate import EXACT_BYTES, Estimate, Estimator
from proxy.metering.media import MEDIA, media_price
from proxy.metering.vocab import CL100K, O200K, Vocabulary

PROSE = "The committee approved the annual budget after a short debate about travel expenses. "


@pytest.fixture
def estimator(vocabulary: Vocabulary) -> Estimator:
    return Estimator(vocabulary)


def features(*texts: str, tools: int = 0, images: int = 0, media: int = 0) -> Features:
    return Features(
        texts=texts,
        text_bytes=sum(len(text.encode()) for text in texts),
        tools_bytes=tools,
        messages=len(texts),
        images=images,
        media_bytes=media,
    )


def reported(tokens: int) -> Usage:
    return Usage(input=tokens, output=1, usage_source=UsageSource.REPORTED, complete=True)


def test_a_short_chat_is_counted_with_openais_overhead(estimator: Estimator, vocabulary: Vocabulary) -> None:
    text = "What is the capital of France?"
    estimate = estimator.estimate("openai", "gpt-5", features(text))
    assert estimate.input_tokens == count(text, vocabulary.get(O200K)) + 6
    assert estimate.counted


def test_a_long_text_is_not_counted_unless_the_caller_did(estimator: Estimator, vocabulary: Vocabulary) -> None:
    long = features(PROSE * 1_000)
    assert long.text_bytes > EXACT_BYTES
    guess = estimator.estimate("openai", "gpt-5", long)
    assert not guess.counted
    assert guess.text_tokens == long.text_bytes // 4
    exact = count_all(long.texts, vocabulary.get(O200K))
    counted = estimator.estimate("openai", "gpt-5", long, exact)
    assert counted.counted
    assert counted.input_tokens == exact + 6


def test_long_texts_teach_their_ratio(estimator: Estimator) -> None:
    long = features(PROSE * 1_000)
    for _ in range(60):
        estimator.learn("u", "m", estimator.estimate("u", "m", long), reported(20_000))
    assert estimator.estimate("u", "m", long).input_tokens == pytest.approx(20_000, rel=0.02)


def test_reports_teach_the_overhead_of_a_model_at_an_upstream_and_of_no_other(estimator: Estimator) -> None:
    asked = features("Hello there", tools=400)
    before = estimator.estimate("anthropic", "claude-x", asked)
    for number in range(40):
        varied = features("Hello there" * (number % 5 + 1), tools=400 if number % 2 else 0)
        estimate = estimator.estimate("anthropic", "claude-x", varied)
        true = estimate.text_tokens + 8 + (estimate.tool_tokens + 420 if estimate.tool_tokens else 0)
        estimator.learn("anthropic", "claude-x", estimate, reported(true))
    after = estimator.estimate("anthropic", "claude-x", asked)
    assert after.input_tokens == pytest.approx(before.text_tokens + 8 + 100 + 420, rel=0.05)
    assert estimator.estimate("anthropic", "claude-y", asked) == before
    assert estimator.estimate("bedrock", "claude-x", asked) == before


@pytest.mark.parametrize(
    "usage",
    [
        Usage(),
        reported(0),
        reported(-5),
        reported(10**400),
        Usage(input=900, usage_source=UsageSource.ESTIMATED),
        Usage(input=900, usage_source=UsageSource.PARTIAL),
        Usage(input=900, web_searches=1, usage_source=UsageSource.REPORTED),
        Usage(input=900, tool_prompt=700, usage_source=UsageSource.REPORTED),
        Usage(input=900, image_input=700, usage_source=UsageSource.REPORTED),
        Usage(input=900, by_model=(ModelUsage("a", 900, 1),), usage_source=UsageSource.REPORTED),
    ],
)
def test_what_does_not_tell_of_text_and_tools_teaches_nothing(estimator: Estimator, usage: Usage) -> None:
    estimate = estimator.estimate("u", "m", features("hello"))
    estimator.learn("u", "m", estimate, usage)
    assert estimator.estimate("u", "m", features("hello")) == estimate


def test_a_request_with_pictures_teaches_nothing(estimator: Estimator) -> None:
    estimate = estimator.estimate("u", "m", features("hello", images=1))
    estimator.learn("u", "m", estimate, reported(9_000))
    assert estimator.estimate("u", "m", features("hello")).input_tokens == 7


def test_pictures_and_files_are_added_by_family(estimator: Estimator) -> None:
    plain = estimator.estimate("u", "gpt-4o", features("hello"))
    seen = estimator.estimate("u", "gpt-4o", features("hello", images=2, media=4_000))
    assert seen.input_tokens == plain.input_tokens + 2 * 765 + 100
    assert seen.upper_tokens == plain.upper_tokens + 2 * 1_445 + 4_000


def test_every_model_has_media_constants_and_no_maximum_is_below_the_typical() -> None:
    for name in (
        "gpt-4o-mini-2024",
        "openai/gpt-4o",
        "us.anthropic.claude-x",
        "gemini-3-pro",
        "amazon.nova-pro",
        "",
        "ß",
    ):
        assert media_price(name) in MEDIA
    assert all(0 < entry.image_typical <= entry.image_most and entry.bytes_per_token > 0 for entry in MEDIA)


@settings(max_examples=60)
@given(st.lists(st.text(max_size=300), max_size=6), st.integers(0, 5_000))
def test_the_upper_bound_is_never_below_the_estimate_or_the_count(
    vocabulary: Vocabulary, texts: list[str], tools: int
) -> None:
    estimator = Estimator(vocabulary)
    asked = features(*[text.encode("utf-8", "replace").decode() for text in texts], tools=tools)
    estimate = estimator.estimate("u", "m", asked)
    assert estimate.upper_tokens >= estimate.input_tokens
    assert (
        Estimator(vocabulary).estimate("u", "m", asked).upper_tokens
        >= count_all(asked.texts, vocabulary.get(O200K)) + tools
    )


@pytest.mark.parametrize(("text", "true"), [("hi", 37), ("hi", 83), ("漢字" * 50, 110)])
def test_the_upper_bound_covers_what_vendors_wrap_around_the_smallest_prompt(text: str, true: int) -> None:
    assert Estimator(Vocabulary()).estimate("u", "m", features(text)).upper_tokens >= true
    assert Estimator(Vocabulary()).estimate("u", "m", features(text, tools=120)).upper_tokens >= 900


def test_an_estimate_keeps_no_prompt_alive(estimator: Estimator) -> None:
    class Prompt(str):
        __slots__ = ("__weakref__",)

    text = Prompt("a prompt that must be forgotten")
    alive = weakref.ref(text)
    asked = features(text)
    estimate = estimator.estimate("u", "m", asked)
    del text, asked
    gc.collect()
    assert alive() is None
    assert "prompt" not in repr(estimate)
    assert all(isinstance(value, int) for value in msgspec.structs.astuple(estimate))


def test_what_was_learned_survives_a_restart(estimator: Estimator, vocabulary: Vocabulary) -> None:
    asked = features("hello", tools=100)
    for _ in range(30):
        estimator.learn("u", "m", estimator.estimate("u", "m", asked), reported(500))
    fresh = Estimator(vocabulary)
    assert fresh.load(json.loads(json.dumps(estimator.dump()))) == 1
    assert fresh.estimate("u", "m", asked) == estimator.estimate("u", "m", asked)
    assert fresh.dump() == estimator.dump()


@pytest.mark.parametrize(
    "dumped",
    [
        None,
        {},
        "x",
        [1, None, []],
        [["u", "m", [1, 1, 3, 3], 0.25]],
        [["u", "m", [float("nan"), 1.0, 3.0, 3.0, 0.0], 0.25]],
        [["u", "m", [1e300, 1.0, 3.0, 3.0, 0.0], 0.25]],
        [["u", "m", [1.0, 1.0, 3.0, 3.0, 0.0], -1.0]],
        [["u", 7, [1.0, 1.0, 3.0, 3.0, 0.0], 0.25]],
    ],
)
def test_a_damaged_dump_is_left_out(estimator: Estimator, dumped: object) -> None:
    assert estimator.load(dumped) == 0
    assert estimator.estimate("u", "m", features("hello")).input_tokens == 7


def test_made_up_models_do_not_fill_the_memory(vocabulary: Vocabulary) -> None:
    estimator = Estimator(vocabulary, limit=8)
    for _ in range(20):
        estimator.learn("u", "kept", estimator.estimate("u", "kept", features("hello")), reported(40))
    learned = estimator.estimate("u", "kept", features("hello")).input_tokens
    for number in range(100):
        estimator.estimate("u", f"made-up-{number}", features("x"))
        assert estimator.estimate("u", "kept", features("hello")).input_tokens == learned
    assert len(estimator.dump()) == 8


def test_counting_takes_the_right_vocabulary_as_soon_as_it_is_there() -> None:
    vocabulary = Vocabulary()
    estimator = Estimator(vocabulary)
    text = "naïve café déjà-vu 世界" * 20
    before = estimator.estimate("u", "gpt-4", features(text)).text_tokens
    assert vocabulary.missed() == (CL100K,)
    vocabulary.load(CL100K)
    after = estimator.estimate("u", "gpt-4", features(text)).text_tokens
    assert (before, after) == (count(text, vocabulary.get(O200K)), count(text, vocabulary.get(CL100K)))
    assert estimator.encoding("gpt-4").name == CL100K


def test_an_empty_request_has_an_estimate(estimator: Estimator) -> None:
    estimate = estimator.estimate("u", "m", Features())
    assert isinstance(estimate, Estimate)
    assert estimate.input_tokens == 3

"""Usage of InvokeModel's answers: what every vendor says in its own words, and Bedrock of all of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from proxy.dialects.bedrock_tap import InvokeTap
from proxy.domain.usage import Usage, UsageSource
from tests.support.frames import event, packed
from tests.support.recorded import cuts, fed

Json = dict[str, Any]
METRICS = "amazon-bedrock-invocationMetrics"
COUNTED = {"inputTokenCount": 7, "outputTokenCount": 12, "cacheReadInputTokenCount": 90, "cacheWriteInputTokenCount": 3}
HEAD = [(b"x-amzn-bedrock-input-token-count", b"7"), (b"x-amzn-bedrock-output-token-count", b"12")]
CLAUDE = [
    packed(
        {
            "type": "message_start",
            "message": {
                "model": "claude-sonnet-5",
                "usage": {"input_tokens": 7, "cache_read_input_tokens": 90, "output_tokens": 1},
            },
        }
    ),
    packed({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}}),
    packed({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 12}}),
    packed({"type": "message_stop", METRICS: COUNTED}),
]


def streamed(tap: InvokeTap, *frames: bytes) -> Usage:
    for frame in frames:
        tap.feed(frame)
    return tap.finish()


def whole(tap: InvokeTap, body: Json, head: list[tuple[bytes, bytes]] | None = None) -> Usage:
    tap.head(head or [])
    tap.body(json.dumps(body).encode())
    return tap.finish()


@given(places=cuts(sum(map(len, CLAUDE))))
def test_claude_is_read_behind_base64_in_any_split(places: list[int]) -> None:
    tap = fed(InvokeTap(), b"".join(CLAUDE), places)
    usage = tap.finish()
    assert (usage.input, usage.output, usage.cached_read, usage.cache_write) == (97, 12, 90, 0)
    assert (usage.model, usage.complete, usage.usage_source) == ("claude-sonnet-5", True, UsageSource.REPORTED)
    assert tap.relayed_text() == "Hi"


def test_claude_cut_short_keeps_its_input() -> None:
    usage = streamed(InvokeTap(), *CLAUDE[:2])
    assert (usage.input, usage.output, usage.complete, usage.usage_source) == (97, None, False, UsageSource.PARTIAL)


@pytest.mark.parametrize(
    ("body", "given", "made", "said"),
    [
        (
            {"inputTextTokenCount": 7, "results": [{"tokenCount": 5, "outputText": "Hi"}, {"tokenCount": 7}]},
            7,
            12,
            "Hi",
        ),
        ({"generation": "Hi", "prompt_token_count": 7, "generation_token_count": 12, "stop_reason": "stop"}, 7, 12, "Hi"),
        ({"output": {"message": {"content": [{"text": "Hi"}]}}, "usage": {"inputTokens": 7, "outputTokens": 12}}, 7, 12, "Hi"),
        ({"choices": [{"message": {"content": "Hi"}}], "usage": {"prompt_tokens": 7, "completion_tokens": 12}}, 7, 12, "Hi"),
        ({"text": "Hi", "meta": {"billed_units": {"input_tokens": 7, "output_tokens": 12}}}, 7, 12, "Hi"),
        ({"outputs": [{"text": "Hi", "stop_reason": "stop"}]}, None, None, "Hi"),
        ({"generations": [{"text": "Hi"}]}, None, None, "Hi"),
        ({"completion": "Hi", "stop_reason": "stop_sequence"}, None, None, "Hi"),
        ({"type": "message", "usage": {"input_tokens": 7, "output_tokens": 12}, "content": []}, 7, 12, ""),
    ],
    ids=["titan", "llama", "nova", "openai", "cohere", "mistral", "old cohere", "old claude", "claude"],
)  # fmt: skip
def test_every_vendor_is_read_and_bedrock_s_headers_know_the_rest(
    body: Json, given: int | None, made: int | None, said: str
) -> None:
    tap = InvokeTap()
    alone = whole(tap, body)
    assert (alone.input, alone.output, alone.complete) == (given, made, True)
    assert tap.relayed_text() == said
    counted = whole(InvokeTap(), body, HEAD)
    assert (counted.input, counted.output, counted.usage_source) == (7, 12, UsageSource.REPORTED)


@pytest.mark.parametrize(
    "chunks",
    [
        [{"outputText": "H", "totalOutputTextTokenCount": None}, {"outputText": "i", "totalOutputTextTokenCount": 12, "inputTextTokenCount": 7}],
        [{"generation": "H", "prompt_token_count": 7, "generation_token_count": 1}, {"generation": "i", "generation_token_count": 12}],
        [{"contentBlockDelta": {"delta": {"text": "Hi"}}}, {"metadata": {"usage": {"inputTokens": 7, "outputTokens": 12}}}],
        [{"choices": [{"delta": {"content": "Hi"}}]}, {"usage": {"prompt_tokens": 7, "completion_tokens": 12}}],
        [{"outputs": [{"text": "H"}]}, {"outputs": [{"text": "i"}]}],
    ],
    ids=["titan", "llama", "nova", "openai", "mistral"],
)  # fmt: skip
def test_every_vendor_s_stream_ends_with_bedrock_s_own_figures(chunks: list[Json]) -> None:
    chunks = [*chunks[:-1], chunks[-1] | {METRICS: {"inputTokenCount": 7, "outputTokenCount": 12}}]
    tap = InvokeTap()
    usage = streamed(tap, *map(packed, chunks))
    assert (usage.input, usage.output, usage.complete, usage.usage_source) == (7, 12, True, UsageSource.REPORTED)
    assert tap.relayed_text() == "Hi"
    assert streamed(InvokeTap(), *map(packed, chunks[:-1])).complete is False


def test_bedrock_s_own_figures_have_the_cache_beside_the_input() -> None:
    usage = streamed(InvokeTap(), packed({"outputs": [], METRICS: COUNTED}))
    assert (usage.input, usage.cached_read, usage.cache_write, usage.output) == (100, 90, 3, 12)


def test_vectors_and_pictures_have_no_output_tokens() -> None:
    assert whole(InvokeTap(), {"embedding": [0.1], "inputTextTokenCount": 7}).output == 0
    vectors = whole(InvokeTap(), {"embeddings": [[0.1]], "texts": ["a"]}, HEAD[:1])
    assert (vectors.input, vectors.output, vectors.usage_source) == (7, 0, UsageSource.REPORTED)
    drawn = whole(InvokeTap(), {"images": ["AAAA", "BBBB"], "error": None})
    assert (drawn.output, drawn.images, drawn.complete) == (0, 2, True)


@pytest.mark.parametrize("value", [b"", b"-1", b"1.5", b"9" * 40, "٣".encode(), b"7 "])
def test_a_header_that_is_no_figure_was_not_sent(value: bytes) -> None:
    head = [(b"x-amzn-bedrock-input-token-count", value), (b"x-amzn-bedrock-service-tier", b"flex")]
    usage = whole(InvokeTap(), {"text": "Hi"}, head)
    assert (usage.input, usage.service_tier) == (None, "flex")


@pytest.mark.parametrize("odd", ["%%%", "AAA", "e30", "bnVsbA==", "", 7, None, "W1tbW1tb" * 1000])
def test_a_chunk_that_is_no_base64_of_an_object_is_passed_over(odd: object) -> None:
    chunk = event("chunk", {"bytes": odd})
    assert streamed(InvokeTap(), CLAUDE[0], chunk, *CLAUDE[1:]) == streamed(InvokeTap(), *CLAUDE)

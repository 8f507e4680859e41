"""Usage of Gemini's generated content, in all three framings."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.gemini_usage import GeminiEmbeddingTap, GeminiTap
from proxy.dialects.stream_tap import HEAD
from proxy.domain.usage import Usage, UsageSource
from tests.support.recorded import cuts, differences, fed, read_both, recorded

Json = dict[str, Any]
RECORDED = [*recorded("gemini.generate"), *recorded("gemini.embed")]


def chunk(text: str = "", finish: str | None = None, **usage: Any) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": [{"text": text}] if text else []}}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash"}


CALL = {"functionCall": {"name": "look", "args": {"usageMetadata": {"promptTokenCount": 9}}}}
CHUNKS = [
    chunk("Grüße, ", promptTokenCount=10, totalTokenCount=10),
    chunk('"usageMetadata": {', promptTokenCount=10, candidatesTokenCount=3, totalTokenCount=20, thoughtsTokenCount=7),
    {
        **chunk(
            "",
            "STOP",
            promptTokenCount=10,
            toolUsePromptTokenCount=5,
            candidatesTokenCount=8,
            thoughtsTokenCount=7,
            totalTokenCount=30,
            cachedContentTokenCount=4,
            promptTokensDetails=[{"modality": "AUDIO", "tokenCount": 6}, {"modality": "TEXT", "tokenCount": 4}],
            candidatesTokensDetails=[{"modality": "IMAGE", "tokenCount": 2}, {"modality": "AUDIO", "tokenCount": 1}],
            serviceTier="priority",
        )
    },
]
CHUNKS[2]["candidates"][0]["content"]["parts"] = [CALL]
TEXT = 'Grüße, "usageMetadata": {{"usageMetadata":{"promptTokenCount":9}}'
SSE = "".join(f"data: {json.dumps(one)}\r\n\r\n" for one in CHUNKS)
ARRAY = "[" + "\n,\r\n".join(json.dumps(one, indent=2) for one in CHUNKS) + "\n]\n"
EXPECTED = Usage(
    input=15,
    output=15,
    cached_read=4,
    cache_write=0,
    reasoning=7,
    audio_input=6,
    audio_output=1,
    image_input=0,
    image_output=2,
    tool_prompt=5,
    total_reported=30,
    model="gemini-2.5-flash",
    service_tier="priority",
    complete=True,
    usage_source=UsageSource.REPORTED,
)


def body(members: Json, tap: GeminiTap | None = None) -> Usage:
    tap = tap or GeminiTap()
    tap.body(json.dumps(members).encode())
    return tap.finish()


@pytest.mark.skipif(not RECORDED, reason="needs the shared recordings")
@pytest.mark.parametrize("exchange", RECORDED, ids=lambda exchange: exchange["name"])
@given(draw=st.data(), crlf=st.booleans())
def test_every_recording_is_read_as_expected(exchange: Json, draw: st.DataObject, crlf: bool) -> None:  # noqa: FBT001 - drawn
    make = GeminiEmbeddingTap if exchange["api"] == "gemini.embed" else GeminiTap
    for tap in read_both(exchange, make, draw.draw(cuts(4_000)), crlf=crlf):
        assert differences(exchange, tap.finish()) == {}


@pytest.mark.parametrize("text", [SSE, SSE.replace("\r", ""), ARRAY, ARRAY.replace("\r", "")])
@given(draw=st.data())
def test_a_stream_is_read_in_any_split_and_framing(text: str, draw: st.DataObject) -> None:
    data = text.encode()
    tap = fed(GeminiTap(), data, draw.draw(cuts(len(data))))
    assert tap.finish() == EXPECTED
    assert tap.relayed_text() == TEXT


@pytest.mark.parametrize("text", [SSE, ARRAY])
@given(draw=st.data())
def test_a_cut_stream_tells_its_last_whole_chunk(text: str, draw: st.DataObject) -> None:
    data = text.encode()
    end = draw.draw(st.integers(0, len(data) - 1))
    tap = fed(GeminiTap(), data[:end], [])
    usage = tap.finish()
    assert (usage.input, usage.output) in {(None, None), (10, None), (10, 10), (15, 15)}
    assert (usage.usage_source is UsageSource.REPORTED) == (usage.complete and usage.input is not None)
    tap.relayed_text()


def test_the_end_of_an_array_too_long_to_keep_is_read() -> None:
    long = [chunk("x" * 100_000, promptTokenCount=10, candidatesTokenCount=1, totalTokenCount=11)] * (HEAD // 60_000)
    data = json.dumps([*long, *CHUNKS], indent=1).encode()
    assert fed(GeminiTap(), data, list(range(0, len(data), 50_000))).finish() == EXPECTED


def test_hidden_output_shows_in_the_total() -> None:
    assert body(chunk("a", "STOP", promptTokenCount=66, candidatesTokenCount=6, totalTokenCount=100)).output == 34


def test_a_refused_prompt_is_whole_and_has_no_output() -> None:
    usage = body({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 7}})
    assert (usage.input, usage.output, usage.complete) == (7, 0, True)


def test_an_error_inside_a_stream_leaves_it_incomplete() -> None:
    text = f'data: {json.dumps(CHUNKS[1])}\n\ndata: {{"error":{{"code":503,"status":"UNAVAILABLE"}}}}\n\n'
    usage = fed(GeminiTap(), text.encode(), []).finish()
    assert (usage.output, usage.complete, usage.usage_source) == (10, False, UsageSource.PARTIAL)


@pytest.mark.parametrize(
    ("traffic", "tier"),
    [("ON_DEMAND", None), ("ON_DEMAND_PRIORITY", "priority"), ("ON_DEMAND_FLEX", "flex"), (7, None)],
)
def test_vertex_tells_its_tier_by_the_traffic(traffic: Any, tier: str | None) -> None:
    assert body(chunk("a", "STOP", promptTokenCount=1, trafficType=traffic)).service_tier == tier


@pytest.mark.parametrize("figure", [-1, True, "12", 1.5, [], {}, None, 10**30])
def test_what_is_no_count_was_not_reported(figure: Any) -> None:
    usage = body(chunk("a", "STOP", promptTokenCount=figure, candidatesTokenCount=figure, totalTokenCount=figure))
    assert (usage.input, usage.output, usage.usage_source, usage.complete) == (None, None, UsageSource.NONE, True)


def test_embeddings_have_no_output() -> None:
    usage = body({"embedding": {"values": [0.1]}, "usageMetadata": {"promptTokenCount": 5}}, GeminiEmbeddingTap())
    assert (usage.input, usage.output, usage.complete) == (5, 0, True)
    silent = body({"embeddings": [{"values": [0.1]}]}, GeminiEmbeddingTap())
    assert silent == Usage(complete=True)


NAMES = ("candidates", "content", "parts", "usageMetadata", "modelVersion", "promptTokensDetails", "promptTokenCount")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=8,
)


@given(event=st.dictionaries(st.sampled_from(NAMES), json_values), noise=st.binary(max_size=40))
def test_nothing_that_an_upstream_sends_raises(event: Json, noise: bytes) -> None:
    text = json.dumps(event).encode()
    for data in (text, b"data: " + text, b"[" + text + b"," + noise, noise, noise + text):
        for tap in (GeminiTap(), GeminiEmbeddingTap()):
            fed(tap, data, []).finish()
            tap.output_so_far()
            tap.relayed_text()

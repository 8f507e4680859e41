"""Usage of Bedrock's answers: Converse, whole and in frames, and whatever else an upstream may send."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.bedrock_tap import ConverseTap, FrameTap, InvokeTap
from proxy.dialects.event_stream import MAX_KEPT
from proxy.domain.usage import Usage, UsageSource
from tests.support.frames import event, exception, packed
from tests.support.recorded import cuts, differences, fed, read_both, recorded
from tests.support.scripts import fixture_body

Json = dict[str, Any]
TAPS = {"bedrock.converse": ConverseTap, "bedrock.converse_stream": ConverseTap, "anthropic.messages": InvokeTap}
RECORDED = [one for api in TAPS for one in recorded(api) if one["provider"] == "bedrock"]
METRICS = "amazon-bedrock-invocationMetrics"


CONVERSED = [
    event("messageStart", {"role": "assistant", "p": "abcd"}),
    event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "Hm, "}}}),
    event("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "zwölf"}}),
    event("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t", "name": "add"}}}),
    event("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '{"a":1}'}}}),
    event("contentBlockStop", {"contentBlockIndex": 2}),
    event("messageStop", {"stopReason": "tool_use"}),
    event(
        "metadata",
        {
            "usage": {
                "inputTokens": 10,
                "outputTokens": 5,
                "totalTokens": 65,
                "cacheReadInputTokens": 20,
                "cacheWriteInputTokens": 30,
                "cacheDetails": [{"ttl": "1h", "inputTokens": 25}, {"ttl": "5m", "inputTokens": 5}],
            },
            "serviceTier": {"type": "priority"},
            "trace": {"promptRouter": {"invokedModelId": "arn:aws:bedrock:us-east-1::foundation-model/m"}},
        },
    ),
]
SAID = 'Hm, zwölf{"a":1}'
CONVERSE_USAGE = Usage(
    input=60,
    output=5,
    cached_read=20,
    cache_write=30,
    cache_write_5m=5,
    cache_write_1h=25,
    total_reported=65,
    model="arn:aws:bedrock:us-east-1::foundation-model/m",
    service_tier="priority",
    complete=True,
    usage_source=UsageSource.REPORTED,
)


def streamed(tap: FrameTap, *frames: bytes) -> Usage:
    for frame in frames:
        tap.feed(frame)
    return tap.finish()


def whole(tap: FrameTap, body: Json | bytes) -> Usage:
    tap.body(body if isinstance(body, bytes) else json.dumps(body).encode())
    return tap.finish()


@pytest.mark.skipif(not RECORDED, reason="needs the shared recordings")
@pytest.mark.parametrize("exchange", RECORDED, ids=lambda exchange: exchange["name"])
@given(draw=st.data())
def test_every_recording_is_read_as_expected(exchange: Json, draw: st.DataObject) -> None:
    for tap in read_both(exchange, TAPS[exchange["api"]], draw.draw(cuts(4_000)), crlf=False):
        assert differences(exchange, tap.finish()) == {}


@pytest.mark.skipif(not RECORDED, reason="needs the shared recordings")
@pytest.mark.parametrize("exchange", [one for one in RECORDED if one["stream"]], ids=lambda exchange: exchange["name"])
@given(draw=st.data())
def test_a_recording_that_is_cut_invents_nothing_and_shows_what_was_said(exchange: Json, draw: st.DataObject) -> None:
    data, tap = fixture_body(exchange), ConverseTap()
    tap.feed(data)
    said, usage = tap.relayed_text(), tap.finish()
    end = draw.draw(st.integers(0, len(data) - 1))
    cut = fed(ConverseTap(), data[:end], [])
    assert said.startswith(cut.relayed_text())
    assert cut.finish().complete is False
    assert cut.finish().output in (None, usage.output)


@given(places=cuts(sum(map(len, CONVERSED))))
def test_converse_streams_tell_their_usage_last_in_any_split(places: list[int]) -> None:
    tap = fed(ConverseTap(), b"".join(CONVERSED), places)
    assert tap.finish() == CONVERSE_USAGE
    assert tap.relayed_text() == SAID
    assert tap.output_so_far() == 5


@given(end=st.integers(0, sum(map(len, CONVERSED)) - 1))
def test_a_converse_stream_that_is_cut_tells_nothing_and_never_looks_whole(end: int) -> None:
    tap = fed(ConverseTap(), b"".join(CONVERSED)[:end], [])
    assert tap.finish() == Usage()
    assert tap.output_so_far() is None
    assert SAID.startswith(tap.relayed_text())


def test_an_exception_ends_a_stream_without_its_being_whole() -> None:
    assert streamed(ConverseTap(), *CONVERSED[:3], exception()) == Usage()
    late = streamed(ConverseTap(), *CONVERSED, exception())
    assert (late.complete, late.usage_source, late.output) == (False, UsageSource.PARTIAL, 5)


def test_a_body_of_converse_shows_what_was_said() -> None:
    content = [
        {"reasoningContent": {"reasoningText": {"text": "Hm, "}}},
        {"text": "zwölf"},
        {"toolUse": {"toolUseId": "t", "input": {"a": 1}}},
    ]
    body = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "tool_use"}
    tap = ConverseTap()
    usage = whole(tap, body | {"performanceConfig": {"latency": "optimized"}, "serviceTier": {"type": "default"}})
    assert (usage.complete, usage.usage_source, usage.service_tier) == (True, UsageSource.NONE, "optimized")
    assert tap.relayed_text() == SAID


def test_a_body_that_was_cut_is_partly_text_and_no_usage() -> None:
    body = json.dumps(
        {"output": {"message": {"content": [{"text": "Hello there"}]}}, "usage": {"inputTokens": 1}}
    ).encode()
    tap = ConverseTap()
    assert whole(tap, body[:-30]).usage_source is UsageSource.NONE
    assert "Hello there".startswith(tap.relayed_text())
    assert tap.relayed_text()


def test_a_long_stream_is_known_by_its_end() -> None:
    delta = event("contentBlockDelta", {"delta": {"text": "word " * 20}})
    tap = ConverseTap()
    usage = streamed(tap, *[delta] * 12_000, *CONVERSED[-2:])
    assert usage == CONVERSE_USAGE
    assert 0 < len(tap.relayed_text()) < len(delta) * 12_000 / 2


def test_frames_too_long_to_be_kept_do_not_hide_the_usage() -> None:
    picture = event("contentBlockDelta", {"delta": {"image": {"source": {"bytes": "A" * MAX_KEPT}}}})
    assert streamed(ConverseTap(), *CONVERSED[:2], picture, *CONVERSED[-2:]) == CONVERSE_USAGE


def test_a_stream_that_cannot_be_cut_into_frames_is_text_and_never_free() -> None:
    tap = ConverseTap()
    assert streamed(tap, CONVERSED[2], b"<html>no frames at all, but an answer</html>") == Usage()
    assert tap.relayed_text() == "zwölf<html>no frames at all, but an answer</html>"


# Hostile answers.

NAMES = st.sampled_from(
    ["usage", "inputTokens", "outputTokens", "cacheDetails", "ttl", "bytes", "type", "message", "results", "tokenCount",
     "meta", "billed_units", "images", "choices", "delta", "content", "trace", "promptRouter", "invokedModelId", METRICS,
     "serviceTier", "output", "contentBlockDelta", "toolUse", "input", "embedding", "generation", "outputText", "\0"]
)  # fmt: skip
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 10**14) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@given(body=st.dictionaries(NAMES, ODD, max_size=5), tap=st.sampled_from([ConverseTap, InvokeTap]))
def test_no_body_makes_it_raise_or_book_a_negative(body: Json, tap: type[FrameTap]) -> None:
    made = tap()
    usage = whole(made, body)
    made.relayed_text()
    assert all((getattr(usage, name) or 0) >= 0 for name in ("input", "output", "cached_read", "cache_write", "images"))


@given(
    frames=st.lists(
        st.tuples(st.sampled_from(["chunk", "metadata", "messageStop", "", "contentBlockDelta"]), ODD), max_size=5
    ),
    noise=st.binary(max_size=30),
    tap=st.sampled_from([ConverseTap, InvokeTap]),
)
def test_no_frames_make_it_raise(frames: list[tuple[str, Any]], noise: bytes, tap: type[FrameTap]) -> None:
    made = tap()
    for kind, payload in frames:
        made.feed(event(kind, payload))
        made.feed(packed(payload))
    made.feed(noise)
    made.finish()
    made.output_so_far()
    made.relayed_text()


@pytest.mark.parametrize(
    "data", [b"[1, 2]", b"null", b"{", b'{"a":\0}', b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe"]
)
def test_a_body_that_is_none_tells_nothing(data: bytes) -> None:
    for tap in (ConverseTap(), InvokeTap()):
        assert whole(tap, data).usage_source is UsageSource.NONE
        tap.relayed_text()


def test_pieces_are_kept_once() -> None:
    frames = [event("contentBlockDelta", {"delta": {"text": str(number)}}) for number in range(50)]
    data = b"".join(frames)
    tap = ConverseTap()
    for start, end in pairwise(range(0, len(data) + 7, 7)):
        tap.feed(data[start:end])
    assert tap.relayed_text() == "".join(map(str, range(50)))

"""Usage of Anthropic's messages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.anthropic_usage import AnthropicTap
from proxy.domain.usage import ModelUsage, Usage, UsageSource
from tests.support.recorded import cuts, differences, fed, read_both, recorded

Json = dict[str, Any]
RECORDED = list(recorded("anthropic.messages"))


def event(kind: str, **members: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n"


def start(**usage: Any) -> str:
    message = {"type": "message", "model": "claude-sonnet-5", "content": [], "usage": usage}
    return event("message_start", message=message)


def delta(**usage: Any) -> str:
    return event("message_delta", delta={"stop_reason": "end_turn"}, usage=usage)


STOP = event("message_stop")
SAMPLE = (
    start(input_tokens=43, cache_read_input_tokens=55_096, cache_creation_input_tokens=None, output_tokens=7)
    + event("ping")
    + event("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""})
    + event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "Hm, two by twö "})
    + event("content_block_delta", index=1, delta={"type": "text_delta", "text": 'is "4" \\ \n'})
    + event("content_block_delta", index=2, delta={"type": "input_json_delta", "partial_json": '{"a": 1}'})
    + delta(
        input_tokens=61,
        cache_read_input_tokens=0,
        output_tokens=12,
        output_tokens_details={"thinking_tokens": 5},
        server_tool_use={"web_search_requests": 2},
        service_tier="priority",
    )
    + STOP
)
TEXT = 'Hm, two by twö is "4" \\ \n{"a": 1}'


def read(text: str) -> Usage:
    return fed(AnthropicTap(), text.encode(), []).finish()


def body(usage: Any, **members: Any) -> Usage:
    tap = AnthropicTap()
    tap.body(json.dumps({"type": "message", "model": "claude-sonnet-5", "usage": usage, **members}).encode())
    return tap.finish()


@pytest.mark.skipif(not RECORDED, reason="needs the shared recordings")
@pytest.mark.parametrize("exchange", RECORDED, ids=lambda exchange: exchange["name"])
@given(draw=st.data(), crlf=st.booleans())
def test_every_recording_is_read_as_expected(exchange: Json, draw: st.DataObject, crlf: bool) -> None:  # noqa: FBT001 - drawn
    for tap in read_both(exchange, AnthropicTap, draw.draw(cuts(20_000)), crlf=crlf):
        assert differences(exchange, tap.finish()) == {}
        if "relayed_text" in exchange["expected"]:
            assert tap.relayed_text() == exchange["expected"]["relayed_text"]


@given(places=cuts(len(SAMPLE)), crlf=st.booleans())
def test_a_later_figure_replaces_an_earlier_one_in_any_split(places: list[int], crlf: bool) -> None:  # noqa: FBT001 - drawn
    data = SAMPLE.replace("\n", "\r\n") if crlf else SAMPLE
    tap = fed(AnthropicTap(), data.encode(), places)
    assert tap.finish() == Usage(
        input=61,
        output=12,
        cached_read=0,
        cache_write=0,
        reasoning=5,
        web_searches=2,
        model="claude-sonnet-5",
        service_tier="priority",
        complete=True,
        usage_source=UsageSource.REPORTED,
    )
    assert tap.relayed_text() == TEXT


@given(end=st.integers(0, len(SAMPLE.encode()) - 1))
def test_a_cut_stream_never_invents_a_figure(end: int) -> None:
    tap = fed(AnthropicTap(), SAMPLE.encode()[:end], [])
    usage = tap.finish()
    assert usage.output in (None, 12)
    assert usage.input in (None, 43 + 55_096, 61)
    assert not usage.complete or usage.output == 12
    assert usage.usage_source is not UsageSource.REPORTED or usage.complete
    assert TEXT.startswith(tap.relayed_text())


def test_the_placeholder_of_the_first_event_is_no_output() -> None:
    usage = read(start(input_tokens=20, output_tokens=4, service_tier="standard"))
    assert (usage.input, usage.output, usage.service_tier) == (20, None, None)
    assert usage.usage_source is UsageSource.PARTIAL


def test_null_does_not_replace_a_figure() -> None:
    assert read(start(input_tokens=20, output_tokens=1) + delta(input_tokens=None, output_tokens=5) + STOP).input == 20


def test_a_second_message_start_is_not_added() -> None:
    twice = start(input_tokens=20, output_tokens=1) * 2 + delta(output_tokens=5) + STOP
    assert (read(twice).input, read(twice).output) == (20, 5)


def test_an_error_inside_a_stream_leaves_it_incomplete() -> None:
    broken = start(input_tokens=20, output_tokens=1) + event("error", error={"type": "overloaded_error"})
    assert not read(broken).complete


def test_iterations_are_summed_and_split_by_model() -> None:
    usage = body(
        {
            "input_tokens": 600,
            "output_tokens": 12,
            "iterations": [
                {
                    "type": "compaction",
                    "input_tokens": 60_000,
                    "output_tokens": 500,
                    "cache_read_input_tokens": 385,
                    "cache_creation_input_tokens": 10,
                    "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 6},
                },
                {"type": "message", "input_tokens": 600, "output_tokens": 12},
                {"type": "advisor_message", "model": "claude-opus-4-8", "input_tokens": 9, "output_tokens": 3},
                "garbage",
            ],
        }
    )
    assert (usage.input, usage.output, usage.cached_read) == (61_004, 515, 385)
    assert (usage.cache_write, usage.cache_write_5m, usage.cache_write_1h) == (10, 4, 6)
    assert usage.by_model == (
        ModelUsage("claude-sonnet-5", 60_995, 512, 385, 10, 4, 6),
        ModelUsage("claude-opus-4-8", 9, 3),
    )
    assert usage.parts == (
        ModelUsage("claude-sonnet-5", 60_395, 500, 385, 10, 4, 6),
        ModelUsage("claude-sonnet-5", 600, 12),
        ModelUsage("claude-opus-4-8", 9, 3),
    )


def test_iterations_of_different_models_are_told_once() -> None:
    shares = [{"model": name, "input_tokens": 9, "output_tokens": 3} for name in ("claude-sonnet-5", "claude-opus-4-8")]
    usage = body({"input_tokens": 9, "output_tokens": 3, "iterations": shares})
    assert (len(usage.by_model), usage.parts) == (2, ())


def test_fast_mode_is_the_tier_that_is_priced() -> None:
    assert body({"input_tokens": 1, "output_tokens": 1, "service_tier": "standard", "speed": "fast"}).service_tier == (
        "fast"
    )


@pytest.mark.parametrize("figure", [-1, True, "12", 1.5, [], {}, None, 10**30])
def test_what_is_no_count_was_not_reported(figure: Any) -> None:
    usage = body({"input_tokens": figure, "output_tokens": figure, "cache_read_input_tokens": figure})
    assert (usage.input, usage.output, usage.usage_source) == (None, None, UsageSource.NONE)
    assert usage.complete


def test_zero_is_a_count() -> None:
    usage = body({"input_tokens": 0, "output_tokens": 0})
    assert (usage.input, usage.output, usage.usage_source) == (0, 0, UsageSource.REPORTED)


def test_a_body_that_was_cut_reports_nothing() -> None:
    tap = AnthropicTap()
    tap.body(b'{"type":"message","stop_reason":"end_turn","usage":{"input_tokens":12')
    assert tap.finish() == Usage()


def test_a_body_tells_its_text_and_arguments() -> None:
    tap = AnthropicTap()
    content = [
        {"type": "thinking", "thinking": "Hm. "},
        {"type": "text", "text": "Yes."},
        {"type": "tool_use", "input": {"a": "ü"}},
    ]
    tap.body(json.dumps({"type": "message", "content": content}).encode())
    assert tap.relayed_text() == 'Hm. Yes.{"a":"ü"}'


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = ("type", "message", "usage", "model", "delta", "iterations", "input_tokens", "output_tokens", "content")


@given(
    events=st.lists(
        st.dictionaries(st.sampled_from(NAMES), json_values | st.sampled_from(["message", "message_delta"])),
        max_size=4,
    ),
    noise=st.binary(max_size=40),
)
def test_nothing_that_an_upstream_sends_raises(events: list[Json], noise: bytes) -> None:
    for text in (*(json.dumps(one).encode() for one in events), noise):
        for data in (text, b"data: " + text + b"\n\n", noise + text):
            tap = fed(AnthropicTap(), data, [])
            tap.finish()
            tap.output_so_far()
            tap.relayed_text()

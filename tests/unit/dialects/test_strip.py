"""The filter that drops the usage chunk we asked for."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.strip import MAX_HELD, UsageStrip
from tests.support.recorded import cuts

USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
DROPPED = {"id": "c", "choices": [], "usage": USAGE}
KEPT: tuple[dict[str, Any], ...] = (
    {"id": "c", "choices": [{"index": 0, "delta": {"content": "Hi"}}], "usage": None},
    {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE},
    {"id": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
    {"id": "", "choices": [], "prompt_filter_results": [], "usage": None},
    {"id": "c", "choices": [{"delta": {"content": '"choices":[],"usage":{"prompt_tokens":1}'}}]},
    {"error": {"message": "x", "usage": {"choices": []}}, "choices": []},
    {"choices": [{"delta": {"tool_calls": []}}]},
)
NAMED = st.sampled_from((b"", b"event: chunk\n", b": ping\n", b"id: 1\n"))
LINES = st.sampled_from(
    (b": OPENROUTER PROCESSING\n\n", b"data: [DONE]\n\n", b"\n", b"data: {broken\n\n", b"data: 7\n\n")
)


@st.composite
def events(draw: st.DrawFn) -> tuple[bytes, bool]:
    """An event, and whether it is to be dropped."""
    if draw(st.integers(0, 3)) == 0:
        return draw(LINES), False
    chunk = draw(st.sampled_from((DROPPED, *KEPT)))
    text = json.dumps(chunk, separators=draw(st.sampled_from(((",", ":"), (", ", ": ")))))
    space = draw(st.sampled_from((b"", b" ")))
    return draw(NAMED) + b"data:" + space + text.encode() + b"\n\n", chunk is DROPPED


@given(st.lists(events(), max_size=8), st.booleans(), st.data())
def test_bytes_out_are_bytes_in_without_the_event(
    made: list[tuple[bytes, bool]],
    crlf: bool,  # noqa: FBT001 - drawn
    data: st.DataObject,
) -> None:
    ended = [(event.replace(b"\n", b"\r\n") if crlf else event, dropped) for event, dropped in made]
    stream = b"".join(event for event, _ in ended)
    places = [0, *data.draw(cuts(len(stream))), len(stream)]
    strip = UsageStrip()
    passed = b"".join(strip.feed(stream[start:end]) for start, end in pairwise(places))
    assert passed + strip.finish() == b"".join(event for event, dropped in ended if not dropped)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_every_single_byte_may_come_alone(end: bytes) -> None:
    lines = [f"data: {json.dumps(chunk)}".encode() for chunk in (KEPT[2], KEPT[0], DROPPED)]
    kept = (end * 2).join(lines[:2]) + end * 2
    stream = kept + lines[2] + end * 2 + b"data: [DONE]" + end * 2
    strip = UsageStrip()
    passed = b"".join(strip.feed(stream[at : at + 1]) for at in range(len(stream))) + strip.finish()
    assert passed == kept + b"data: [DONE]" + end * 2


def test_complete_events_are_not_kept_waiting() -> None:
    strip, event = UsageStrip(), f"data: {json.dumps(KEPT[0])}\n\n".encode()
    assert strip.feed(event) is event
    assert strip.feed(event + event[:20]) == event
    assert strip.feed(event[20:] + event) == event * 2
    assert strip.feed(event.replace(b"\n", b"\r\n")) == event.replace(b"\n", b"\r\n")
    assert strip.finish() == b""


def test_an_event_without_its_end_is_passed_at_the_end_unless_it_is_the_one() -> None:
    strip = UsageStrip()
    assert strip.feed(b'data: {"choices":[{') == b""
    assert strip.finish() == b'data: {"choices":[{'
    assert strip.feed(f"data: {json.dumps(DROPPED)}".encode()) == b""
    assert strip.finish() == b""


def test_an_endless_event_is_relayed_and_not_hoarded() -> None:
    strip, piece = UsageStrip(), b"x" * (MAX_HELD // 4)
    passed = b"".join(strip.feed(piece) for _ in range(9))
    assert len(passed) >= MAX_HELD
    assert passed + strip.finish() == piece * 9

"""Usage and text out of Cohere's answers: what is billed, and not what was processed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.cohere_usage import CohereEmbeddingsTap, CohereRankingTap, CohereTap
from proxy.domain.usage import Usage, UsageSource
from tests.support.recorded import cuts, differences, fed, read_both, recorded

TAPS = {"cohere.chat": CohereTap, "cohere.embed": CohereEmbeddingsTap}
USAGE = {
    "billed_units": {"input_tokens": 17.0, "output_tokens": 12},
    "tokens": {"input_tokens": 215, "output_tokens": 14},
    "cached_tokens": 64,
}


def said(**message: Any) -> dict[str, Any]:
    return {"message": message}


DELTAS: list[dict[str, Any]] = [
    {"type": "message-start", "id": "m-1", "delta": said(role="assistant", content=[], tool_calls=[])},
    {"type": "content-start", "index": 0, "delta": said(content={"type": "thinking", "thinking": ""})},
    {"type": "content-delta", "index": 0, "delta": said(content={"thinking": "Hm. "})},
    {"type": "content-end", "index": 0},
    {"type": "tool-plan-delta", "delta": said(tool_plan="I will look. ")},
    {"type": "tool-call-start", "index": 0, "delta": said(tool_calls={"id": "t", "type": "function", "function": {"name": "weather", "arguments": ""}})},
    {"type": "tool-call-delta", "index": 0, "delta": said(tool_calls={"function": {"arguments": '{"city":"Köln"}'}})},
    {"type": "tool-call-end", "index": 0},
    {"type": "content-delta", "index": 1, "delta": said(content={"text": 'Grüße "all" message-end\n'})},
    {"type": "citation-start", "index": 0, "delta": said(citations={"start": 0, "end": 5, "text": "Grüße", "sources": []})},
]  # fmt: skip
TEXT = 'Hm. I will look. {"city":"Köln"}Grüße "all" message-end\n'
END = {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": USAGE}}


def events(*objects: dict[str, Any]) -> list[str]:
    return [
        line
        for one in objects
        for line in (f"event: {one['type']}", f"data: {json.dumps(one, ensure_ascii=False)}", "")
    ]


def written(name: str, stream: bool, response: Any, **expected: Any) -> dict[str, Any]:  # noqa: FBT001 - a recording's member
    return {"name": name, "api": "cohere.chat", "stream": stream, "response": response, "expected": expected}


CHAT = {
    "id": "m-1",
    "finish_reason": "COMPLETE",
    "message": {
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": " Hi"}],
    },
    "usage": USAGE,
}
TOLD = {"input": 17, "output": 12, "cached_read": 0, "complete": True, "usage_source": "reported"}
EXCHANGES = [
    written("stream", True, [*events(*DELTAS, END), ""], **TOLD),
    written("stream_with_done", True, [*events(*DELTAS, END), "data: [DONE]", "", ""], **TOLD),
    written("body", False, CHAT, **TOLD),
    *recorded("cohere.chat"),
    *recorded("cohere.embed"),
]


def read(tap: CohereTap, value: Any) -> Usage:
    tap.body(json.dumps(value).encode())
    return tap.finish()


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda one: one["name"])
@given(st.data(), st.booleans())
def test_an_exchange_gives_exactly_what_is_expected(exchange: dict[str, Any], data: st.DataObject, crlf: bool) -> None:  # noqa: FBT001 - drawn
    for tap in read_both(exchange, TAPS[exchange["api"]], data.draw(cuts(8_000)), crlf=crlf):
        assert differences(exchange, tap.finish()) == {}


@given(st.integers(0, 3_000))
def test_a_stream_cut_anywhere_has_the_text_that_passed_and_no_figures(place: int) -> None:
    data = "\n".join(events(*DELTAS)).encode()
    tap = fed(CohereTap(), data[:place], [])
    assert TEXT.startswith(tap.relayed_text())
    assert tap.relayed_text() == TEXT or place < len(data)
    assert (tap.finish().complete, tap.finish().usage_source) == (False, UsageSource.NONE)
    assert tap.output_so_far() is None


@pytest.mark.parametrize(
    "delta", [{"finish_reason": "ERROR", "error": "internal"}, {"finish_reason": "ERROR"}, {"finish_reason": "TIMEOUT"}]
)
def test_an_end_that_is_an_error_is_no_whole_answer(delta: dict[str, Any]) -> None:
    tap = fed(
        CohereTap(),
        "\n".join(events(*DELTAS, {"type": "message-end", "delta": {**delta, "usage": USAGE}})).encode(),
        [],
    )
    assert (tap.finish().complete, tap.finish().usage_source, tap.finish().output) == (False, UsageSource.PARTIAL, 12)
    tap = fed(CohereTap(), "\n".join(events(*DELTAS, {"type": "message-end", "delta": delta})).encode(), [])
    assert tap.finish().usage_source is UsageSource.NONE


def test_what_is_billed_by_halves_is_not_believed_whole() -> None:
    usage = read(CohereTap(), {**CHAT, "usage": {"billed_units": {"output_tokens": 12}}})
    assert (usage.input, usage.output, usage.usage_source) == (None, 12, UsageSource.PARTIAL)
    usage = read(CohereTap(), {**CHAT, "usage": {"tokens": {"input_tokens": 215, "output_tokens": 14}}})
    assert (usage.input, usage.usage_source, usage.complete) == (None, UsageSource.NONE, True)


@pytest.mark.parametrize(
    ("units", "told"),
    [
        ({"input_tokens": 4, "image_tokens": 0}, (4, 0, None, None)),
        ({"input_tokens": 4, "image_tokens": 96}, (100, 0, 96, None)),
        ({"image_tokens": 96}, (96, 0, 96, None)),
        ({"images": 2}, (0, 0, None, 2)),
        ({"input_tokens": 4, "images": 2}, (4, 0, None, 2)),
        ({}, (None, None, None, None)),
        ({"input_tokens": -4}, (None, None, None, None)),
    ],
)
def test_pictures_are_billed_as_tokens_or_by_number(units: dict[str, int], told: tuple[int | None, ...]) -> None:
    usage = read(CohereEmbeddingsTap(), {"id": "e", "embeddings": {}, "meta": {"billed_units": units}})
    assert (usage.input, usage.output, usage.image_input, usage.images) == told
    assert usage.complete


def test_searches_that_a_chat_is_billed_for_are_not_lost() -> None:
    units = {"input_tokens": 4, "output_tokens": 5, "search_units": 1}
    usage = read(CohereTap(), {**CHAT, "usage": {"billed_units": units}})
    assert (usage.input, usage.output, usage.web_searches) == (4, 5, 1)


def test_a_ranking_is_billed_by_its_searches_or_by_those_that_were_foreseen() -> None:
    usage = read(CohereRankingTap(2), {"id": "r", "results": [], "meta": {"billed_units": {"search_units": 3.0}}})
    assert (usage.web_searches, usage.input, usage.output, usage.usage_source) == (3, 0, 0, UsageSource.REPORTED)
    usage = read(CohereRankingTap(2), {"id": "r", "results": []})
    assert (usage.web_searches, usage.usage_source) == (2, UsageSource.PARTIAL)


NAMES = st.sampled_from(["type", "delta", "message", "content", "usage", "meta", "billed_units", "input_tokens", "output_tokens", "text",
                         "thinking", "tool_calls", "function", "arguments", "finish_reason", "error", "message-end", "images"])  # fmt: skip
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=15,
)


@given(TREES, st.binary(max_size=50))
def test_nothing_that_a_server_sends_raises(value: Any, rest: bytes) -> None:
    text = json.dumps(value).encode()
    for make in (CohereTap, CohereEmbeddingsTap, lambda: CohereRankingTap(1)):
        tap = make()
        tap.body(text + rest)
        streamed = fed(
            make(), b'data: {"type":"message-end","delta":' + text + b"}\n\ndata: " + text + b"\n" + rest, []
        )
        for one in (tap, streamed):
            one.finish()
            one.output_so_far()
            one.relayed_text()

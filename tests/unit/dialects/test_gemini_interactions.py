"""Gemini's interactions."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.gemini import Gemini
from proxy.dialects.gemini_interactions import GeminiInteractions
from proxy.dialects.interactions_usage import InteractionsTap
from proxy.domain import errors
from proxy.domain.ask import Ask
from proxy.domain.upstream import Upstream
from proxy.domain.usage import Usage, UsageSource
from tests.support.recorded import cuts, fed, recorded

Json = dict[str, Any]
RECORDED = list(recorded("gemini.interactions"))
DIALECT = GeminiInteractions()
UPSTREAM = Upstream("gemini", "gemini", "https://generativelanguage.googleapis.com")
USAGE = {
    "total_input_tokens": 10,
    "total_tool_use_tokens": 5,
    "total_output_tokens": 8,
    "total_thought_tokens": 7,
    "total_cached_tokens": 4,
    "total_tokens": 30,
    "input_tokens_by_modality": [{"modality": "text", "tokens": 8}, {"modality": "audio", "tokens": 2}],
    "grounding_tool_count": [{"type": "google_search", "count": 3}, {"type": "google_maps", "count": 1}],
}
EXPECTED = Usage(
    input=15,
    output=15,
    cached_read=4,
    cache_write=0,
    reasoning=7,
    audio_input=2,
    image_input=0,
    image_output=0,
    tool_prompt=5,
    web_searches=3,
    total_reported=30,
    model="gemini-3-flash",
    service_tier="standard",
    complete=True,
    usage_source=UsageSource.REPORTED,
)
DONE = {"id": "i", "model": "gemini-3-flash", "status": "completed", "service_tier": "standard", "usage": USAGE}
EVENTS: list[Json] = [
    {
        "event_type": "interaction.created",
        "interaction": {"id": "i", "model": "gemini-3-flash", "status": "in_progress"},
    },
    {"event_type": "step.start", "index": 0, "step": {"type": "thought"}},
    {"event_type": "step.delta", "delta": {"type": "thought_summary", "content": {"type": "text", "text": "Hm. "}}},
    {"event_type": "step.delta", "delta": {"type": "text", "text": "Grüße"}},
    {"event_type": "step.delta", "delta": {"type": "arguments_delta", "arguments": '{"a":1}'}},
    {"event_type": "interaction.status_update", "usage": {"total_input_tokens": 10, "total_output_tokens": 2}},
    {"event_type": "interaction.completed", "interaction": DONE},
]
SSE = "".join(f"event: {one['event_type']}\ndata: {json.dumps(one)}\n\n" for one in EVENTS) + "data: [DONE]\n\n"


def understood(members: Json) -> Ask:
    match = Gemini().match("POST", "/v1beta/interactions")
    assert match is not None
    return match.dialect.understand(match, json.dumps(members).encode(), "key=k&alt=sse", {})


@given(draw=st.data(), crlf=st.booleans())
def test_a_stream_is_read_in_any_split(draw: st.DataObject, crlf: bool) -> None:  # noqa: FBT001 - drawn
    data = (SSE.replace("\n", "\r\n") if crlf else SSE).encode()
    tap = fed(InteractionsTap(), data, draw.draw(cuts(len(data))))
    assert tap.finish() == EXPECTED
    assert tap.relayed_text() == 'Hm. Grüße{"a":1}'


@given(end=st.integers(0, len(SSE.encode())))
def test_a_cut_stream_tells_what_it_had(end: int) -> None:
    usage = fed(InteractionsTap(), SSE.encode()[:end], []).finish()
    assert (usage.input, usage.output) in {(None, None), (10, 2), (15, 15)}
    assert usage.complete == (usage.input == EXPECTED.input)


def test_a_body_is_read() -> None:
    tap = InteractionsTap()
    steps = [{"type": "model_output", "content": [{"type": "text", "text": "Yes"}]}]
    tap.body(json.dumps(DONE | {"steps": steps}).encode())
    assert tap.finish() == EXPECTED
    assert tap.relayed_text() == "Yes"


def test_an_interaction_in_the_background_has_only_begun() -> None:
    tap = InteractionsTap()
    tap.body(b'{"id":"i","model":"gemini-3-flash","status":"in_progress"}')
    assert tap.finish() == Usage(model="gemini-3-flash")


def test_a_request_is_understood() -> None:
    ask = understood(
        {
            "model": "gemini-3-flash",
            "stream": True,
            "system_instruction": "S",
            "input": [
                {"type": "user_input", "content": [{"type": "text", "text": "one"}]},
                {"type": "image", "mime_type": "image/png", "data": "AAAA"},
                {"type": "function_result", "result": {"a": "two"}},
            ],
            "tools": [{"type": "function", "name": "look"}, {"type": "google_search"}],
            "generation_config": {"max_output_tokens": 50},
        }
    )
    assert (ask.model, ask.stream, ask.max_output, ask.query) == ("gemini-3-flash", True, 50, "alt=sse")
    assert ask.features.texts == ("S", "one", '{"a":"two"}')
    assert (ask.features.images, ask.tools) == (1, ("look", "google_search"))


def test_an_agent_is_named_in_place_of_a_model() -> None:
    ask = understood({"agent": "deep-research", "input": "x"})
    sent = DIALECT.outgoing(ask, UPSTREAM, "deep-research-2", max_output=9)
    assert json.loads(sent.body) == {
        "agent": "deep-research-2",
        "input": "x",
        "generation_config": {"max_output_tokens": 9},
    }
    assert sent.edits == ("agent", "generation_config")
    assert DIALECT.outgoing(ask, UPSTREAM, "deep-research").body is ask.body


def test_an_error_has_a_word_for_its_code() -> None:
    told = json.loads(DIALECT.error_body(errors.NotFound("x"), "r-1"))
    assert told == {"error": {"code": "not_found", "message": "x"}, "request_id": "r-1"}
    event = DIALECT.error_event(errors.UpstreamFailed("gone"), "r-1")
    assert event.startswith(b'event: error\ndata: {"event_type":"error","error":{"code":"upstream_error"')


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(USAGE)), inner, max_size=3),
    max_leaves=8,
)


@given(usage=json_values, noise=st.binary(max_size=40))
def test_nothing_that_an_upstream_sends_raises(usage: Any, noise: bytes) -> None:
    text = json.dumps({"event_type": "interaction.completed", "interaction": {"usage": usage}, "delta": usage}).encode()
    for data in (text, b"data: " + text, noise + text):
        tap = fed(InteractionsTap(), data, [])
        tap.finish()
        tap.relayed_text()

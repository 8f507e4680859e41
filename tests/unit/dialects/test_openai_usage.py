"""Usage and text out of answers of OpenAI's family."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.openai_chat_tap import ChatTap
from proxy.dialects.openai_responses_tap import ResponsesTap
from proxy.dialects.openai_simple import EmbeddingsTap
from proxy.dialects.stream_tap import HEAD, StreamTap
from proxy.domain.usage import UsageSource
from tests.support.openai_exchanges import CHAT, DONE, RESPONSE_STREAM, RESPONSES, chunk, said, sse
from tests.support.recorded import cuts, differences, fed, read_both, recorded

TAPS: dict[str, type[StreamTap]] = {
    "openai.chat": ChatTap,
    "openai.responses": ResponsesTap,
    "openai.embeddings": EmbeddingsTap,
}
WRITTEN = (*CHAT, *RESPONSES)
EXCHANGES = {
    exchange["name"]: exchange for api in TAPS for exchange in (*WRITTEN, *recorded(api)) if exchange["api"] == api
}


@pytest.mark.parametrize("name", EXCHANGES)
@given(st.data(), st.booleans())
def test_an_exchange_gives_exactly_what_is_expected(name: str, data: st.DataObject, crlf: bool) -> None:  # noqa: FBT001 - drawn
    exchange = EXCHANGES[name]
    make = TAPS[exchange["api"]]
    for tap in read_both(exchange, make, data.draw(cuts(8_000)), crlf=crlf):
        assert tap.finish() == tap.finish()
        assert differences(exchange, tap.finish()) == {}
        assert tap.relayed_text() == exchange["expected"].get("relayed_text", tap.relayed_text())


@pytest.mark.parametrize("exchange", [one for one in EXCHANGES.values() if one["stream"]], ids=lambda one: one["name"])
def test_a_stream_cut_anywhere_is_never_more_than_was_reported(exchange: dict[str, Any]) -> None:
    data = "\n".join(exchange["response"]).encode()
    whole = TAPS[exchange["api"]]()
    whole.feed(data)
    most, all_text = whole.finish(), whole.relayed_text()
    for place in range(0, len(data), max(1, len(data) // 300)):
        tap = TAPS[exchange["api"]]()
        tap.feed(data[:place])
        usage = tap.finish()
        assert all_text.startswith(tap.relayed_text())
        assert (usage.output or 0) <= (most.output or 0)
        if usage.usage_source is UsageSource.NONE:
            assert usage.input is usage.output is None
        else:
            assert (usage.usage_source is UsageSource.REPORTED) == usage.complete


@pytest.mark.parametrize(
    "garbage", ["x", -1, True, 10**30, 1.5, [], {}, [1], None, {"cached_tokens": "7"}, [{"cached_tokens": 7}]]
)
def test_what_cannot_be_a_count_was_not_reported(garbage: Any) -> None:
    for name in (
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "cost",
        "num_cached_tokens",
    ):
        usage = {"prompt_tokens": 3, "completion_tokens": 4, name: garbage}
        tap = ChatTap()
        tap.feed("\n".join(sse(chunk(said(content="a", finish="stop"), usage=usage), DONE)).encode())
        read = tap.finish()
        assert read.input == (None if name == "prompt_tokens" else 3)
        assert read.output == (None if name == "completion_tokens" else 4)
        assert read.cached_read == 0
        assert read.reported_cost_usd == (1.5 if (name, garbage) == ("cost", 1.5) else None)


@given(st.binary(max_size=200), st.sampled_from(tuple(EXCHANGES)), st.integers(0, 3000))
def test_garbage_raises_nothing(noise: bytes, name: str, place: int) -> None:
    exchange = EXCHANGES[name]
    response = exchange["response"]
    data = ("\n".join(response) if isinstance(response, list) else json.dumps(response)).encode()
    for make in TAPS.values():
        tap = fed(make(), data[:place] + noise + data[place:], [])
        tap.finish()
        tap.relayed_text()
        tap.output_so_far()
        tap.body(noise)
        tap.finish()


@pytest.mark.parametrize("shape", [[], [1, "x"], {"choices": {}}, {"choices": [[]]}, {"usage": [[]]}, {"response": []}])
def test_lists_and_scalars_in_place_of_objects_raise_nothing(shape: Any) -> None:
    for make in TAPS.values():
        tap = make()
        tap.feed(b"data: " + json.dumps(shape).encode() + b"\n\n")
        assert tap.finish().usage_source is UsageSource.NONE
        assert tap.relayed_text() == ""


def test_a_stream_of_two_choices_without_an_end_is_not_complete_when_one_finished() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    lines = sse(chunk(said(0, "stop"), usage=usage), chunk(said(1, content="a"), usage=usage))
    tap = ChatTap(2)
    tap.feed("\n".join(lines).encode())
    assert tap.finish().usage_source is UsageSource.PARTIAL
    tap.feed("\n".join(sse(chunk(said(1, "stop"), usage=usage), DONE)).encode())
    assert tap.finish().usage_source is UsageSource.REPORTED


def test_figures_are_found_at_the_end_of_a_stream_of_many_megabytes() -> None:
    event = "\n".join(sse(chunk(said(content="x" * 1000)))).encode()
    end = "\n".join(sse(chunk(said(finish="stop")), chunk(usage={"prompt_tokens": 3, "completion_tokens": 4}), DONE))
    tap = ChatTap()
    for _ in range(4 * HEAD // len(event)):
        tap.feed(event)
    assert tap.finish().usage_source is UsageSource.NONE
    tap.feed(end.encode())
    assert (tap.finish().input, tap.finish().output, tap.finish().complete) == (3, 4, True)
    assert len(tap.relayed_text()) <= HEAD + len(event)


def test_output_so_far_is_the_last_that_was_reported() -> None:
    tap = ChatTap()
    assert tap.output_so_far() is None
    for made in (1, 2, 3):
        usage = {"prompt_tokens": 3, "completion_tokens": made}
        tap.feed("\n".join(sse(chunk(said(content="a"), usage=usage))).encode())
        assert tap.output_so_far() == made


@given(st.data(), st.booleans())
def test_a_response_stream_is_read_from_its_last_event(data: st.DataObject, crlf: bool) -> None:  # noqa: FBT001 - drawn
    stream = ("\r\n" if crlf else "\n").join(RESPONSE_STREAM).encode()
    tap = fed(ResponsesTap(), stream, data.draw(cuts(len(stream))))
    read = tap.finish()
    assert (read.input, read.output, read.cached_read, read.reasoning, read.total_reported) == (9, 7, 8, 3, 16)
    assert (read.model, read.service_tier, read.complete, read.audio_input) == ("m-1", "default", True, None)
    assert tap.relayed_text().startswith('Hm. Grüß{"a"No')


def test_a_response_stream_that_was_cut_names_its_model_and_no_tier() -> None:
    tap = ResponsesTap()
    tap.feed("\n".join(RESPONSE_STREAM[:-4]).encode())
    read = tap.finish()
    assert (read.model, read.service_tier, read.complete, read.usage_source) == ("m", None, False, UsageSource.NONE)
    assert tap.relayed_text() == 'Hm. Grüß{"a"No'


def test_figures_of_a_response_that_is_still_running_are_partial() -> None:
    running = {"type": "response.in_progress", "response": {"model": "m", "usage": {"output_tokens": 3}}}
    tap = ResponsesTap()
    tap.feed("\n".join(sse(running)).encode())
    assert (tap.finish().usage_source, tap.finish().output) == (UsageSource.PARTIAL, 3)


def test_output_so_far_is_told_in_a_long_stream_too() -> None:
    tap = ChatTap()
    for made in range(2000):
        usage = {"prompt_tokens": 3, "completion_tokens": made}
        tap.feed("\r\n".join(sse(chunk(said(content="x" * 900), usage=usage))).encode())
    assert tap.output_so_far() == 1999
    assert tap.finish().output == 1999


def test_text_of_a_whole_answer_is_told_even_when_it_was_cut() -> None:
    message = {"content": "Hello", "reasoning": "Hm", "tool_calls": [{"function": {"arguments": "{}"}}]}
    body = json.dumps({"choices": [{"message": message}], "usage": {}}).encode()
    tap = ChatTap()
    tap.body(body)
    assert tap.relayed_text() == "HmHello{}"
    tap.body(body[: body.index(b"ello")])
    assert tap.relayed_text() == "H"
    assert tap.finish().complete is False


def test_an_answer_that_came_whole_though_a_stream_was_asked_is_read() -> None:
    tap = ChatTap()
    tap.feed(b'{"model":"m","choices":[],')
    tap.feed(b'"usage":{"prompt_tokens":3,"completion_tokens":4}}')
    assert tap.finish().usage_source is UsageSource.REPORTED

"""Usage and text out of Ollama's answers: bodies, and streams of one object a line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.ollama_tap import OllamaTap
from proxy.domain.usage import Usage, UsageSource
from tests.support.recorded import cuts, differences, fed, read_both, recorded

MODEL = {"model": "llama3.2", "created_at": "2026-08-01T00:00:00Z"}
END = {
    **MODEL,
    "message": {"role": "assistant", "content": ""},
    "done": True,
    "done_reason": "stop",
    "total_duration": 4_353_619_900,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 246_847_000,
    "eval_count": 5,
    "eval_duration": 4_032_296_000,
}


def chunk(**said: Any) -> dict[str, Any]:
    return {**MODEL, "message": {"role": "assistant", "content": "", **said}, "done": False}


CALL = {"function": {"name": "weather", "arguments": {"city": "Köln"}}}
SAID = [chunk(thinking="Hm. "), chunk(content="Grüße"), chunk(content=' "all"\n'), chunk(tool_calls=[CALL])]
TEXT = 'Hm. Grüße "all"\nweather{"city":"Köln"}'
WRITTEN: dict[str, Any] = {
    "name": "chat_stream",
    "stream": True,
    "response": [json.dumps(one, ensure_ascii=False) for one in (*SAID, END)],
    "expected": {"input": 26, "output": 5, "model": "llama3.2", "complete": True, "usage_source": "reported"},
}
EXCHANGES = [WRITTEN, *recorded("ollama.native")]


def lines(*objects: Any) -> bytes:
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in objects)


def read(data: bytes, *, generates: bool = True) -> Usage:
    tap = OllamaTap(generates=generates)
    tap.body(data)
    return tap.finish()


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda one: one["name"])
@given(st.data())
def test_an_exchange_gives_exactly_what_is_expected(exchange: dict[str, Any], data: st.DataObject) -> None:
    for tap in read_both(exchange, OllamaTap, data.draw(cuts(8_000)), crlf=False):
        assert differences(exchange, tap.finish()) == {}


@given(cuts(2_000), st.booleans())
def test_the_last_line_has_the_figures_however_the_stream_is_split(places: list[int], crlf: bool) -> None:  # noqa: FBT001 - drawn
    data = lines(*SAID, END)
    data = data.replace(b"\n", b"\r\n") if crlf else data
    tap = fed(OllamaTap(), data, [min(place, len(data)) for place in places])
    usage = tap.finish()
    assert (usage.input, usage.output, usage.model) == (26, 5, "llama3.2")
    assert (usage.complete, usage.usage_source) == (True, UsageSource.REPORTED)
    assert tap.output_so_far() == 5
    assert tap.relayed_text() == ""  # nothing is left to count


@given(st.integers(0, 2_000))
def test_a_stream_cut_anywhere_has_the_text_of_its_whole_lines_and_no_figures(place: int) -> None:
    data = lines(*SAID)
    tap = fed(OllamaTap(), data[:place], [])
    usage = tap.finish()
    assert (usage.input, usage.output, usage.complete, usage.usage_source) == (None, None, False, UsageSource.NONE)
    assert TEXT.startswith(tap.relayed_text())
    assert tap.relayed_text() == TEXT or place < len(data) - 1
    assert usage.model in (None, "llama3.2")


def test_a_prompt_that_was_cached_is_left_to_the_estimate_and_its_output_is_not_counted_again() -> None:
    told = {name: value for name, value in END.items() if name != "prompt_eval_count"}
    tap = fed(OllamaTap(), lines(*SAID, told), [])
    usage = tap.finish()
    assert (usage.input, usage.output, usage.complete) == (None, 5, True)
    assert tap.relayed_text() == ""


def test_an_answer_without_a_word_has_no_count_and_cost_nothing() -> None:
    told = {name: value for name, value in END.items() if name != "eval_count"}
    assert (read(lines(told)).output, read(lines(told)).usage_source) == (0, UsageSource.REPORTED)
    wordy = fed(OllamaTap(), lines(*SAID, told), [])
    assert (wordy.finish().output, wordy.finish().usage_source) == (None, UsageSource.PARTIAL)
    assert wordy.relayed_text() == TEXT  # a server that counts nothing


@pytest.mark.parametrize("reason", ["load", "unload"])
def test_putting_a_model_into_memory_uses_no_token(reason: str) -> None:
    usage = read(lines({**MODEL, "response": "", "done": True, "done_reason": reason}))
    assert (usage.input, usage.output, usage.usage_source) == (0, 0, UsageSource.REPORTED)


def test_an_error_in_a_stream_ends_it_without_being_whole() -> None:
    tap = fed(OllamaTap(), lines(*SAID, {"error": "an error was encountered while running the model"}), [])
    assert (tap.finish().complete, tap.finish().usage_source) == (False, UsageSource.NONE)
    assert tap.relayed_text() == TEXT
    assert not read(b'{"error":"model not found"}').complete


def test_a_context_longer_than_what_is_kept_does_not_hide_the_figures() -> None:
    head = lines(*[chunk(content="x" * 500)] * 2_500)
    told = {**END, "context": list(range(200_000))}
    told = {name: told[name] for name in ("model", "done", "context", "prompt_eval_count", "eval_count")}
    tap = OllamaTap()
    data = head + lines(told)
    for start in range(0, len(data), 60_000):
        tap.feed(data[start : start + 60_000])
    assert (tap.finish().input, tap.finish().output, tap.finish().complete) == (26, 5, True)


def test_figures_that_a_model_writes_are_not_its_figures() -> None:
    said = chunk(content='"prompt_eval_count":1,"eval_count":1}')
    tap = fed(OllamaTap(), lines(said) + b'{"message":{"content":"\\"eval_count\\":7}"', [])
    assert tap.finish().output is None


def test_embeddings_have_no_output_and_the_older_ones_no_figures() -> None:
    usage = read(b'{"model":"m","embeddings":[[0.1]],"prompt_eval_count":8}', generates=False)
    assert (usage.input, usage.output, usage.model, usage.usage_source) == (8, 0, "m", UsageSource.REPORTED)
    older = read(b'{"embedding":[0.1]}', generates=False)
    assert (older.input, older.output, older.complete) == (None, None, True)
    assert not read(b'{"error":"no"}', generates=False).complete


@given(st.binary(max_size=300) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["done", "message", "content", "thinking", "tool_calls", "function", "arguments", "model",
                         "eval_count", "prompt_eval_count", "done_reason", "error"]), inner, max_size=4),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode()), st.booleans())  # fmt: skip
def test_nothing_that_a_server_sends_raises(data: bytes, generates: bool) -> None:  # noqa: FBT001 - drawn
    streamed = fed(OllamaTap(generates=generates), lines(chunk(content="a")) + data, [])
    whole = OllamaTap(generates=generates)
    whole.body(data)
    for tap in (streamed, whole):
        tap.finish()
        tap.output_so_far()
        tap.relayed_text()

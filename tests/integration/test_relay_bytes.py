"""Bytes in = bytes out, through a running proxy: for any stream in any split and framing, equal but for a chunk that we asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.families import ANTHROPIC, GEMINI, OPENAI, Family, upstreams
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import SSE, Script, chunk, close, head, pause, send
from tests.support.talking import Heard, Talking, request

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
DROPPED = {"id": "c", "choices": [], "usage": USAGE}
KEPT: tuple[dict[str, Any], ...] = (
    {"id": "c", "choices": [{"index": 0, "delta": {"content": "caf\u00e9 \U0001f426"}}], "usage": None},
    {"id": "c", "choices": [{"index": 0, "delta": {"content": '"choices":[],"usage":{"x":1}'}}]},
    {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE},
    {"id": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}], "usage": None},
    {"type": "message_start", "message": {"usage": {"input_tokens": 5}}},
    {"type": "message_delta", "usage": {"output_tokens": 7}},
    {"candidates": [], "usageMetadata": {"promptTokenCount": 1}},
)
REQUESTS: dict[str, tuple[Family, str, dict[str, Any]]] = {
    "openai": (OPENAI, OPENAI.path, OPENAI.body | {"stream": True, "stream_options": {"include_usage": True}}),
    "responses": (OPENAI, "/v1/responses", {"model": "gpt-x", "input": "hi", "stream": True}),
    "anthropic": (ANTHROPIC, ANTHROPIC.path, ANTHROPIC.body | {"stream": True}),
    "gemini": (GEMINI, "/v1beta/models/gemini-x:streamGenerateContent?alt=sse", GEMINI.body),
    "gemini as a list": (GEMINI, "/v1beta/models/gemini-x:streamGenerateContent", GEMINI.body),
}
INJECTED = (OPENAI, OPENAI.path, OPENAI.body | {"stream": True})


@st.composite
def events(draw: st.DrawFn) -> tuple[bytes, bool]:
    """An event of a stream, and whether it is the one to be dropped."""
    odd = (
        b": ping\n\n",
        b"data: [DONE]\n\n",
        b"\n",
        b"data: {broken\n\n",
        b"data:\n\n",
        b"event: x\ndata: 1\ndata: 2\n\n",
    )
    if draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(odd)), False
    what = draw(st.sampled_from((DROPPED, *KEPT)))
    text = json.dumps(
        what, ensure_ascii=draw(st.booleans()), separators=draw(st.sampled_from(((",", ":"), (", ", ": "))))
    )
    name = draw(st.sampled_from((b"", b"event: chunk\n", b"id: 1\n")))
    return name + b"data: " + text.encode() + b"\n\n", what is DROPPED


def cuts(length: int) -> st.SearchStrategy[list[int]]:
    """Places to split at, in order."""
    return st.lists(st.integers(0, length), max_size=6).map(sorted)


def pieces(data: bytes, places: Sequence[int]) -> list[bytes]:
    return [data[start:end] for start, end in pairwise([0, *places, len(data)]) if end > start]


@st.composite
def answers(draw: st.DrawFn, stream: bytes) -> Script:
    """An upstream's answer with this body: chunked anywhere or with a length or ended by its end, in reads cut anywhere."""
    framing = draw(st.sampled_from(("chunked", "chunked", "length", "end")))
    data, start = stream, head(200, content_type=SSE)
    if framing == "chunked":
        data = b"".join(map(chunk, pieces(stream, draw(cuts(len(stream)))))) + b"0\r\n\r\n"
        start += b"transfer-encoding: chunked\r\n"
    elif framing == "length":
        start += b"content-length: %d\r\n" % len(data)
    whole = start + b"\r\n" + data
    steps = [step for part in pieces(whole, draw(cuts(len(whole)))) for step in (send(part), pause(0.001))]
    return [*steps, close()] if framing == "end" else steps


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    lines = upstreams(scripted.base_url, more=", breaker: { failures: 0 }")  # streams are cut again and again below
    with RunningProxy(tmp_path_factory.mktemp("home"), lines, env={"SCRIPTED_KEY": "provider-secret"}) as running:
        yield running


def ask(
    proxy: RunningProxy, scripted: ScriptedUpstream, script: Script, how: tuple[Family, str, dict[str, Any]]
) -> Heard:
    """The answer, on a connection that must then serve the next request."""
    family, path, body = how
    scripted.forget()
    scripted.replies(script)
    with Talking(proxy.port) as line:
        heard = line.send(request("POST", path, json.dumps(body).encode(), (family.key(proxy.key),))).answer()
        assert line.send(request("GET", "/livez")).answer().status == 200
    assert heard.whole
    assert len(scripted.seen) == 1
    return heard


@FEW
@given(st.sampled_from(sorted(REQUESTS)), st.lists(events(), max_size=8), st.booleans(), st.data())
def test_a_stream_that_needs_no_edit_passes_byte_for_byte(
    proxy: RunningProxy,
    scripted: ScriptedUpstream,
    name: str,
    made: list[tuple[bytes, bool]],
    crlf: bool,  # noqa: FBT001 - drawn
    data: st.DataObject,
) -> None:
    stream = b"".join(event.replace(b"\n", b"\r\n") if crlf else event for event, _ in made)
    heard = ask(proxy, scripted, data.draw(answers(stream)), REQUESTS[name])
    assert (heard.status, heard.body) == (200, stream)


@FEW
@given(st.sampled_from(sorted(REQUESTS)), st.binary(max_size=300), st.data())
def test_bytes_that_are_no_stream_of_events_pass_byte_for_byte(
    proxy: RunningProxy, scripted: ScriptedUpstream, name: str, stream: bytes, data: st.DataObject
) -> None:
    heard = ask(proxy, scripted, data.draw(answers(stream)), REQUESTS[name])
    assert (heard.status, heard.body) == (200, stream)


@FEW
@given(st.lists(events(), max_size=8), st.booleans(), st.data())
def test_a_stream_whose_usage_we_asked_for_passes_without_that_chunk_and_nothing_else_is_missing(
    proxy: RunningProxy,
    scripted: ScriptedUpstream,
    made: list[tuple[bytes, bool]],
    crlf: bool,  # noqa: FBT001 - drawn
    data: st.DataObject,
) -> None:
    ended = [(event.replace(b"\n", b"\r\n") if crlf else event, dropped) for event, dropped in made]
    heard = ask(proxy, scripted, data.draw(answers(b"".join(event for event, _ in ended))), INJECTED)
    assert json.loads(scripted.seen[0].body)["stream_options"] == {"include_usage": True}
    assert (heard.status, heard.body) == (200, b"".join(event for event, dropped in ended if not dropped))


@settings(FEW, max_examples=20)
@given(st.binary(min_size=1, max_size=100), st.integers(1_000, 20_000), st.data())
def test_a_long_stream_passes_byte_for_byte(
    proxy: RunningProxy, scripted: ScriptedUpstream, some: bytes, times: int, data: st.DataObject
) -> None:
    heard = ask(proxy, scripted, data.draw(answers(some * times)), REQUESTS["openai"])
    assert heard.body == some * times


@FEW
@given(st.lists(events(), min_size=1, max_size=8), st.booleans(), st.data())
def test_a_stream_that_is_cut_anywhere_passes_up_to_the_cut_and_never_looks_whole(
    proxy: RunningProxy,
    scripted: ScriptedUpstream,
    made: list[tuple[bytes, bool]],
    injected: bool,  # noqa: FBT001 - drawn
    data: st.DataObject,
) -> None:
    stream = b"".join(event for event, _ in made)
    kept = stream[: data.draw(st.integers(1, len(stream)))]
    family, path, body = INJECTED if injected else REQUESTS["openai"]
    scripted.forget()
    scripted.replies([send(head(200, content_type=SSE) + b"transfer-encoding: chunked\r\n\r\n" + chunk(kept)), close()])
    with Talking(proxy.port) as line:
        heard = line.send(request("POST", path, json.dumps(body).encode(), (family.key(proxy.key),))).answer()
        assert line.rest() == b""
    assert not heard.whole
    passed, gap, told = heard.body.rpartition(b'data: {"error":')
    assert json.loads(gap[6:] + told)["error"]["code"] == "upstream_error"
    if injected:  # an event that was not complete may have been the one to drop
        assert b"".join(event for event, dropped in made if not dropped).startswith(passed.rstrip(b"\n"))
    else:
        assert passed in {kept, kept + b"\n\n"}

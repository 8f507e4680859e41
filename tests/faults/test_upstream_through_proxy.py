"""Whatever an upstream does to a call, its caller gets a clear error, one row says what it cost, and the next call works."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from proxy.domain.row import Outcome, Row
from tests.support.at_rest import wait_rest
from tests.support.callers import ANSWERS, FAMILIES, STREAMS, ask, calling, told, upstreams
from tests.support.listening import Heard
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import (
    Script,
    Step,
    chunk,
    close,
    cut_after,
    forever,
    garbage,
    head,
    huge_header,
    infinite_header,
    many_headers,
    reset,
    send,
    silence,
    streamed,
    whole,
)

INPUT, OUTPUT = 1000, 2000  # nUSD a token, as priced below
TIMEOUTS = ", timeouts: { connect: 1s, first_byte: 400ms, idle: 400ms }"

# What an upstream may do instead of an answer: its script, and the error's status and code.
INSTEAD: dict[str, tuple[Script, int, str]] = {
    "accepts and never answers": ([silence()], 504, "upstream_timeout"),
    "resets": ([reset()], 502, "upstream_error"),
    "closes": ([close()], 502, "upstream_error"),
    "sends garbage": (garbage(), 502, "upstream_protocol_error"),
    "sends a huge header": (huge_header(), 502, "upstream_protocol_error"),
    "sends many headers": (many_headers(), 502, "upstream_protocol_error"),
    "sends a header without end": (infinite_header(), 502, "upstream_protocol_error"),
    "says it will continue, for ever": (forever(b"HTTP/1.1 102 Processing\r\n\r\n"), 502, "upstream_protocol_error"),
}
# How it may break a buffered answer.
WITHIN: dict[str, tuple[Step, int, str]] = {
    "resets": (reset(), 502, "upstream_error"),
    "closes": (close(), 502, "upstream_error"),
    "falls silent": (silence(), 504, "upstream_timeout"),
}
# How it may break a stream.
MID_STREAM: dict[str, tuple[Step, int, str]] = {
    **WITHIN,
    "sends a chunk that is none": (send(b"zz\r\noops\r\n"), 502, "upstream_protocol_error"),
}
TYPES = {  # what an SDK of each family reads
    "openai": {502: "server_error", 504: "server_error"},
    "anthropic": {502: "api_error", 504: "api_error"},
    "gemini": {502: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"},
}


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    found = upstreams(scripted.base_url, more=TIMEOUTS)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        for family, line in upstreams(url, more=TIMEOUTS).items():
            found[f"{family}-refusing"] = line.replace(f'"{family}-*"', f'"{family}-refused"')
            found[family] = found[family].replace(f'"{family}-*"', f'"{family}-model"')
        with RunningProxy(tmp_path_factory.mktemp("home"), found) as running:
            yield running


@pytest.fixture(autouse=True)
def _fresh(scripted: ScriptedUpstream) -> None:
    scripted.forget()


async def check_one_row(proxy: RunningProxy, scripted: ScriptedUpstream, heard: Heard, family: str) -> Row:
    """The call left one row and no hold, and the next call is served."""
    request_id = heard.headers["x-request-id"]
    await asyncio.to_thread(proxy.wait_rows, request_id=request_id)
    rows = [row for row in await asyncio.to_thread(wait_rest, proxy) if row.request_id == request_id]
    assert [(row.attempt, row.outcome) for row in rows] == [(1, Outcome.UPSTREAM_ERROR)]
    scripted.forget()
    scripted.replies(whole(ANSWERS[family]))
    assert json.loads((await ask(proxy, f"{family}-model")).body) == ANSWERS[family]
    return rows[0]


def check_error(error: dict[str, Any], family: str, status: int, code: str) -> None:
    """In the words of the caller's dialect, naming who is to blame and nothing that the upstream sent."""
    assert TYPES[family][status] in (error.get("type"), error.get("status"))
    if family == "openai":
        assert error["code"] == code
    assert "upstream" in error["message"].lower()
    assert family in error["message"]
    assert "SSH" not in error["message"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("case", INSTEAD)
async def test_an_upstream_that_instead_of_answering(
    proxy: RunningProxy, scripted: ScriptedUpstream, case: str, family: str, *, stream: bool
) -> None:
    script, status, code = INSTEAD[case]
    scripted.replies(script, always=True)
    heard = await ask(proxy, f"{family}-model", stream=stream)
    assert heard.status == status
    check_error(told(heard), family, status, code)
    assert heard.headers["x-should-retry"] == "true"
    row = await check_one_row(proxy, scripted, heard, family)
    assert (row.status, row.error, row.upstream_status) == (status, code, None)
    waited = status == 504  # a provider that we waited for may bill what it read
    assert row.cost_nusd == (row.usage.input or 0) * INPUT
    assert bool(row.cost_nusd) == waited


@pytest.mark.parametrize("family", FAMILIES)
async def test_an_upstream_that_refuses_connections(
    proxy: RunningProxy, scripted: ScriptedUpstream, family: str
) -> None:
    heard = await ask(proxy, f"{family}-refused")
    assert heard.status == 502
    check_error(told(heard), family, 502, "upstream_error")
    row = await check_one_row(proxy, scripted, heard, family)
    assert (row.status, row.cost_nusd) == (502, 0)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("case", WITHIN)
async def test_an_upstream_that_in_the_middle_of_a_whole_answer(
    proxy: RunningProxy, scripted: ScriptedUpstream, case: str, family: str
) -> None:
    step, status, code = WITHIN[case]
    body = json.dumps(ANSWERS[family]).encode()
    started = send(head() + b"content-length: %d\r\n\r\n" % len(body) + body[: len(body) // 2])
    scripted.replies([started, step], always=True)
    heard = await ask(proxy, f"{family}-model")
    assert heard.status == status
    check_error(told(heard), family, status, code)
    row = await check_one_row(proxy, scripted, heard, family)
    assert (row.status, row.error, row.upstream_status) == (status, code, 200)
    assert 0 < row.cost_nusd == (row.usage.input or 0) * INPUT + (row.usage.output or 0) * OUTPUT


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("case", MID_STREAM)
async def test_an_upstream_that_in_the_middle_of_a_stream(
    proxy: RunningProxy, scripted: ScriptedUpstream, case: str, family: str
) -> None:
    step, status, code = MID_STREAM[case]
    told_until = STREAMS[family][:-3] if family != "gemini" else STREAMS[family][:-1]
    half = STREAMS[family][-1][:20]  # the break comes within an event
    scripted.replies(streamed([*told_until, half], then=step), always=True)
    heard, rest = await read_broken(proxy, f"{family}-model")
    assert heard.status == 200
    assert not rest.endswith(b"0\r\n\r\n"), "a broken stream must not end cleanly"
    events = events_of(rest)
    assert b"".join(told_until).strip() in unchunked(rest)
    check_error(events[-1]["error"], family, status, code)
    row = await check_one_row(proxy, scripted, heard, family)
    assert (row.status, row.error, row.upstream_status) == (200, code, 200)
    assert (row.usage.output or 0) > 0
    assert row.cost_nusd == (row.usage.input or 0) * INPUT + (row.usage.output or 0) * OUTPUT


async def read_broken(proxy: RunningProxy, model: str) -> tuple[Heard, bytes]:
    """Head and raw rest of a stream that is broken off."""
    async with calling(proxy, model, stream=True) as caller:
        heard = await caller.head()
        return heard, await caller.rest()


def unchunked(raw: bytes) -> bytes:
    """The body of chunks that need not end."""
    body = b""
    while b"\r\n" in raw:
        size, _, raw = raw.partition(b"\r\n")
        length = int(size, 16)
        body, raw = body + raw[:length], raw[length + 2 :]
    return body


def events_of(raw: bytes) -> list[dict[str, Any]]:
    """Events of a stream as an SDK reads them: by empty lines, and only those that are JSON."""
    found = []
    for event in unchunked(raw).split(b"\n\n"):
        data = b"".join(line[5:] for line in event.split(b"\n") if line.startswith(b"data:"))
        try:
            found.append(json.loads(data))
        except ValueError:
            continue
    return [event for event in found if isinstance(event, dict)]


async def test_a_whole_answer_that_never_ends_is_given_up_when_it_fits_nowhere(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    endless = [send(head() + b"transfer-encoding: chunked\r\n\r\n"), forever(chunk(b" " * (1 << 20)))]
    scripted.replies(endless)
    heard = await ask(proxy, "openai-model")
    assert heard.status == 502
    check_error(told(heard), "openai", 502, "upstream_error")
    row = await check_one_row(proxy, scripted, heard, "openai")
    assert row.cost_nusd == (row.usage.input or 0) * INPUT


async def test_an_upstreams_own_error_passes_in_its_own_words_and_costs_nothing(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    refusal = {"error": {"message": "The engine is currently overloaded", "type": "engine_overloaded", "param": None}}
    scripted.replies(whole(refusal, 503, [("retry-after", "7")]), always=True)
    heard = await ask(proxy, "openai-model", stream=True)
    assert (heard.status, json.loads(heard.body), heard.headers["retry-after"]) == (503, refusal, "7")
    row = await check_one_row(proxy, scripted, heard, "openai")
    assert (row.upstream_status, row.cost_nusd) == (503, 0)


async def test_an_answer_cut_short_of_its_length_is_no_answer(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    body = json.dumps(ANSWERS["openai"]).encode()
    scripted.replies(cut_after(body, len(body) - 1), always=True)
    heard = await ask(proxy, "openai-model")
    assert heard.status == 502
    await check_one_row(proxy, scripted, heard, "openai")

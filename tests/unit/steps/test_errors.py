"""Telling a caller that a call failed."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.base import Dialect
from proxy.dialects.bedrock import Bedrock
from proxy.dialects.ollama import Ollama
from proxy.domain.errors import BadRequest, ClientGone, PolicyNote, QuotaSpent, SlowBody, Throttled, Unavailable
from proxy.ports import DRAINING
from proxy.steps.errors import answer_to, cut_short, head, tell
from tests.support.plans import REQUEST_ID, FixedRequest, Recorder, make_call, make_visit, make_world


async def test_an_error_before_the_answer_is_an_answer() -> None:
    said = Recorder()
    await tell(make_visit(said, call=make_call()), BadRequest("No.", code="invalid_json"), make_world(said))
    (_, (call, code)), (how, (status, headers, body)) = said.said
    assert (call, code, how, status) == (make_call(), "invalid_json", "whole", 400)
    assert headers[b"x-request-id"] == headers[b"request-id"] == REQUEST_ID.encode()
    assert headers[b"x-should-retry"] == b"false"
    assert json.loads(body)["error"]["message"] == "No."
    assert json.loads(body)["request_id"] == REQUEST_ID


@pytest.mark.parametrize(
    ("last", "gap"), [(b"data: 1\n\n", b""), (b"data: 1\n", b"\n\n"), (b"data: {", b"\n\n"), (b"x\r\n\r\n", b"\n\n")]
)
async def test_an_error_inside_a_stream_is_an_event_of_its_own_and_never_a_clean_end(last: bytes, gap: bytes) -> None:
    said = Recorder()
    await tell(make_visit(said, opened=True, last_piece=last), Unavailable("Later."), make_world(said))
    _, (how, event), (end, _) = said.said
    assert (how, end) == ("write", "abort")
    assert event.startswith(gap + b"data: {")
    assert event.endswith(b"\n\n")
    assert b"[DONE]" not in event


@pytest.mark.parametrize(
    ("dialect", "last", "gap"),
    [(Bedrock(), b"half a fra", b""), (Ollama(), b'{"done":', b"\n"), (Ollama(), b"{}\n", b"")],
)
async def test_what_separates_events_is_the_dialect_s_own(dialect: Dialect, last: bytes, gap: bytes) -> None:
    said = Recorder()
    visit = make_visit(said, opened=True, last_piece=last)
    visit.dialect = dialect
    await tell(visit, Unavailable("Later."), make_world(said))
    (_, event) = said.said[1]
    assert event == gap + dialect.error_event(Unavailable("Later."), REQUEST_ID)


@pytest.mark.parametrize("opened", [False, True])
async def test_a_caller_who_has_left_is_told_nothing_and_nothing_is_raised(opened: bool) -> None:  # noqa: FBT001 - a case
    said = Recorder(gone=True)
    await tell(make_visit(said, opened=opened), BadRequest("No."), make_world(said))
    assert [what for what, _ in said.said] == ["refused"]
    said = Recorder()
    await tell(make_visit(said, opened=opened), ClientGone(), make_world(said))
    assert said.said == []


async def test_a_defect_of_ours_is_logged_by_kind_and_told_without_its_text() -> None:
    said = Recorder()
    await tell(make_visit(said), ValueError("the prompt"), make_world(said))
    assert said.said[0] == ("unforeseen", (REQUEST_ID, "ValueError"))
    assert said.said[2][1][0] == 500
    assert "the prompt" not in repr(said.said)


def test_a_cancellation_is_a_caller_who_left_unless_we_are_ending() -> None:
    left = asyncio.CancelledError("client gone")
    assert cut_short(left) is left
    ending = cut_short(asyncio.CancelledError(DRAINING))
    assert isinstance(ending, Unavailable)
    assert ending.retry


@pytest.mark.parametrize(
    ("path", "member"),
    [("/v1/chat/completions", "code"), ("/v1/messages", "type"), ("/v1beta/models/m:generateContent", "status")],
)
def test_an_error_before_any_walk_is_written_in_the_dialect_of_its_path(path: str, member: str) -> None:
    status, headers, body = answer_to(FixedRequest(path), SlowBody("Too slow."))
    assert status == 408
    assert member in json.loads(body)["error"]
    assert b"x-request-id" not in dict(headers)


def test_bytes_that_never_became_a_request_are_answered_in_openai_s_words() -> None:
    assert json.loads(answer_to(None, BadRequest("No."))[2])["error"]["type"] == "invalid_request_error"


@given(st.floats(0, 59), st.integers(0, 255))
def test_a_wait_is_told_in_seconds_and_milliseconds_at_most_a_tenth_longer(wait_s: float, last: int) -> None:
    found = dict(head(Throttled("x", retry_after_s=wait_s), f"{REQUEST_ID[:-2]}{last:02x}"))
    millis, seconds = int(found[b"retry-after-ms"]), int(found[b"retry-after"])
    assert max(1, wait_s * 1000) <= millis <= max(1, wait_s * 1100 + 1)
    assert max(1, wait_s) <= seconds <= max(1, wait_s * 1.1 + 1)
    assert found[b"x-should-retry"] == b"true"


def test_what_is_useless_to_repeat_has_no_wait() -> None:
    note = PolicyNote("config/budget", "d_7Kq2")
    found = dict(head(QuotaSpent("x", retry_after_s=5, policy=note), REQUEST_ID))
    assert b"retry-after" not in found
    assert (found[b"x-should-retry"], found[b"x-tally-decision"]) == (b"false", b"d_7Kq2")

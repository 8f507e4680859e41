"""Errors of the walk on the wire: in whose words, and what becomes of the connection."""

from __future__ import annotations

import logging

import pytest

from proxy import ports
from proxy.domain.errors import CallError, Throttled
from proxy.server.plain_errors import Answer
from tests.support.listening import Desk, get, listening, on_uvloop, post


@pytest.mark.parametrize("value", [b"a\r\nx: y", b"a\nb", b"a\rb", b"a\0b"])
def test_a_header_that_would_break_out_of_its_line_becomes_a_500(
    value: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(_: ports.Request, reply: ports.Reply) -> None:
        await reply.whole(200, [(b"x-model", value)], b"hello")

    @on_uvloop
    async def probing() -> None:
        async with listening(handler) as there:
            caller = await there.call(get("/v1/x"))
            heard = await caller.answer()
            assert heard.status == 500
            assert "x" not in heard.headers

    with caplog.at_level(logging.ERROR):
        probing()
    assert "ValueError" in caplog.text


@on_uvloop
async def test_a_refusal_of_the_walk_keeps_the_connection_when_the_body_is_read_or_small() -> None:
    desk = Desk()
    async with listening(desk) as there:
        caller = await there.call()
        await caller.send(post("/refuse", b"a" * 5000)[:-100])  # the last hundred bytes are late
        heard = await caller.answer()
        assert heard.status == 401
        assert "connection" not in heard.headers
        await caller.send(b"a" * 100, post("/v1/x", b"hello"), pause_s=0.01)
        assert (await caller.answer()).body == b"hello"


@on_uvloop
async def test_a_refusal_before_a_large_body_ends_the_connection_and_is_heard() -> None:
    desk = Desk()
    async with listening(desk) as there:
        caller = await there.call(post("/refuse", b"a" * 4_000_000)[:100_000])
        for _ in range(100):
            await caller.send(b"a" * 10_000)
        heard = await caller.answer()
        assert heard.status == 401
        assert heard.headers["connection"] == "close"


@on_uvloop
async def test_errors_of_the_walk_speak_through_on_error_with_retry_after() -> None:
    async def handler(request: ports.Request, reply: ports.Reply) -> None:
        if request.raw_path == "/late":
            await reply.open(200, [])
        raise Throttled("Slow down.", retry_after_s=1.2)

    def on_error(request: ports.Request | None, error: CallError) -> Answer:
        assert request is not None
        return error.status, [(b"x-path", request.raw_path.encode())], error.message.encode()

    async with listening(handler, on_error=on_error) as there:
        caller = await there.call(get("/early"), get("/late"))
        heard = await caller.answer()
        assert (heard.status, heard.body) == (429, b"Slow down.")
        assert (heard.headers["retry-after"], heard.headers["x-path"]) == ("2", "/early")
        await caller.head()
        assert await caller.rest() == b""  # too late for a status: broken off


def test_a_defect_is_a_500_that_tells_nothing_and_a_log_line_without_the_text(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: ports.Request, _: ports.Reply) -> None:
        if request.raw_path == "/raise":
            raise KeyError(request.header("authorization"))

    @on_uvloop
    async def probing() -> None:
        async with listening(handler) as there:
            caller = await there.call(get("/raise", "authorization: sk-canary"), get("/forget"))
            for _ in range(2):
                heard = await caller.answer()
                assert heard.status == 500
                assert b"canary" not in heard.body

    with caplog.at_level(logging.ERROR):
        probing()
    assert "KeyError" in caplog.text
    assert "RuntimeError" in caplog.text
    assert "canary" not in caplog.text


@on_uvloop
async def test_an_error_that_cannot_be_put_into_words_is_still_answered() -> None:
    def on_error(_: ports.Request | None, error: CallError) -> Answer:
        raise RuntimeError(error.code)

    async def handler(_: ports.Request, _reply: ports.Reply) -> None:
        raise Throttled("Slow down.")

    async with listening(handler, on_error=on_error) as there:
        caller = await there.call(get("/v1/x"), b"nonsense\r\n\r\n")
        assert (await caller.answer()).status == 429
        assert (await caller.answer()).status == 400

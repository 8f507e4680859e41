"""Answers on the wire: framing, keep-alive, streams, broken streams, errors of the walk."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

import pytest

from proxy import ports
from proxy.domain.errors import CallError, ClientGone, Throttled
from proxy.server.limits import Limits
from proxy.server.plain_errors import Answer
from proxy.server.sockets import tls_context
from tests.support.certificates import self_signed
from tests.support.listening import Desk, get, listening, on_uvloop, post


@on_uvloop
async def test_one_connection_serves_many_calls() -> None:
    desk = Desk()
    async with listening(desk) as there:
        caller = await there.call()
        for body in (b"", b"one", b"x" * 300_000, b"two"):
            await caller.send(post("/v1/x", body))
            heard = await caller.answer()
            assert (heard.status, heard.body) == (200, body)
            assert "connection" not in heard.headers
            assert "server" not in heard.headers
            assert heard.headers["date"].endswith("GMT")
        assert there.listener.connections == 1


@on_uvloop
async def test_pipelined_calls_are_answered_one_after_the_other_and_in_order() -> None:
    desk = Desk()
    async with listening(desk) as there:
        caller = await there.call(b"".join(post("/v1/x", b"%d" % i) for i in range(50)))
        assert [(await caller.answer()).body for _ in range(50)] == [b"%d" % i for i in range(50)]


@on_uvloop
async def test_what_is_pipelined_behind_a_call_in_service_waits_and_is_bounded() -> None:
    desk = Desk()
    async with listening(desk, Limits(ahead_bytes=10_000)) as there:
        caller = await there.call(get("/wait"))
        flood = asyncio.create_task(caller.send(*[post("/v1/x", b"a" * 1000)] * 8_000))
        await asyncio.sleep(0.2)
        assert desk.seen == ["/wait"]
        assert not flood.done()  # we stopped reading, so that the caller has to wait
        desk.go.set()
        assert (await caller.answer()).body == b"waited"
        for _ in range(8_000):
            assert len((await caller.answer()).body) == 1000
        await flood


@on_uvloop
async def test_a_body_in_pieces_and_the_next_request_in_its_last_piece() -> None:
    desk = Desk()
    async with listening(desk) as there:
        first, second = post("/v1/x", b"hello" * 100), post("/v1/x", b"ho")
        both = first + second
        caller = await there.call()
        await caller.send(both[:100], both[100:400], both[400:-30], both[-30:], pause_s=0.01)
        assert (await caller.answer()).body == b"hello" * 100
        assert (await caller.answer()).body == b"ho"


@on_uvloop
async def test_a_stream_comes_piece_by_piece_and_the_connection_lives_on() -> None:
    desk = Desk()
    async with listening(desk) as there:
        caller = await there.call(get("/stream"))
        head = await caller.head()
        assert head.headers["transfer-encoding"] == "chunked"
        assert "content-length" not in head.headers
        assert await caller.reader.readexactly(14) == b"9\r\ndata: 1\n\n\r\n"
        desk.go.set()
        assert await caller.reader.readexactly(19) == b"9\r\ndata: 2\n\n\r\n0\r\n\r\n"
        await caller.send(post("/v1/x", b"again"))
        assert (await caller.answer()).body == b"again"


@on_uvloop
async def test_a_large_piece_is_one_chunk() -> None:
    async def handler(_: ports.Request, reply: ports.Reply) -> None:
        await reply.open(200, [])
        await reply.write(b"x" * 100_000)
        await reply.write(b"")
        await reply.close()

    async with listening(handler) as there:
        caller = await there.call(get("/v1/x"))
        assert (await caller.answer()).body == b"x" * 100_000


@on_uvloop
async def test_a_broken_stream_never_ends_cleanly() -> None:
    desk = Desk()
    async with listening(desk) as there:
        caller = await there.call(get("/broken"))
        await caller.head()
        assert await caller.rest() == b"9\r\ndata: 1\n\n\r\n"  # the piece, and no last chunk
        old = await there.call(get("/broken", version="1.0"))
        with pytest.raises(ConnectionError):  # where the end of the connection ends the body, it must be a reset
            await old.reader.read()


@on_uvloop
async def test_an_old_client_gets_no_chunks_and_keeps_its_connection_only_on_request() -> None:
    desk = Desk()
    desk.go.set()
    async with listening(desk) as there:
        caller = await there.call(get("/stream", version="1.0"))
        head = await caller.head()
        assert head.headers["connection"] == "close"
        assert "transfer-encoding" not in head.headers
        assert await caller.rest() == b"data: 1\n\ndata: 2\n\n"
        caller = await there.call(get("/v1/x", "connection: keep-alive", version="1.0"))
        assert (await caller.answer()).headers["connection"] == "keep-alive"
        await caller.send(get("/v1/x", version="1.0"))
        assert (await caller.answer()).headers["connection"] == "close"
        assert await caller.rest() == b""


@on_uvloop
async def test_a_caller_who_wants_to_close_is_believed() -> None:
    desk = Desk()
    async with listening(desk) as there:
        caller = await there.call(get("/v1/x", "connection: close") + get("/v1/y"))
        assert (await caller.answer()).headers["connection"] == "close"
        assert await caller.rest() == b""
        assert desk.seen == ["/v1/x"]


@pytest.mark.parametrize(("method", "status", "length"), [("HEAD", 200, "5"), ("GET", 204, None), ("GET", 304, None)])
def test_answers_without_body_have_none(method: str, status: int, length: str | None) -> None:
    async def handler(request: ports.Request, reply: ports.Reply) -> None:
        if request.raw_path == "/whole":
            await reply.whole(status, [], b"hello")
        else:
            await reply.open(status, [])
            await reply.write(b"hello")
            await reply.close()

    @on_uvloop
    async def probing() -> None:
        async with listening(handler) as there:
            caller = await there.call()
            for path in ("/whole", "/stream", "/whole"):
                await caller.send(get(path).replace(b"GET", method.encode()))
                heard = await caller.answer(mute=True)
                assert heard.status == status
                assert "transfer-encoding" not in heard.headers
                assert path == "/stream" or heard.headers.get("content-length") == length
            assert there.listener.connections == 1

    probing()


@on_uvloop
async def test_framing_of_an_upstream_cannot_contradict_ours() -> None:
    async def handler(_: ports.Request, reply: ports.Reply) -> None:
        theirs = [(b"content-length", b"999"), (b"transfer-encoding", b"gzip"), (b"connection", b"close"), (b"x-a", b"b")]
        await reply.whole(200, theirs, b"hello")

    async with listening(handler) as there:
        caller = await there.call(get("/v1/x"))
        heard = await caller.answer()
        assert heard.headers == {"content-length": "5", "x-a": "b", "date": heard.headers["date"]}
        assert heard.body == b"hello"


@pytest.mark.parametrize("value", [b"a\r\nx: y", b"a\nb", b"a\rb", b"a\0b"])
def test_a_header_that_would_break_out_of_its_line_becomes_a_500(value: bytes, caplog: pytest.LogCaptureFixture) -> None:
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


@on_uvloop
async def test_a_caller_who_left_cannot_be_written_to() -> None:
    gone = asyncio.Event()

    async def handler(_: ports.Request, reply: ports.Reply) -> None:
        await reply.open(200, [])
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            with pytest.raises(ClientGone):
                await reply.write(b"too late")
            reply.abort()
            gone.set()
            raise

    async with listening(handler) as there:
        caller = await there.call(get("/v1/x"))
        await caller.head()
        caller.leave()
        async with asyncio.timeout(10):
            await gone.wait()


@on_uvloop
async def test_headers_are_found_without_case_and_can_always_be_encoded() -> None:
    seen: list[str | None] = []

    async def handler(request: ports.Request, reply: ports.Reply) -> None:
        seen.extend([request.header("x-a"), request.header("x-b"), request.header("x-none"), request.headers["X-A"]])
        await reply.whole(200, request.forwardable(frozenset({"x-a"})), b"")

    async with listening(handler) as there:
        caller = await there.call(b"GET /v1/x HTTP/1.1\r\nhost: p\r\nX-A: caf\xe9\r\nx-b: caf\xc3\xa9\r\n\r\n")
        assert (await caller.answer()).status == 200
        assert seen == ["café", "café", None, "café"]


def test_tls_is_served_with_the_same_guards(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "127.0.0.1")
    ours = tls_context(str(certificate), str(key))
    theirs = ssl.create_default_context(cafile=str(certificate))

    @on_uvloop
    async def probing() -> None:
        desk = Desk()
        desk.go.set()
        async with listening(desk, tls=(ours, theirs)) as there:
            caller = await there.call(post("/v1/x", b"hello"), get("/stream"))
            assert (await caller.answer()).body == b"hello"
            assert (await caller.answer()).body == b"data: 1\n\ndata: 2\n\n"
            await caller.send(get("/v1/../x"))
            assert (await caller.answer()).status == 400
            caller.leave()

    probing()

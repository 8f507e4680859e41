"""Streams on the wire: pieces, clean ends, broken ends, callers of long ago."""

from __future__ import annotations

import asyncio

import pytest

from proxy import ports
from proxy.domain.errors import ClientGone
from tests.support.listening import Desk, get, listening, on_uvloop, post


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
        theirs = [
            (b"content-length", b"999"),
            (b"transfer-encoding", b"gzip"),
            (b"connection", b"close"),
            (b"x-a", b"b"),
        ]
        await reply.whole(200, theirs, b"hello")

    async with listening(handler) as there:
        caller = await there.call(get("/v1/x"))
        heard = await caller.answer()
        assert heard.headers == {"content-length": "5", "x-a": "b", "date": heard.headers["date"]}
        assert heard.body == b"hello"


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

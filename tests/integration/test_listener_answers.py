"""Answers on the wire: framing, keep-alive, pipelining, headers, TLS."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from proxy import ports
from proxy.server.limits import Limits
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
async def test_a_caller_who_wants_to_close_is_believed() -> None:
    desk = Desk()
    async with listening(desk) as there:
        caller = await there.call(get("/v1/x", "connection: close") + get("/v1/y"))
        assert (await caller.answer()).headers["connection"] == "close"
        assert await caller.rest() == b""
        assert desk.seen == ["/v1/x"]


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

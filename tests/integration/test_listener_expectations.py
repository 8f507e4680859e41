"""``Expect: 100-continue`` is answered when the walk asks for the body, and never before."""

from __future__ import annotations

from proxy.server.limits import Limits
from tests.support.listening import Desk, listening, on_uvloop

HEAD = b"POST %b HTTP/1.1\r\nhost: p\r\nexpect: 100-continue\r\ncontent-length: %d\r\n\r\n"


@on_uvloop
async def test_a_caller_who_waits_is_asked_for_the_body_by_the_walk() -> None:
    desk = Desk()
    async with listening(desk) as there:
        caller = await there.call(HEAD % (b"/v1/x", 5))
        assert (await caller.answer()).status == 100
        await caller.send(b"hello")
        assert (await caller.answer()).body == b"hello"
        await caller.send(HEAD % (b"/v1/x", 2))
        assert (await caller.answer()).status == 100
        await caller.send(b"ho")
        assert (await caller.answer()).body == b"ho"


@on_uvloop
async def test_a_refused_caller_gets_no_100_and_the_connection_ends() -> None:
    desk = Desk()
    async with listening(desk) as there:
        caller = await there.call(HEAD % (b"/refuse", 5))
        heard = await caller.answer()
        assert heard.status == 401
        assert heard.headers["connection"] == "close"
        assert await caller.rest() == b""


@on_uvloop
async def test_a_body_too_large_gets_413_and_no_100() -> None:
    desk = Desk()
    async with listening(desk, Limits(body_bytes=1000)) as there:
        caller = await there.call(HEAD % (b"/v1/x", 1001))
        assert (await caller.answer()).status == 413
        assert not desk.seen


@on_uvloop
async def test_a_body_that_came_along_needs_no_100() -> None:
    desk = Desk()
    async with listening(desk) as there:
        caller = await there.call(HEAD % (b"/v1/x", 5) + b"hello")
        assert (await caller.answer()).status == 200


@on_uvloop
async def test_the_expectation_of_an_old_client_is_ignored() -> None:
    # RFC 9110 10.1.1: "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore" it.
    desk = Desk()
    async with listening(desk) as there:
        caller = await there.call((HEAD % (b"/v1/x", 5)).replace(b"HTTP/1.1", b"HTTP/1.0"), b"hello")
        assert (await caller.answer()).status == 200

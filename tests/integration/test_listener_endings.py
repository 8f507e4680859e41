"""How calls and listeners end: callers leave, the house is full, the listener drains."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from proxy import ports
from proxy.ports import DRAINING
from proxy.server.limits import Limits
from tests.support.listening import Caller, Desk, get, listening, on_uvloop, post


async def until(what: object) -> None:
    """Wait for a container to fill, or a callable to agree."""
    async with asyncio.timeout(20):
        while not (what() if callable(what) else what):  # noqa: ASYNC110 - whatever it is, it is no event
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("how", [Caller.leave, Caller.reset], ids=["closes", "resets"])
@pytest.mark.parametrize("path", ["/wait", "/stream"])
def test_a_walk_is_cancelled_at_once_when_its_caller(how: object, path: str) -> None:
    @on_uvloop
    async def probing() -> None:
        desk = Desk()
        async with listening(desk) as there:
            caller = await there.call(get(path))
            await until(desk.seen)
            if path == "/stream":
                await caller.head()
            began = time.monotonic()
            assert callable(how)
            how(caller)
            await until(desk.ended)
            assert time.monotonic() - began < 5  # measured: below a millisecond
            assert desk.ended == ["cancelled: client gone"]
            assert (there.listener.in_flight, there.listener.connections) == (0, 0)

    probing()


@on_uvloop
async def test_a_caller_who_pipelined_more_and_left_is_noticed_all_the_same() -> None:
    desk = Desk()
    async with listening(desk) as there:
        caller = await there.call(get("/wait") + get("/v1/x") * 20)
        await until(desk.seen)
        caller.leave()
        await until(desk.ended)
        assert desk.seen == ["/wait"]


@on_uvloop
async def test_a_caller_who_leaves_within_the_body_ends_the_walk() -> None:
    desk = Desk()
    async with listening(desk) as there:
        caller = await there.call(post("/v1/x", b"hello")[:-1])
        await until(desk.seen)
        caller.leave()
        await until(desk.ended)
        assert desk.ended[0] in ("cancelled: client gone", "ClientGone")


@on_uvloop
async def test_beyond_room_and_queue_calls_are_refused_at_once_and_probes_are_not() -> None:
    desk = Desk()
    async with listening(desk, Limits(in_flight=2, queue=1, queue_s=30)) as there:
        busy = [await there.call(get("/wait")) for _ in range(2)]
        await until(lambda: len(desk.seen) == 2)
        queued = await there.call(get("/v1/queued"))
        await asyncio.sleep(0.05)
        refused = await there.call(get("/v1/refused"))
        heard = await refused.answer()
        assert heard.status == 503
        assert heard.headers["retry-after"] == "1"
        assert "connection" not in heard.headers  # the caller may try again on it
        assert json.loads(heard.body)["error"]["code"] == "overloaded"
        probe = await there.call(get("/livez"))
        assert (await probe.answer()).status == 200
        desk.go.set()
        assert (await queued.answer()).status == 200
        assert [(await caller.answer()).body for caller in busy] == [b"waited"] * 2
        assert there.listener.in_flight == 0


@on_uvloop
async def test_nobody_waits_in_the_queue_for_long() -> None:
    desk = Desk()
    async with listening(desk, Limits(in_flight=1, queue=5, queue_s=0.05)) as there:
        await there.call(get("/wait"))
        await until(desk.seen)
        queued = await there.call(get("/v1/queued"))
        assert (await queued.answer()).status == 503
        left = await there.call(get("/v1/left"))
        left.leave()
        desk.go.set()
        again = await there.call(get("/v1/again"))
        assert (await again.answer()).status == 200
        assert there.listener.in_flight == 0


@on_uvloop
async def test_too_many_connections_are_told_so() -> None:
    async with listening(Desk(), Limits(connections=2)) as there:
        for _ in range(2):
            caller = await there.call(get("/v1/x"))
            assert (await caller.answer()).status == 200
        extra = await there.call()
        assert (await extra.answer()).status == 503
        assert await extra.rest() == b""
        await caller.send(get("/v1/x"))
        assert (await caller.answer()).status == 200


@on_uvloop
async def test_draining_lets_calls_end_and_closes_what_is_idle() -> None:
    desk = Desk()
    async with listening(desk) as there:
        idle = await there.call(get("/v1/x"))
        assert (await idle.answer()).status == 200
        stream = await there.call(get("/stream"))
        await stream.head()
        draining = asyncio.create_task(there.listener.drain(20))
        assert await idle.rest() == b""
        with pytest.raises(ConnectionError):
            await there.call()
        assert not draining.done()
        desk.go.set()
        assert (await stream.rest()).endswith(b"data: 2\n\n\r\n0\r\n\r\n")
        assert await draining == 0
        assert desk.ended == ["done", "done"]


@on_uvloop
async def test_the_next_answer_while_draining_is_the_last_of_its_connection() -> None:
    desk = Desk()
    async with listening(desk) as there:
        caller = await there.call(get("/wait"))
        await until(desk.seen)
        there.listener.stop_accepting()
        desk.go.set()
        assert (await caller.answer()).headers["connection"] == "close"
        assert await caller.rest() == b""


@on_uvloop
async def test_at_the_end_of_the_drain_a_stream_may_say_why_and_never_ends_cleanly() -> None:
    why: list[str] = []

    async def handler(_: ports.Request, reply: ports.Reply) -> None:
        await reply.open(200, [])
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError as cut:
            why.append(str(cut))
            await reply.write(b"event: error\n\n")
            reply.abort()
            raise

    async with listening(handler) as there:
        caller = await there.call(get("/v1/x"))
        await caller.head()
        assert await there.listener.drain(0.05) == 1
        assert await caller.rest() == b"e\r\nevent: error\n\n\r\n"
        assert why == [DRAINING]


@on_uvloop
async def test_a_call_cut_before_its_answer_began_gets_503() -> None:
    desk = Desk()
    async with listening(desk) as there:
        caller = await there.call(get("/wait"))
        await until(desk.seen)
        assert await there.listener.drain(0.05) == 1
        heard = await caller.answer()
        assert heard.status == 503
        assert json.loads(heard.body)["error"]["code"] == "shutting_down"
        assert heard.headers["connection"] == "close"


@on_uvloop
async def test_a_walk_that_books_after_its_caller_left_is_waited_for() -> None:
    booked = asyncio.Event()

    async def handler(_: ports.Request, _reply: ports.Reply) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.2)
            booked.set()

    async with listening(handler) as there:
        caller = await there.call(get("/v1/x"))
        await until(lambda: there.listener.in_flight)
        caller.reset()
        await until(lambda: there.listener.connections == 0)
        assert await there.listener.drain(20) == 0
        assert booked.is_set()


@on_uvloop
async def test_aborting_ends_everything_now() -> None:
    desk = Desk()
    async with listening(desk) as there:
        stream = await there.call(get("/stream"))
        await stream.head()
        there.listener.abort()
        await stream.rest()
        await until(desk.ended)
        assert desk.ended == ["cancelled: client gone"]

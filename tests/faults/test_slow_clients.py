"""Callers who are slow on purpose or by nature: heads, bodies and reading, on every request of a connection.

Deadlines are scaled down. What is asserted is that the listener ends what is overdue and serves what is not; times only
prove that nothing is stuck.
"""

from __future__ import annotations

import asyncio

import pytest

from proxy.server.limits import Limits
from tests.support.listening import Caller, Desk, get, listening, on_uvloop, post

QUICK = Limits(
    head_s=0.3,
    body_s=0.6,
    body_grace_s=0.2,
    body_floor=1000,
    body_pace=100_000,
    write_s=0.5,
    keepalive_s=0.6,
    linger_s=0.2,
)


async def drip(caller: Caller, data: bytes, pause_s: float = 0.05) -> None:
    """One byte at a time, until the other side has had enough."""
    try:
        for i in range(len(data)):
            await caller.send(data[i : i + 1], pause_s=pause_s)
    except ConnectionError:
        return


@on_uvloop
async def test_slow_headers_get_408_and_the_connection_ends() -> None:
    desk = Desk()
    async with listening(desk, QUICK) as there:
        caller = await there.call()
        dripping = asyncio.create_task(drip(caller, post("/v1/x", b"hello") * 10))
        heard = await caller.answer()
        assert heard.status == 408
        assert heard.headers["connection"] == "close"
        assert await caller.rest() == b""
        assert not desk.seen
        dripping.cancel()


@on_uvloop
async def test_slow_headers_of_a_second_request_get_408_too() -> None:
    desk = Desk()
    async with listening(desk, QUICK) as there:
        caller = await there.call(post("/v1/x", b"hello"))
        assert (await caller.answer()).status == 200
        dripping = asyncio.create_task(drip(caller, post("/v1/y", b"hello") * 10))
        assert (await caller.answer()).status == 408
        assert desk.seen == ["/v1/x"]
        dripping.cancel()


@on_uvloop
async def test_half_a_head_behind_a_call_in_service_does_not_stay_for_ever() -> None:
    desk = Desk()
    desk.go.set()
    async with listening(desk, QUICK) as there:
        caller = await there.call(get("/wait") + b"GET /v1/x HTT")
        assert (await caller.answer()).status == 200
        await caller.rest()
        assert desk.seen == ["/wait"]


@on_uvloop
async def test_empty_lines_do_not_keep_a_connection_alive() -> None:
    desk = Desk()
    async with listening(desk, QUICK) as there:
        caller = await there.call()
        dripping = asyncio.create_task(drip(caller, b"\r\n" * 200))
        assert (await caller.answer()).status == 408
        dripping.cancel()


@on_uvloop
async def test_a_connection_that_never_speaks_is_closed_without_a_word() -> None:
    async with listening(Desk(), QUICK) as there:
        caller = await there.call()
        assert await caller.rest() == b""


@on_uvloop
async def test_an_idle_connection_is_closed_after_the_keep_alive_time() -> None:
    async with listening(Desk(), QUICK) as there:
        caller = await there.call(post("/v1/x", b"hello"))
        assert (await caller.answer()).status == 200
        assert await caller.rest() == b""


@pytest.mark.parametrize(
    "start",
    [b"content-length: 5000\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n1388\r\n"],
    ids=["length", "chunked"],
)
def test_a_trickling_body_gets_408_and_the_connection_ends(start: bytes) -> None:
    @on_uvloop
    async def probing() -> None:
        desk = Desk()
        async with listening(desk, QUICK) as there:
            caller = await there.call(b"POST /v1/x HTTP/1.1\r\nhost: p\r\n" + start)
            dripping = asyncio.create_task(drip(caller, b"a" * 1000))
            heard = await caller.answer()
            assert heard.status == 408
            assert heard.headers["connection"] == "close"
            assert desk.ended == ["SlowBody"]
            dripping.cancel()

    probing()


@on_uvloop
async def test_a_body_that_stops_gets_408() -> None:
    desk = Desk()
    async with listening(desk, QUICK) as there:
        caller = await there.call(post("/v1/x", b"hello")[:-1])
        assert (await caller.answer()).status == 408


@on_uvloop
async def test_a_large_body_that_keeps_coming_may_take_longer_than_the_deadline() -> None:
    desk = Desk()
    async with listening(desk, QUICK) as there:
        body = b"a" * 200_000
        request = post("/v1/x", body)
        caller = await there.call()
        for i in range(0, len(request), 10_000):  # about 1 s in all, with 0.6 s + 2 s allowed
            await caller.send(request[i : i + 10_000], pause_s=0.05)
        assert (await caller.answer()).body == body


@on_uvloop
async def test_a_caller_who_stops_reading_stops_the_walk_and_is_cut_off() -> None:
    desk = Desk()
    async with listening(desk, QUICK) as there:
        caller = await there.call()
        caller.writer.transport.pause_reading()  # type: ignore[attr-defined] # a Transport, which the stub calls a WriteTransport
        await caller.send(get("/flood"))
        async with asyncio.timeout(20):
            while not desk.ended:  # noqa: ASYNC110 - ends are a list, not an event
                await asyncio.sleep(0.02)
        # What was written fits into the kernel's buffers and ours: nothing piles up in memory.
        assert desk.written < 32 << 20
        assert desk.ended[0].startswith("cancelled") or desk.ended == ["ClientGone"]
        assert there.listener.in_flight == 0


@on_uvloop
async def test_a_caller_who_reads_slowly_gets_everything() -> None:
    desk = Desk()
    async with listening(desk, QUICK) as there:
        body = b"a" * 3_000_000
        caller = await there.call(post("/v1/x", body))
        head = await caller.head()
        got = 0
        while got < int(head.headers["content-length"]):
            got += len(await caller.reader.read(300_000))
            await asyncio.sleep(0.05)
        assert got == len(body)


@on_uvloop
async def test_others_are_served_while_many_are_slow() -> None:
    desk = Desk()
    async with listening(desk, QUICK) as there:
        for _ in range(100):
            await there.call(b"POST /v1/slow HTTP/1.1\r\nhost")
        caller = await there.call()
        for _ in range(50):
            await caller.send(post("/v1/x", b"hello"))
            assert (await caller.answer()).status == 200
        async with asyncio.timeout(20):
            while there.listener.connections > 1:
                await caller.send(post("/v1/x", b"hello"))
                assert (await caller.answer()).status == 200
                await asyncio.sleep(0.05)

"""A connection is the same however its bytes were cut, and on either event loop."""

from __future__ import annotations

import asyncio
import gc
import re
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.server.connection import Connection
from proxy.server.gate import Gate
from proxy.server.heads import DateLine
from proxy.server.limits import Limits
from proxy.server.plain_errors import plain_error
from proxy.server.service import Service
from tests.support.listening import Desk, get, listening, post

CHUNKED = b"POST /v1/c HTTP/1.1\r\nhost: p\r\ntransfer-encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n2\r\nho\r\n0\r\nx: y\r\n\r\n"
GOOD = post("/v1/a", b"one") + get("/v1/b?x=%20") + CHUNKED + post("/refuse", b"unread") + post("/v1/d", b"four")
ENDS = [b"", b"GET /v1/../x HTTP/1.1\r\nhost: p\r\n\r\n", b"nonsense\r\n\r\n", get("/v1/e", "connection: close") + GOOD]


class Tape(asyncio.Transport):
    """Keeps what is written; closing is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        del name
        return default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None:
        """Nothing is read here."""

    resume_reading = pause_reading


async def converse(pieces: list[bytes]) -> tuple[bytes, list[str]]:
    """What was answered, and which calls got through."""
    desk, limits = Desk(), Limits()
    service = Service(
        loop=asyncio.get_running_loop(),
        limits=limits,
        handler=desk,
        on_error=plain_error,
        report=print,
        date=DateLine(lambda: 0.0),
        gate=Gate(limits),
    )
    connection, tape = Connection(service, set()), Tape()
    connection.connection_made(tape)
    for piece in pieces:
        connection.data_received(piece)
        for _ in range(3):
            await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    connection.connection_lost(None)
    return re.sub(rb"connection: close\r\n", b"", tape.written), desk.seen


@settings(max_examples=150, deadline=None)
@example(b"nonsense\r\n\r\n", [len(GOOD) + 1])  # nonsense begins in the read that ends a request
@given(st.sampled_from(ENDS), st.lists(st.integers(1, len(GOOD) + 200), max_size=12).map(sorted))
def test_answers_do_not_depend_on_how_the_requests_were_cut(end: bytes, cuts: list[int]) -> None:
    sent = GOOD + end
    pieces = [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    assert asyncio.run(converse([piece for piece in pieces if piece])) == asyncio.run(converse([sent]))


async def test_the_plain_event_loop_will_do() -> None:
    desk = Desk()
    desk.go.set()
    async with listening(desk, Limits(head_s=0.2, linger_s=0.2)) as there:
        caller = await there.call(GOOD, get("/stream"))
        for body in (b"one", b"", b"helloho", b"no", b"four", b"data: 1\n\ndata: 2\n\n"):
            assert (await caller.answer()).body == body
        await caller.send(b"GET /v1/slow HT")
        assert (await caller.answer()).status == 408
        broken = await there.call(get("/broken"))
        await broken.head()
        assert not (await broken.rest()).endswith(b"0\r\n\r\n")


async def test_a_connection_that_is_gone_needs_no_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        desk = Desk()
        async with listening(desk) as there:
            for sent in (GOOD, get("/wait"), post("/v1/x", b"hello")[:-1]):
                caller = await there.call(sent)
                async with asyncio.timeout(20):
                    while not desk.seen:  # noqa: ASYNC110 - a list, not an event
                        await asyncio.sleep(0.01)
                caller.reset()
                desk.seen.clear()
        await asyncio.sleep(0.05)
        assert not [left for left in gc.get_objects() if isinstance(left, Connection)]
    finally:
        gc.enable()

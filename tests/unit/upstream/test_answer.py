"""An answer tells silence and failure once, in order, and never blames an upstream for a slow caller."""

from __future__ import annotations

import asyncio
from contextlib import closing

import pytest

from proxy import ports
from proxy.domain.errors import UpstreamFailed, UpstreamTimedOut
from proxy.domain.upstream import Timeouts
from proxy.upstream.answer import HIGH_WATER_BYTES, HttpAnswer
from proxy.upstream.response import ResponseParser
from proxy.upstream.wire import HttpWire

LIMITS = Timeouts(first_byte_s=10, idle_s=2)
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Line:
    """A connection that only remembers what an answer asked of it."""

    def __init__(self) -> None:
        self.reading = True
        self.closed = False
        self.done = False

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def finished(self, parsed: ResponseParser) -> None:
        self.done = parsed.complete

    def close(self) -> None:
        self.closed = True


class Later(asyncio.SelectorEventLoop):
    """A loop on which so many seconds pass between two looks at its clock."""

    def __init__(self, step_s: float) -> None:
        self._now, self._step_s = 0.0, step_s
        super().__init__()

    def time(self) -> float:
        self._now += self._step_s
        return self._now


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def begun() -> tuple[HttpAnswer, Line, float]:
    loop = asyncio.get_running_loop()
    answer, line = HttpAnswer("openai", LIMITS, loop), Line()
    answer.carried_by(line)
    return answer, line, loop.time()


async def test_the_wire_and_its_answers_fit_their_ports() -> None:
    answer, _, _ = begun()
    as_port: ports.Answer = answer
    wire: ports.Wire = HttpWire()
    assert as_port.status == 0
    assert wire is not None


async def test_the_first_byte_limit_lasts_until_the_first_byte_of_body() -> None:
    answer, line, now = begun()
    answer.feed(HEAD)  # a server may send its head at once and think for long
    assert not answer.overdue(now + 9)
    assert answer.overdue(now + 11)
    assert line.closed
    with pytest.raises(UpstreamTimedOut, match="did not answer for 10 s"):
        await answer.read()


async def test_after_the_first_piece_the_idle_limit_counts_from_the_last_one() -> None:
    answer, _, now = begun()
    answer.feed(HEAD + chunk(b"a"))
    assert not answer.overdue(now + 1.9)
    assert answer.overdue(now + 3)
    assert await answer.piece() == b"a"
    with pytest.raises(UpstreamTimedOut, match="in the middle of its answer for 2 s"):
        await answer.piece()


async def test_a_paused_answer_is_never_overdue() -> None:
    answer, line, now = begun()
    answer.feed(HEAD + chunk(b"x" * HIGH_WATER_BYTES) + chunk(b"y"))
    assert not line.reading
    assert not answer.overdue(now + 1000)
    assert len(await answer.piece()) == HIGH_WATER_BYTES + 1
    assert line.reading


async def test_one_who_answers_before_it_has_taken_the_request_and_takes_no_more_is_overdue() -> None:
    answer, line, now = begun()
    answer.body_came()
    answer.feed(HEAD + chunk(b"x" * HIGH_WATER_BYTES) + chunk(b"y"))
    assert not line.reading
    answer.body_awaited()
    assert not answer.overdue(now + 1000)
    answer.body_came()
    assert answer.overdue(now + 1000)
    assert len(await answer.piece()) == HIGH_WATER_BYTES + 1
    with pytest.raises(UpstreamTimedOut, match="did not go on reading the request"):
        await answer.piece()


async def test_the_end_of_a_paused_answer_leaves_the_connection_reading() -> None:
    answer, line, _ = begun()
    answer.feed(HEAD + chunk(b"x" * HIGH_WATER_BYTES) + chunk(b"y"))
    answer.feed(b"0\r\n\r\n")
    assert (line.reading, line.done, line.closed) == (True, True, False)
    answer.close()
    assert not line.closed


async def test_what_came_before_a_failure_is_given_first() -> None:
    answer, line, _ = begun()
    answer.feed(HEAD + chunk(b"a"))
    answer.feed(chunk(b"b") + b"broken\r\n")
    assert line.closed
    await answer.head()
    assert answer.status == 200
    assert await answer.piece() == b"ab"
    for _ in range(2):
        with pytest.raises(UpstreamFailed, match="broke HTTP"):
            await answer.piece()


async def test_a_connection_lost_before_any_byte_may_have_been_stale_and_later_not() -> None:
    silent, _, _ = begun()
    silent.lost()
    speaking, _, _ = begun()
    speaking.feed(b"H")
    speaking.lost()
    assert (silent.looks_stale, speaking.looks_stale) == (True, False)


async def test_a_connection_lost_long_after_the_request_was_written_was_not_stale() -> None:
    found = []
    for step_s in (0.9, 1.1):
        with closing(Later(step_s)) as loop:
            answer = HttpAnswer("openai", LIMITS, loop)
            answer.sent()
            answer.lost()
            found.append(answer.looks_stale)
    assert found == [True, False]


async def test_what_arrived_of_an_answer_that_broke_is_still_there_when_it_is_closed() -> None:
    answer, _, _ = begun()
    answer.feed(HEAD + chunk(b"abc"))
    answer.lost()
    with pytest.raises(UpstreamFailed):
        await answer.read()
    answer.close()
    assert answer.arrived(2) == b"ab"
    assert answer.arrived(2) == b""


async def test_closing_wakes_whoever_waits_and_closing_twice_is_closing_once() -> None:
    answer, line, _ = begun()
    waiting = asyncio.ensure_future(answer.piece())
    await asyncio.sleep(0)
    answer.close()
    answer.close()
    with pytest.raises(UpstreamFailed, match="given up"):
        await waiting
    assert line.closed

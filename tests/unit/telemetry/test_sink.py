"""Lines reach their reader whole, or are counted as lost; nobody waits."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator

import pytest

from proxy.telemetry.sink import Sink


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe of the smallest size."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(reader, False)
    yield reader, writer
    for end in (reader, writer):
        try:
            os.close(end)
        except OSError:
            continue


def drained(reader: int) -> bytes:
    """All that is in a pipe."""
    found = b""
    while True:
        try:
            piece = os.read(reader, 65536)
        except BlockingIOError:
            return found
        if not piece:
            return found
        found += piece


def test_without_a_loop_a_line_is_written_at_once(pipe: tuple[int, int]) -> None:
    Sink(pipe[1]).write(b"one\n")
    assert drained(pipe[0]) == b"one\n"


def test_lines_outlive_a_loop_that_ended_before_their_time(pipe: tuple[int, int]) -> None:
    sink = Sink(pipe[1])

    async def early() -> None:
        sink.write(b"one\n")

    asyncio.run(early())
    sink.write(b"two\n")
    assert drained(pipe[0]) == b"one\ntwo\n"


async def test_lines_of_one_moment_travel_together_in_order(pipe: tuple[int, int]) -> None:
    sink = Sink(pipe[1])
    for number in range(5):
        sink.write(b"%d\n" % number)
    assert drained(pipe[0]) == b""
    sink.flush()
    assert drained(pipe[0]) == b"0\n1\n2\n3\n4\n"


async def test_lines_are_written_without_being_asked(pipe: tuple[int, int]) -> None:
    sink = Sink(pipe[1])
    sink.write(b"one\n")
    found = b""
    async with asyncio.timeout(5):
        while not found:
            await asyncio.sleep(0.005)
            found = drained(pipe[0])
    assert found == b"one\n"


async def test_a_stuck_reader_stops_nobody_and_costs_the_oldest_lines(pipe: tuple[int, int]) -> None:
    sink = Sink(pipe[1], most_bytes=10_000)
    written = [b"%04d %s\n" % (number, b"x" * 94) for number in range(400)]
    for line in written:
        sink.write(line)
        sink.flush()  # would wait for ever on a blocking pipe
    found = b""
    while piece := drained(pipe[0]):
        found += piece
        sink.flush()
    lines = found.splitlines(keepends=True)
    assert sink.dropped == len(written) - len(lines) > 0
    assert lines == [line for line in written if line in set(lines)]
    assert lines[-1] == written[-1]


def test_a_reader_that_left_is_no_error(pipe: tuple[int, int]) -> None:
    sink = Sink(pipe[1])
    os.close(pipe[0])
    sink.write(b"one\n")
    assert sink.dropped == 1


def test_a_line_longer_than_the_pipe_stops_nobody_and_arrives_whole(pipe: tuple[int, int]) -> None:
    sink = Sink(pipe[1])
    long = b"x" * 30_000 + b"\n"
    sink.write(long)  # would wait for ever on a blocking pipe
    sink.write(b"next\n")
    found = b""
    while piece := drained(pipe[0]):
        found += piece
        sink.flush()
    assert found == long + b"next\n"
    assert sink.dropped == 0


def test_room_that_a_neighbour_took_is_waited_for_elsewhere(pipe: tuple[int, int]) -> None:
    class Deceived(Sink):
        def _writable(self) -> bool:
            return True  # as the kernel said, before the neighbour wrote

    sink = Deceived(pipe[1])
    os.write(pipe[1], b"n" * 4096)
    sink.write(b"ours\n")
    assert drained(pipe[0]) == b"n" * 4096
    sink.flush()
    assert drained(pipe[0]) == b"ours\n"


def test_the_pipe_of_others_goes_on_blocking(pipe: tuple[int, int]) -> None:
    Sink(pipe[1])
    assert os.get_blocking(pipe[1])

"""Lines out of any split."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.lines import MAX_LINE, Lines
from tests.support.recorded import cuts


def read(pieces: list[bytes]) -> list[bytes]:
    lines = Lines()
    return [line for piece in pieces for line in lines.feed(piece)] + lines.flush()


@given(st.lists(st.tuples(st.binary(max_size=5), st.sampled_from((b"\n", b"\r\n", b"\r")))), st.data())
def test_any_split_and_any_line_end_give_the_same_lines(lines: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    stream = b"".join(line.replace(b"\r", b"").replace(b"\n", b"") + end for line, end in lines)
    places = [0, *data.draw(cuts(len(stream))), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(places)]
    assert read(pieces) == read([stream]) == stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")


def test_a_line_that_is_too_long_is_dropped_and_the_next_is_read() -> None:
    long = b"x" * (MAX_LINE // 4)
    assert read([b"one\n", long, long, long, long, b"x", long, b"\ntwo\n", b"x" * (MAX_LINE + 1) + b"\nthree"]) == [
        b"one",
        b"two",
        b"three",
    ]


def test_a_line_of_the_greatest_length_is_kept() -> None:
    assert read([b"x" * MAX_LINE + b"\n"]) == [b"x" * MAX_LINE, b""]

"""Frames of AWS's event streams, in any split and any state; botocore is the judge of what is a frame."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer  # type: ignore[import-untyped] # botocore has no types
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.event_stream import MAX_FRAME, MAX_KEPT, Frame, Frames, read, with_payload, write
from tests.support.recorded import cuts, recorded
from tests.support.scripts import fixture_body

RECORDED = list(recorded("bedrock.converse_stream"))
HEADERS = st.dictionaries(st.text(max_size=20).filter(bool), st.text(max_size=40), max_size=4)
FRAME = st.tuples(HEADERS, st.binary(max_size=300))
EVENT = write({":message-type": "event", ":event-type": "metadata"}, b'{"usage":{"inputTokens":3}}')


def split(data: bytes, places: list[int]) -> Iterator[bytes]:
    places = [place for place in places if place <= len(data)]
    for start, end in zip([0, *places], [*places, len(data)], strict=True):
        yield data[start:end]


def taken(pieces: Iterator[bytes] | list[bytes]) -> list[bytes]:
    frames = Frames()
    return [frame for piece in pieces for frame in frames.feed(piece)]


def prelude(size: int, headers: int = 0) -> bytes:
    """The beginning of a frame that says it is so long."""
    lengths = struct.pack(">II", size, headers)
    return lengths + struct.pack(">I", crc32(lengths))


@given(frames=st.lists(FRAME, max_size=6), places=cuts(1500))
def test_what_was_written_is_read_in_any_split(frames: list[tuple[dict[str, str], bytes]], places: list[int]) -> None:
    data = b"".join(write(*frame) for frame in frames)
    assert [read(frame) for frame in taken(split(data, places))] == [Frame(*frame) for frame in frames]


@given(FRAME)
def test_botocore_reads_what_was_written(frame: tuple[dict[str, str], bytes]) -> None:
    judge = EventStreamBuffer()
    judge.add_data(write(*frame))
    (message,) = list(judge)
    assert (message.headers, message.payload) == frame


@pytest.mark.skipif(not RECORDED, reason="needs the shared recordings")
@pytest.mark.parametrize("exchange", RECORDED, ids=lambda exchange: exchange["name"])
@given(data=st.data())
def test_a_recording_is_cut_into_the_frames_that_botocore_sees(
    exchange: dict[str, object], data: st.DataObject
) -> None:
    stream = fixture_body(exchange)
    judge = EventStreamBuffer()
    judge.add_data(stream)
    frames = taken(split(stream, data.draw(cuts(len(stream)))))
    assert b"".join(frames) == stream
    assert [read(frame) for frame in frames] == [Frame(message.headers, message.payload) for message in judge]


def test_an_event_tells_its_type_and_an_exception_does_not() -> None:
    event = read(EVENT)
    broken = read(write({":message-type": "exception", ":exception-type": "throttlingException"}, b"{}"))
    assert event is not None
    assert broken is not None
    assert (event.kind, event.object()) == ("metadata", {"usage": {"inputTokens": 3}})
    assert broken.kind == ""


@pytest.mark.parametrize("payload", [b"", b"[1]", b"{", b"\xff", b"null", b"[" * 100_000])
def test_a_payload_that_is_no_object_is_an_empty_one(payload: bytes) -> None:
    frame = read(write({}, payload))
    assert frame is not None
    assert frame.object() == {}


def test_headers_of_every_type_are_passed_over_and_text_is_kept() -> None:
    values = [b"\0", b"\1", b"\2a", b"\3ab", b"\4abcd", b"\5" + b"a" * 8, b"\6\0\2ab", b"\x08" + b"a" * 8]
    block = b"".join(b"\1n" + value for value in [*values, b"\x09" + b"a" * 16]) + b"\1t\7\0\2ok"
    assert read(_with_headers(block)) == Frame({"t": "ok"}, b"")


@pytest.mark.parametrize(
    "block", [b"\1", b"\5n", b"\1n\x0a", b"\1n\7", b"\1n\7\0\5ab", b"\1n\7\0\1\xff", b"\1\xff\7\0\0"]
)
def test_headers_that_are_none_make_no_frame(block: bytes) -> None:
    assert read(_with_headers(block)) is None


def _with_headers(block: bytes) -> bytes:
    frame = prelude(16 + len(block), len(block)) + block
    return frame + struct.pack(">I", crc32(frame))


@given(st.integers(0, len(EVENT) - 1), st.integers(1, 255))
def test_one_changed_byte_is_noticed_and_nothing_is_lost_from_sight(at: int, change: int) -> None:
    damaged = bytearray(EVENT)
    damaged[at] ^= change
    assert read(bytes(damaged)) is None
    assert b"".join(taken([bytes(damaged)])) == damaged


def test_a_damaged_frame_is_passed_over_and_the_next_is_read() -> None:
    damaged = EVENT[:-1] + bytes([EVENT[-1] ^ 1])
    assert [read(frame) is None for frame in taken([damaged + EVENT])] == [True, False]


@pytest.mark.parametrize("size", [0, 15, MAX_FRAME + 1, 2**32 - 1])
def test_lengths_that_cannot_be_end_the_frames_and_the_rest_passes_as_it_is(size: int) -> None:
    pieces = [EVENT + prelude(size), b"more", EVENT]
    assert taken(pieces) == [EVENT, prelude(size), b"more", EVENT]


def test_headers_longer_than_their_frame_end_the_frames() -> None:
    assert taken([prelude(20, 10)]) == [prelude(20, 10)]


@pytest.mark.parametrize("step", [1000, 1 << 22])
def test_a_frame_too_long_to_be_kept_is_dropped_and_the_next_is_read(step: int) -> None:
    huge = prelude(MAX_KEPT + 100) + b"x" * (MAX_KEPT + 88)
    data = EVENT + huge + EVENT
    assert taken([data[at : at + step] for at in range(0, len(data), step)]) == [EVENT, EVENT]


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_make_it_raise_or_are_lost_but_for_an_unfinished_frame(pieces: list[bytes]) -> None:
    frames = Frames()
    passed = b"".join(frame for piece in pieces for frame in frames.feed(piece))
    assert b"".join(pieces).startswith(passed)
    for piece in pieces:
        read(piece)


def test_nothing_makes_nothing() -> None:
    assert taken([b"", b"", EVENT, b""]) == [EVENT]


@given(HEADERS, st.binary(max_size=30), st.binary(max_size=30))
def test_a_frame_with_another_payload_is_the_frame_that_would_have_been_written(
    headers: dict[str, str], payload: bytes, other: bytes
) -> None:
    assert with_payload(write(headers, payload), other) == write(headers, other)

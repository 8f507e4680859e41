"""What an upstream sends is read strictly, and the same however the network cuts it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.upstream.response import BadAnswer, ResponseParser

OK = b"HTTP/1.1 200 OK\r\n"


def read(*reads: bytes, head_only: bool = False) -> ResponseParser:
    parser = ResponseParser(head_only=head_only)
    for data in reads:
        parser.feed(data)
    return parser


def in_reads(data: bytes, cuts: list[int]) -> list[bytes]:
    stops = sorted({cut % len(data) for cut in cuts} - {0})
    return [data[start:stop] for start, stop in zip([0, *stops], [*stops, len(data)], strict=True)]


def chunked(pieces: list[bytes]) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
    return OK + b"Transfer-Encoding: chunked\r\nX-A: b\r\n\r\n" + body + b"0\r\n\r\n"


cuts = st.lists(st.integers(0, 10_000), max_size=12)


@given(pieces=st.lists(st.binary(max_size=300), max_size=8), cuts=cuts)
def test_a_chunked_body_comes_out_as_it_went_in_for_any_split(pieces: list[bytes], cuts: list[int]) -> None:
    parser = read(*in_reads(chunked(pieces), cuts))
    assert parser.take() == b"".join(pieces)
    assert (parser.complete, parser.reusable) == (True, True)
    assert parser.headers == [(b"transfer-encoding", b"chunked"), (b"x-a", b"b")]


@given(body=st.binary(max_size=2000), cuts=cuts)
def test_a_body_with_a_length_comes_out_as_it_went_in_for_any_split(body: bytes, cuts: list[int]) -> None:
    parser = read(*in_reads(OK + b"Content-Length: %d\r\n\r\n%b" % (len(body), body), cuts))
    assert parser.take() == body
    assert (parser.complete, parser.reusable) == (True, True)


@given(body=st.binary(max_size=500), cuts=cuts)
def test_a_body_without_a_length_ends_with_the_connection(body: bytes, cuts: list[int]) -> None:
    parser = read(*in_reads(OK + b"\r\n" + body, cuts))
    assert not parser.complete
    parser.end()
    assert parser.take() == body
    assert (parser.complete, parser.reusable) == (True, False)


@given(data=st.binary(max_size=400))
def test_any_bytes_are_an_answer_or_a_bad_answer_and_nothing_else(data: bytes) -> None:
    try:
        parser = read(OK + b"Transfer-Encoding: chunked\r\n\r\n", data)
        parser.end()
    except BadAnswer:
        return
    assert isinstance(parser.take(), bytes)


@pytest.mark.parametrize(
    ("case", "data"),
    [
        ("length and chunked", OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("two lengths", OK + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
        ("a signed length", OK + b"Content-Length: +3\r\n\r\nabc"),
        ("a coding before chunked", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        ("a coding that is not chunked", OK + b"Transfer-Encoding: gzip\r\n\r\nabc"),
        ("chunked twice", OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("chunked in HTTP/1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("a chunk size that is no number", OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        ("a chunk size beyond 64 bits", OK + b"Transfer-Encoding: chunked\r\n\r\n1ffffffffffffffff\r\n"),
        ("a chunk longer than it said", OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"),
        ("NUL in a header", OK + b"A: b\0c\r\n\r\n"),
        ("CR in a header", OK + b"A: b\rc\r\n\r\n"),
        ("a folded header", OK + b"A: b\r\n c\r\n\r\n"),
        ("bare LF", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
        ("a space before the colon", OK + b"A : b\r\n\r\n"),
        ("no HTTP at all", b"SSH-2.0-OpenSSH\r\n"),
        ("an upgrade", b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nzz"),
        ("an upgrade without its headers", b"HTTP/1.1 101 Switching\r\n\r\nzz"),
        ("a status below 100", b"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n"),
        ("a header over 8 KiB", OK + b"X: " + b"h" * 9000 + b"\r\n\r\n"),
        ("more than 128 headers", OK + b"".join(b"x-%d: v\r\n" % number for number in range(129)) + b"\r\n"),
        (
            "a head over 64 KiB",
            OK + b"".join(b"x-%d: %b\r\n" % (number, b"v" * 600) for number in range(120)) + b"\r\n",
        ),
        ("interim answers without end", b"HTTP/1.1 100 Continue\r\n\r\n" * 9),
    ],
)
def test_broken_framing_is_refused_at_any_split(case: str, data: bytes) -> None:
    del case
    with pytest.raises(BadAnswer):
        read(data)
    with pytest.raises(BadAnswer):
        read(*(data[at : at + 1] for at in range(len(data))))


@pytest.mark.parametrize(
    "endless",
    [
        OK + b"X-Endless: ",
        b"HTTP/1.1 200 ",
        OK + b"Transfer-Encoding: chunked\r\n\r\n1;ext=",
        OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Trailer: ",
    ],
)
def test_headers_extensions_and_trailers_without_end_are_cut_at_64_kib(endless: bytes) -> None:
    parser = ResponseParser()
    parser.feed(endless)
    for _ in range(15):
        parser.feed(b"e" * 4096)
    with pytest.raises(BadAnswer, match="without an end"):
        parser.feed(b"e" * 8192)


def test_a_header_of_8_kib_and_128_headers_are_taken() -> None:
    assert read(OK + b"X: " + b"h" * 8190 + b"\r\nContent-Length: 0\r\n\r\n").complete
    headers = b"".join(b"x-%d: v\r\n" % number for number in range(127))
    assert len(read(OK + headers + b"Content-Length: 0\r\n\r\n").headers) == 128


def test_interim_answers_are_skipped_with_their_headers() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    parser = read(interim + OK + b"Content-Length: 1\r\n\r\na")
    assert (parser.status, parser.headers, parser.take()) == (200, [(b"content-length", b"1")], b"a")


@pytest.mark.parametrize("status", [204, 304])
def test_204_and_304_have_no_body_whatever_their_headers_say(status: int) -> None:
    parser = read(b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\n" % status)
    assert (parser.complete, parser.take()) == (True, b"")
    assert read(b"HTTP/1.1 %d X\r\n\r\n" % status).complete


def test_the_answer_to_head_has_no_body_whatever_its_headers_say() -> None:
    parser = read(OK + b"Content-Length: 5\r\n\r\n", head_only=True)
    assert (parser.complete, parser.reusable, parser.take()) == (True, False, b"")
    assert read(OK + b"Content-Length: 5\r\n\r\nhello", head_only=True).take() == b""


def test_trailers_are_dropped() -> None:
    parser = read(OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Trailer: t\r\n\r\n")
    assert (parser.complete, parser.headers) == (True, [(b"transfer-encoding", b"chunked")])


@pytest.mark.parametrize("surplus", [b"HTTP/1.1 200 OK\r\n", b"H", b"garbage", b"\0"])
def test_bytes_after_the_end_keep_the_answer_and_condemn_the_connection(surplus: bytes) -> None:
    together = read(OK + b"Content-Length: 2\r\n\r\nhi" + surplus)
    assert (together.take(), together.complete, together.reusable) == (b"hi", True, False)
    later = read(OK + b"Content-Length: 2\r\n\r\nhi", surplus)
    assert (later.take(), later.complete, later.reusable) == (b"hi", True, False)


@pytest.mark.parametrize("head", [OK + b"Connection: close\r\n", b"HTTP/1.0 200 OK\r\n"])
def test_a_connection_that_the_upstream_will_close_is_not_reusable(head: bytes) -> None:
    parser = read(head + b"Content-Length: 0\r\n\r\n")
    assert (parser.complete, parser.reusable) == (True, False)


@pytest.mark.parametrize(
    ("said", "coding"),
    [(b"GZip", b"gzip"), (b"identity", b""), (b"Identity ", b""), (b"gzip, identity, br", b"gzip,br")],
)
def test_a_compressed_body_is_passed_on_and_said_so(said: bytes, coding: bytes) -> None:
    parser = read(OK + b"Content-Encoding: %b\r\nContent-Length: 2\r\n\r\n\x1f\x8b" % said)
    assert (parser.coding, parser.take()) == (coding, b"\x1f\x8b")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(b"timeout=5", 5), (b"max=100, timeout=7", 7), (b"timeout=99999", 3600), (b"timeout=-1", None), (b"x", None)],
)
def test_the_upstream_says_how_long_it_keeps_a_connection(value: bytes, seconds: int | None) -> None:
    assert read(OK + b"Keep-Alive: %b\r\nContent-Length: 0\r\n\r\n" % value).keep_alive_s == seconds


def test_a_bad_answer_tells_the_rule_and_nothing_of_what_was_sent() -> None:
    with pytest.raises(BadAnswer) as caught:
        read(OK + b"X-Secret: canary\0canary\r\n\r\n")
    assert "canary" not in str(caught.value)

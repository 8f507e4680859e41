"""Heads of answers as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.server import heads


def test_a_head_is_status_line_headers_ours_and_an_empty_line() -> None:
    head = heads.head_bytes(429, [(b"x-a", b"b")], [b"content-length: 0"])
    assert head == b"HTTP/1.1 429 Too Many Requests\r\nx-a: b\r\ncontent-length: 0\r\n\r\n"


def test_a_status_without_a_name_keeps_its_space() -> None:
    # RFC 9112 4: the space stands "even when the reason-phrase is absent".
    assert heads.head_bytes(529, [], []) == b"HTTP/1.1 529 \r\n\r\n"


@given(st.binary(max_size=40), st.binary(max_size=10))
def test_no_value_and_no_name_adds_a_line(value: bytes, name: bytes) -> None:
    try:
        head = heads.head_bytes(200, [(b"x" + name, value)], [])
    except ValueError:
        assert {b"\r", b"\n", b"\0"} & {bytes([byte]) for byte in name + value}
    else:
        assert head.count(b"\n") == head.count(b"\r\n") == 3


@pytest.mark.parametrize(
    "name", [b"content-length", b"transfer-encoding", b"connection", b"date", b"server", b"upgrade"]
)
def test_framing_is_ours(name: bytes) -> None:
    assert name not in heads.head_bytes(200, [(name, b"theirs")], [])


def test_the_date_changes_with_the_second_and_not_before() -> None:
    now = [784_111_777.0]
    line = heads.DateLine(lambda: now[0])
    assert line() == b"date: Sun, 06 Nov 1994 08:49:37 GMT"
    now[0] += 0.9
    assert line() is line()
    now[0] += 0.1
    assert line() == b"date: Sun, 06 Nov 1994 08:49:38 GMT"


@pytest.mark.parametrize(
    ("method", "status", "bare"), [("HEAD", 200, True), ("GET", 204, True), ("GET", 304, True), ("GET", 200, False)]
)
def test_which_answers_have_no_body(method: str, status: int, bare: bool) -> None:  # noqa: FBT001 - a column of the table
    assert heads.bodiless(method, status) is bare

"""What a compressed answer says, for the tap alone."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.steps.inflate import ROOM, Inflater

TEXT = b'{"usage":{"prompt_tokens":12,"completion_tokens":3}}'


def bare(data: bytes) -> bytes:
    """Deflate without zlib's frame, as some servers send it."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": (b"gzip", gzip.compress(TEXT)),
    "x-gzip": (b"x-gzip", gzip.compress(TEXT)),
    "two members": (b"gzip", gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:])),
    "deflate": (b"deflate", zlib.compress(TEXT)),
    "bare deflate": (b"deflate", bare(TEXT)),
}


@pytest.mark.parametrize("case", PACKED)
@given(cuts=st.lists(st.integers(0, 90)))
def test_an_answer_is_read_in_any_split(case: str, cuts: list[int]) -> None:
    coding, packed = PACKED[case]
    stops = [0, *sorted(cuts), len(packed)]
    inflater = Inflater(coding)
    assert b"".join([inflater.feed(packed[a:b]) for a, b in pairwise(stops)]) == TEXT
    assert not inflater.is_lost


def test_a_bomb_is_read_no_further_than_there_is_room() -> None:
    inflater = Inflater(b"gzip")
    bomb = gzip.compress(bytes(ROOM + 1), 1)
    assert len(inflater.feed(bomb)) == ROOM
    assert inflater.is_lost
    assert inflater.feed(bomb) == b""


@pytest.mark.parametrize("coding", [b"br", b"zstd", b"gzip,gzip", b"nonsense"])
def test_a_coding_that_is_not_known_is_told(coding: bytes) -> None:
    inflater = Inflater(coding)
    assert (inflater.feed(TEXT), inflater.is_lost) == (b"", True)


@given(st.binary(), st.sampled_from([b"gzip", b"deflate"]))
def test_nothing_that_an_upstream_sends_raises(data: bytes, coding: bytes) -> None:
    Inflater(coding).feed(data)


def test_what_came_before_damage_is_read() -> None:
    inflater = Inflater(b"gzip")
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    assert inflater.feed(packer.compress(TEXT) + packer.flush(zlib.Z_SYNC_FLUSH)) == TEXT
    assert inflater.feed(b"\xff" * 40) == b""
    assert inflater.is_lost

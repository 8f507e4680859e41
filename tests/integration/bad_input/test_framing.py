"""Sizes, codings, framing and heads: what is refused before anybody looks at the body."""

from __future__ import annotations

import gzip

import pytest

from tests.support.families import OPENAI, Family, told
from tests.support.refusals import BAD_KIND, CANARY, every_family, refused
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.talking import Talking, request


@every_family
def test_a_hundred_megabytes_declared_are_refused_before_they_are_sent(
    family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    headers = (family.key(proxy.key), ("content-length", str(100 << 20)))
    heard = refused(proxy, scripted, request("POST", family.path, headers=headers))
    assert (heard.status, heard.header("connection")) == (413, "close")
    assert "1000000 bytes" in told(family, heard)[2]


@every_family
def test_a_hundred_megabytes_in_chunks_are_cut_at_the_limit(
    family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    headers = (family.key(proxy.key), ("transfer-encoding", "chunked"))
    piece = b"%x\r\n%b\r\n" % (1 << 16, b" " * (1 << 16))
    with Talking(proxy.port) as line:
        line.send(request("POST", family.path, headers=headers))
        heard = line.send(*[piece] * 40).answer()  # and no further: 2.5 MB are 2.5 times what is taken
    assert (heard.status, heard.header("connection")) == (413, "close")
    assert "1000000 bytes" in told(family, heard)[2]
    assert scripted.seen == []


@every_family
@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "deflate", "zstd", "identity, gzip", CANARY])
def test_a_compressed_body_is_not_guessed_at(
    coding: str, family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    heard = refused(proxy, scripted, family.post(proxy, gzip.compress(b"{}"), ("content-encoding", coding)))
    assert heard.status == 415
    assert told(family, heard)[0] == BAD_KIND[family.name]


# fmt: off - one probe a line
FRAMINGS = {
    "a length and chunks": (("content-length", "5"), ("transfer-encoding", "chunked")),
    "chunks and a length": (("transfer-encoding", "chunked"), ("content-length", "5")),
    "gzip, chunked": (("transfer-encoding", "gzip, chunked"),),
    "chunked, gzip": (("transfer-encoding", "chunked, gzip"),),
    "chunked, chunked": (("transfer-encoding", "chunked, chunked"),),
    "two codings in two lines": (("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")),
    "identity": (("transfer-encoding", "identity"),),
    "two lengths": (("content-length", "5"), ("content-length", "6")),
    "a length that is none": (("content-length", "5e3"),),
    "a negative length": (("content-length", "-5"),),
}
# fmt: on


@pytest.mark.parametrize("case", FRAMINGS)
def test_a_request_whose_end_is_in_doubt_is_refused_and_what_follows_is_not_read_as_another(
    case: str, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    smuggled = OPENAI.post(proxy)
    data = request("POST", OPENAI.path, headers=(OPENAI.key(proxy.key), *FRAMINGS[case])) + b"0\r\n\r\n" + smuggled
    heard = refused(proxy, scripted, data)
    assert (heard.status, heard.header("connection")) == (400, "close")
    assert heard.json()["error"]["message"]


@pytest.mark.parametrize("tail", [b"zz\r\nhi\r\n", b"2\r\nhello\r\n", b"5;" + b"a" * 100 + b"\nhello", b"-1\r\n"])
def test_a_broken_chunk_is_told_and_ends_the_connection(
    tail: bytes, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    data = request("POST", OPENAI.path, headers=(OPENAI.key(proxy.key), ("transfer-encoding", "chunked"))) + tail
    heard = refused(proxy, scripted, data)
    assert (heard.status, heard.header("connection")) == (400, "close")


# fmt: off - one probe a line
HEADS = {
    "140 headers": (400, tuple((f"x-{number}", CANARY) for number in range(140))),
    "5,000 headers": (400, tuple((f"x-{number}", CANARY) for number in range(5000))),
    "a header of 9,000 bytes": (431, (("x-a", "b" * 9000),)),
    "a header of 1 MB": (431, (("x-a", "b" * 1_000_000),)),
    "NUL in a header": (400, (("x-a", f"{CANARY}\0"),)),
    "NUL in the key": (400, (("authorization", f"Bearer {CANARY}\0"),)),
    "a bare line feed in a header": (400, (("x-a", f"b\nx-c: {CANARY}\r"),)),
    "a name that is none": (400, ((f"x {CANARY}", "b"),)),
    "an upgrade": (426, (("connection", "upgrade"), ("upgrade", "websocket"))),
    "an expectation that nobody has": (417, (("expect", CANARY),)),
}
# fmt: on


@pytest.mark.parametrize("case", HEADS)
def test_a_head_that_is_no_good_is_refused_and_ends_the_connection(
    case: str, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    status, headers = HEADS[case]
    heard = refused(proxy, scripted, request("POST", OPENAI.path, b"{}", headers))
    assert heard.status == status
    assert heard.json()["error"]["message"]

"""Every guard of the listener, each with the bytes that it is for and the sentence of the standard that it follows."""

from __future__ import annotations

import json

import pytest

from proxy.server.limits import Limits
from tests.support.listening import Desk, get, listening, on_uvloop, post

CANARY = "sk-canary-7d1f"
HOST = b"Host: proxy\r\n"


def raw(first: str, *lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join([first, *lines, "", ""]).encode("latin-1") + body


# fmt: off - one probe a line
REFUSED = [
    # framing: RFC 9112 6.1 to 7.1
    (
        400,
        "6.1: both lengths",
        raw("POST /v1/x HTTP/1.1", "host: p", "content-length: 5", "transfer-encoding: chunked", body=b"0\r\n\r\n"),
    ),
    (
        400,
        "6.1: both, the other order",
        raw("POST /v1/x HTTP/1.1", "host: p", "transfer-encoding: chunked", "content-length: 5", body=b"0\r\n\r\n"),
    ),
    (
        400,
        "6.1: a coding before chunked",
        raw("POST /v1/x HTTP/1.1", "host: p", "transfer-encoding: gzip, chunked", body=b"0\r\n\r\n"),
    ),
    (
        400,
        "6.1: chunked twice",
        raw("POST /v1/x HTTP/1.1", "host: p", "transfer-encoding: chunked, chunked", body=b"0\r\n\r\n"),
    ),
    (
        400,
        "6.3: chunked not final",
        raw("POST /v1/x HTTP/1.1", "host: p", "transfer-encoding: chunked, gzip", body=b"0\r\n\r\n"),
    ),
    (400, "7: unknown coding", raw("POST /v1/x HTTP/1.1", "host: p", "transfer-encoding: identity", body=b"0\r\n\r\n")),
    (400, "7: almost chunked", raw("POST /v1/x HTTP/1.1", "host: p", "transfer-encoding: xchunked", body=b"0\r\n\r\n")),
    (
        400,
        "6.1: chunked needs 1.1",
        raw("POST /v1/x HTTP/1.0", "host: p", "transfer-encoding: chunked", body=b"0\r\n\r\n"),
    ),
    (
        400,
        "6.3: two lengths",
        raw("POST /v1/x HTTP/1.1", "host: p", "content-length: 5", "content-length: 6", body=b"hello"),
    ),
    (
        400,
        "6.3: the same length twice",
        raw("POST /v1/x HTTP/1.1", "host: p", "content-length: 5", "content-length: 5", body=b"hello"),
    ),
    (400, "6.3: a list of lengths", raw("POST /v1/x HTTP/1.1", "host: p", "content-length: 5, 5", body=b"hello")),
    (400, "8.6: a signed length", raw("POST /v1/x HTTP/1.1", "host: p", "content-length: +5", body=b"hello")),
    (400, "8.6: a negative length", raw("POST /v1/x HTTP/1.1", "host: p", "content-length: -1")),
    (400, "8.6: a length in hex", raw("POST /v1/x HTTP/1.1", "host: p", "content-length: 0x5", body=b"hello")),
    (
        400,
        "8.6: a length beyond 64 bits",
        raw("POST /v1/x HTTP/1.1", "host: p", "content-length: 99999999999999999999999"),
    ),
    (
        400,
        "7.1: a chunk size that is none",
        raw("POST /v1/x HTTP/1.1", "host: p", "transfer-encoding: chunked", body=b"zz\r\nhello\r\n0\r\n\r\n"),
    ),
    (
        400,
        "7.1: a chunk longer than said",
        raw("POST /v1/x HTTP/1.1", "host: p", "transfer-encoding: chunked", body=b"2\r\nhello\r\n0\r\n\r\n"),
    ),
    (
        400,
        "7.1: a chunk size beyond 64 bits",
        raw("POST /v1/x HTTP/1.1", "host: p", "transfer-encoding: chunked", body=b"fffffffffffffffff\r\nhello"),
    ),
    # heads: RFC 9112 2.2 to 5.2
    (400, "2.2: space before the first header", b"GET /v1/x HTTP/1.1\r\n " + HOST + b"\r\n"),
    (400, "5.1: space before the colon", raw("GET /v1/x HTTP/1.1", "host: p", f"x-a : {CANARY}")),
    (400, "5.2: folded line", raw("GET /v1/x HTTP/1.1", "host: p", "x-a: b", f" {CANARY}")),
    (400, "RFC 9110 5.5: NUL in a value", raw("GET /v1/x HTTP/1.1", "host: p", f"authorization: Bearer {CANARY}\0")),
    (400, "RFC 9110 5.5: a bare CR in a value", raw("GET /v1/x HTTP/1.1", "host: p", f"authorization: {CANARY}\rx: y")),
    (400, "2.2: bare LF as line end", b"GET /v1/x HTTP/1.1\nhost: p\n\n"),
    (400, "RFC 9110 5.1: a name that is no token", raw("GET /v1/x HTTP/1.1", "host: p", "x(a): b")),
    (400, "3.2: no Host", raw("GET /v1/x HTTP/1.1")),
    (400, "3.2: two Hosts", raw("GET /v1/x HTTP/1.1", "host: p", "host: q")),
    (400, "3.2: a Host that is none", raw("GET /v1/x HTTP/1.1", "host: p/#@q")),
    (400, "2.3: an unknown version", raw("GET /v1/x HTTP/1.2", "host: p")),
    (400, "2.3: HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    (400, "2.3: HTTP/0.9", b"GET /v1/x\r\n\r\n"),
    (400, "TLS on a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 32),
    (400, "3: an unknown method", raw("HELLO /v1/x HTTP/1.1", "host: p")),
    (400, "3: a lower-case method", raw("post /v1/x HTTP/1.1", "host: p")),
    (431, "a request line above 8190 bytes", raw("GET /" + "a" * 9000 + " HTTP/1.1", "host: p")),
    (431, "RFC 6585 5: a field above 8190 bytes", raw("GET /v1/x HTTP/1.1", "host: p", "x-a: " + "b" * 9000)),
    (400, "RFC 6585 5: more than 128 fields", raw("GET /v1/x HTTP/1.1", "host: p", *[f"x-{i}: b" for i in range(140)])),
    # targets: RFC 9112 3.2, RFC 3986 3.3
    (400, "3.2.2: absolute form", raw(f"GET http://proxy/v1/x?key={CANARY} HTTP/1.1", "host: p")),
    (400, "3.2.4: asterisk form", raw("OPTIONS * HTTP/1.1", "host: p")),
    (400, "an empty first segment", get("//v1/x")),
    (400, "an empty segment", get("/v1//x")),
    (400, "an empty segment in disguise", get("/v1/%2F/x")),
    (400, "RFC 3986 5.2.4: a dot segment", get("/v1/./x")),
    (400, "RFC 3986 5.2.4: two dots", get("/v1/../x")),
    (400, "two dots at the end", get("/v1/..")),
    (400, "two dots escaped", get("/v1/%2e%2E/x")),
    (400, "two dots half escaped", get("/v1/.%2e/x")),
    (400, "two dots behind an escaped slash", get("/p/crm@..%2f..%2fetc/v1")),
    (400, "two dots with a parameter", get("/v1/..;x/y")),
    (400, "a backslash", get("/v1\\x")),
    (400, "3.2: a fragment", get("/v1/x#y")),
    (400, "a fragment behind a query", get("/v1/x?a=b#c")),
    (400, "RFC 3986 2.1: a broken escape", get("/v1/%zz")),
    (400, "an escaped NUL", get("/v1/x%00y")),
    (400, "an escaped line break", get("/v1/x%0d%0ay")),
    (400, "a control character", b"GET /v1/\x01x HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, "a byte above ASCII", b"GET /v1/\xff HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, "a byte above ASCII in the query", b"GET /v1/x?\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n"),
    # methods, upgrades, expectations, codings: RFC 9110
    (400, "9.3.6: CONNECT", raw("CONNECT proxy:443 HTTP/1.1", "host: proxy:443")),
    (405, "9.3.8: TRACE", raw("TRACE /v1/x HTTP/1.1", "host: p")),
    (405, "a method no API has", raw("PROPFIND /v1/x HTTP/1.1", "host: p")),
    (
        426,
        "7.8: WebSocket",
        get(
            "/v1/x",
            "connection: upgrade",
            "upgrade: websocket",
            "sec-websocket-version: 13",
            "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
        ),
    ),
    (426, "7.8: another protocol", get("/v1/x", "connection: upgrade", "upgrade: foo")),
    (417, "10.1.1: another expectation", post("/v1/x", b"hello", "expect: 200-ok")),
    (417, "10.1.1: one expectation too many", post("/v1/x", b"hello", "expect: 100-continue, foo")),
    (415, "8.4: gzip", post("/v1/x", b"\x1f\x8b", "content-encoding: gzip")),
    (415, "8.4: a coding that nobody knows", post("/v1/x", b"hello", "content-encoding: foo")),
    (415, "8.4: two codings", post("/v1/x", b"hello", "content-encoding: identity, gzip")),
    (413, "15.5.14: 100 MB declared", raw("POST /v1/x HTTP/1.1", "host: p", f"content-length: {100 << 20}")),
]
# fmt: on


@pytest.mark.parametrize(("status", "reason", "probe"), REFUSED, ids=[reason for _, reason, _ in REFUSED])
def test_a_request_that_cannot_be_trusted_is_refused_and_its_connection_ends(
    status: int, reason: str, probe: bytes
) -> None:
    del reason

    @on_uvloop
    async def probing() -> None:
        desk = Desk()
        async with listening(desk) as there:
            caller = await there.call(probe + get("/v1/smuggled"))
            heard = await caller.answer()
            assert heard.status == status
            assert heard.headers["connection"] == "close"
            assert heard.headers.get("upgrade") == ("HTTP/1.1" if status == 426 else None)  # RFC 9110 15.5.22: a must
            assert json.loads(heard.body)["error"]["message"]
            assert await caller.rest() == b""  # the smuggled request is not answered
            assert "/v1/smuggled" not in desk.seen
            assert not desk.bodies  # no walk got a body; one of a broken chunk may have begun
            assert CANARY.encode() not in heard.body

    probing()


# fmt: off
ACCEPTED = [
    ("chunked in any case", raw("POST /v1/x HTTP/1.1", "host: p", "transfer-encoding: Chunked", body=b"5\r\nhello\r\n0\r\n\r\n"), b"hello"),
    ("a chunk extension and a trailer", raw("POST /v1/x HTTP/1.1", "host: p", "transfer-encoding: chunked", body=b"5;a=b\r\nhello\r\n0\r\nx: y\r\n\r\n"), b"hello"),
    ("identity", post("/v1/x", b"hello", "content-encoding: identity"), b"hello"),
    ("an empty line before the request", b"\r\n" + post("/v1/x", b"hello"), b"hello"),
    ("an offer of h2c", post("/v1/x", b"hello", "connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AAMAAABk"), b"hello"),
    ("escapes, colons and a ref", post("/p/crm@feature%2FPAY-12/v1beta/models/gemini-3:generateContent?alt=sse&key=a//b", b"hello"), b"hello"),
    ("a double slash in the query", post("/v1/x?next=https://example.org/../y", b"hello"), b"hello"),
    ("any Host", raw("POST /v1/x HTTP/1.1", "host: [::1]:8080", "content-length: 5", body=b"hello"), b"hello"),
    ("no Host in HTTP/1.0", raw("POST /v1/x HTTP/1.0", "content-length: 5", body=b"hello"), b"hello"),
    ("dots that are no segments", post("/v1/a..b/.well-known/x...", b"hello"), b"hello"),
]
# fmt: on


@pytest.mark.parametrize(("reason", "probe", "body"), ACCEPTED, ids=[reason for reason, _, _ in ACCEPTED])
def test_what_is_merely_unusual_is_served(reason: str, probe: bytes, body: bytes) -> None:
    del reason

    @on_uvloop
    async def probing() -> None:
        desk = Desk()
        async with listening(desk) as there:
            caller = await there.call(probe)
            heard = await caller.answer()
            assert (heard.status, heard.body) == (200, body)

    probing()


@pytest.mark.parametrize("probe", [probe for _, _, probe in REFUSED[:16]])
def test_a_refusal_does_not_depend_on_how_the_bytes_were_cut(probe: bytes) -> None:
    @on_uvloop
    async def probing() -> None:
        desk = Desk()
        async with listening(desk) as there:
            caller = await there.call()
            await caller.send(*[probe[i : i + 7] for i in range(0, len(probe), 7)], pause_s=0.001)
            assert (await caller.answer()).status == 400
            assert not desk.bodies

    probing()


@on_uvloop
async def test_a_head_that_comes_in_many_reads_is_bounded_as_a_whole() -> None:
    desk = Desk()
    async with listening(desk, Limits(head_bytes=4096)) as there:
        caller = await there.call(b"GET /v1/x HTTP/1.1\r\n" + HOST)
        for i in range(100):
            await caller.send(b"x-%d: %b\r\n" % (i, b"a" * 100), pause_s=0.001)
            if caller.reader.at_eof() or there.listener.connections == 0:
                break
        assert (await caller.answer()).status == 431
        assert not desk.seen


@on_uvloop
async def test_a_chunked_body_is_cut_while_it_is_read() -> None:
    desk = Desk()
    async with listening(desk, Limits(body_bytes=100_000)) as there:
        caller = await there.call(raw("POST /v1/x HTTP/1.1", "host: p", "transfer-encoding: chunked"))
        for _ in range(40):
            await caller.send(b"1000\r\n" + b"a" * 4096 + b"\r\n")
        heard = await caller.answer()
        assert heard.status == 413
        assert heard.headers["connection"] == "close"
        assert desk.ended == ["TooLarge"]


@on_uvloop
async def test_a_small_chunked_body_above_the_limit_is_refused_too() -> None:
    desk = Desk()
    async with listening(desk, Limits(body_bytes=4)) as there:
        caller = await there.call(
            raw("POST /v1/x HTTP/1.1", "host: p", "transfer-encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n")
        )
        assert (await caller.answer()).status == 413


@on_uvloop
async def test_chunk_extensions_cannot_carry_more_than_bodies() -> None:
    desk = Desk()
    async with listening(desk, Limits(body_bytes=1000)) as there:
        caller = await there.call(raw("POST /v1/x HTTP/1.1", "host: p", "transfer-encoding: chunked"))
        for _ in range(200):
            await caller.send(b"1;" + b"a" * 4000 + b"\r\nb\r\n")
        assert (await caller.answer()).status == 413
        assert desk.ended == ["TooLarge"]

"""Every byte of a request's head is ours or was checked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.errors import BadRequest, UpstreamFailed
from proxy.domain.upstream import Upstream
from proxy.upstream.origin import route_to
from proxy.upstream.request import OURS, request_head

OPENAI = route_to(Upstream("openai", "openai", "https://api.openai.com/v1"))
AZURE = route_to(
    Upstream("azure", "openai", "https://x.openai.azure.com:8443/openai/", query=(("api-version", "2026 01"),))
)


def head(target: str = "/chat/completions", headers: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    return request_head(OPENAI, "POST", target, list(headers), 7)


def test_a_head_is_written_whole() -> None:
    assert head(headers=((b"content-type", b"application/json"), (b"authorization", b"Bearer k"))) == (
        b"POST /v1/chat/completions HTTP/1.1\r\n"
        b"host: api.openai.com\r\nconnection: keep-alive\r\naccept-encoding: identity\r\ncontent-length: 7\r\n"
        b"content-type: application/json\r\nauthorization: Bearer k\r\n\r\n"
    )


def test_a_request_without_a_body_has_no_length() -> None:
    assert b"content-length" not in request_head(OPENAI, "GET", "/models", [], None)


@pytest.mark.parametrize("name", sorted(OURS))
def test_framing_and_connection_headers_are_ours_alone(name: bytes) -> None:
    assert b"canary" not in head(headers=((name, b"canary"),))


@given(value=st.binary(max_size=60))
def test_a_header_value_is_sent_as_it_is_or_not_at_all(value: bytes) -> None:
    broken = any(byte != 9 and (byte < 32 or byte == 127) for byte in value)
    if broken:
        with pytest.raises(UpstreamFailed):
            head(headers=((b"x-a", value), (b"x-b", b"c")))
    else:
        assert b"\r\nx-a: %b\r\nx-b: c\r\n\r\n" % value in head(headers=((b"x-a", value), (b"x-b", b"c")))


def test_a_refused_header_is_not_shown() -> None:
    with pytest.raises(UpstreamFailed) as caught:
        head(headers=((b"authorization", b"Bearer canary\r\nx-evil: 1"),))
    assert "canary" not in caught.value.message
    assert "check its key" in caught.value.message


@pytest.mark.parametrize(
    "target",
    [
        "/models/gem ini",
        "/models/x\r\nhost: evil",
        "/models/ü",
        "/a#b",
        "relative",
        "",
        "/models/../files",
        "/models/..",
        "/models/%2E%2e/files",
        "/./x",
    ],
)
def test_a_target_that_cannot_stand_in_a_url_or_climbs_is_refused(target: str) -> None:
    with pytest.raises(BadRequest):
        head(target)


def test_dots_inside_names_are_fine() -> None:
    assert head("/models/gemini-2.5-pro:generateContent").startswith(b"POST /v1/models/gemini-2.5-pro:generateContent ")
    assert head("/models/.hidden").startswith(b"POST /v1/models/.hidden ")


def test_the_upstreams_query_is_added_and_wins() -> None:
    assert request_head(AZURE, "POST", "/x", [], 0).startswith(b"POST /openai/x?api-version=2026+01 HTTP/1.1\r\n")
    line = request_head(AZURE, "POST", "/x?alt=sse&api-version=1999", [], 0).split(b"\r\n")[0]
    assert line == b"POST /openai/x?alt=sse&api-version=2026+01 HTTP/1.1"
    assert b"host: x.openai.azure.com:8443\r\n" in request_head(AZURE, "POST", "/x", [], 0)


def test_a_body_of_unknown_length_is_announced_in_chunks_whatever_the_caller_said() -> None:
    headers = [(b"transfer-encoding", b"gzip, chunked"), (b"content-length", b"5")]
    written = request_head(OPENAI, "POST", "/x", headers, None, chunked=True)
    assert written.count(b"transfer-encoding: chunked\r\n") == 1
    assert b"content-length" not in written
    assert b"gzip" not in written

"""A base URL names one host, and only a usable one."""

from __future__ import annotations

import pytest

from proxy.domain.errors import UpstreamFailed
from proxy.domain.upstream import Upstream
from proxy.upstream.origin import Origin, route_to


@pytest.mark.parametrize(
    ("base_url", "origin", "prefix", "host"),
    [
        ("https://api.openai.com/v1", Origin("https", "api.openai.com", 443), b"/v1", b"api.openai.com"),
        ("https://api.anthropic.com", Origin("https", "api.anthropic.com", 443), b"", b"api.anthropic.com"),
        ("http://vllm.internal:8000/v1/", Origin("http", "vllm.internal", 8000), b"/v1", b"vllm.internal:8000"),
        ("http://[::1]:9000", Origin("http", "::1", 9000), b"", b"[::1]:9000"),
        ("https://[2001:db8::1]/a/b", Origin("https", "2001:db8::1", 443), b"/a/b", b"[2001:db8::1]"),
        ("https://bücher.example", Origin("https", "xn--bcher-kva.example", 443), b"", b"xn--bcher-kva.example"),
    ],
)
def test_a_base_url_is_taken_apart(base_url: str, origin: Origin, prefix: bytes, host: bytes) -> None:
    route = route_to(Upstream("u", "openai", base_url))
    assert (route.origin, route.prefix) == (origin, prefix)
    assert route.fixed.startswith(b"host: %b\r\n" % host)


def test_a_query_in_the_base_url_is_added_to_every_target() -> None:
    route = route_to(Upstream("u", "openai", "https://h/v1?a=1", query=(("b", "2"),)))
    assert route.with_query("/x") == "/x?a=1&b=2"


@pytest.mark.parametrize(
    "base_url",
    ["ftp://h", "h:80", "", "https://", "https://user:pw@h", "https://h:99999", "https://h/#x", "https://h/a b"],
)
def test_an_unusable_base_url_is_said_so_by_name(base_url: str) -> None:
    with pytest.raises(UpstreamFailed, match="base_url of upstream crooked") as caught:
        route_to(Upstream("crooked", "openai", base_url))
    assert caught.value.code == "upstream_misconfigured"


def test_a_ca_file_keeps_connections_apart_and_is_nothing_to_plain_http() -> None:
    assert route_to(Upstream("u", "openai", "https://h", ca_file="/ca.pem")).origin.ca_file == "/ca.pem"
    assert route_to(Upstream("u", "openai", "http://h", ca_file="/ca.pem")).origin.ca_file is None

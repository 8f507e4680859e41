"""Where calls may be sent."""

from __future__ import annotations

import re

import pytest

from proxy.config.base_url import base_url, is_clear_text


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "http://127.0.0.1:8000/v1",
        "http://[::1]:8000",
        "http://vllm:8000/v1",
        "https://x.openai.azure.com/openai/deployments/gpt-5",
    ],
)
def test_an_address_as_sdks_take_it_is_kept_without_its_last_slash(url: str) -> None:
    assert base_url(f"{url}/") == base_url(url) == url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("api.openai.com/v1", "'api.openai.com/v1' is not an http:// or https:// URL"),
        ("ftp://a.example", "'ftp://a.example' is not an http:// or https:// URL"),
        ("https://", "'https://' is not a URL with a valid host, port and path"),
        ("https://a b.example", "'https://a b.example' is not a URL with a valid host, port and path"),
        ("https://a.example/x y", "'https://a.example/x y' is not a URL with a valid host, port and path"),
        ("https://a.example/v1/../admin", "'https://a.example/v1/../admin' is not a URL with a valid host"),
        ("https://a.example:99999", "'https://a.example:99999' is not a URL"),
        ("https://[::1", "'https://[::1' is not a URL"),
        ("https://user:pw@a.example", "credentials do not belong into a URL; use key: env:NAME"),
        ("https://a.example/v1?api-version=1", "has a query; write it under query:"),
        ("https://a.example/v1#frag", "has a fragment, which no server ever sees"),
        ("http://169.254.169.254/latest", "'169.254.169.254' is a link-local or metadata address, not a model"),
        ("http://[fe80::1]/", "is a link-local or metadata address"),
        ("http://[::ffff:169.254.169.254]/", "is a link-local or metadata address"),
        ("http://metadata.google.internal/v1", "is a link-local or metadata address"),
    ],
)
def test_what_is_no_model_endpoint_is_refused(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        base_url(url)


@pytest.mark.parametrize(
    ("url", "is_clear"),
    [
        ("http://api.example.com", True),
        ("http://8.8.8.8", True),
        ("https://api.example.com", False),
        ("http://127.0.0.1:1", False),
        ("http://10.0.0.1", False),
        ("http://vllm:8000", False),
        ("http://vllm.internal", False),
    ],
)
def test_only_a_key_on_a_public_network_in_the_clear_is_worth_a_note(url: str, *, is_clear: bool) -> None:
    assert is_clear_text(url) is is_clear

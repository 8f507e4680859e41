"""The allow-list of headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.server.forwardable import forwardable

SENT = [
    (b"Host", b"p"),
    (b"Authorization", b"Bearer canary"),
    (b"Content-Type", b"application/json"),
    (b"ANTHROPIC-Version", b"2023-06-01"),
    (b"anthropic-beta", b"a"),
    (b"anthropic-beta", b"b"),
    (b"Cookie", b"canary"),
    (b"baggage", b"user=canary"),
    (b"x-tally-tags", b"purpose=canary"),
    (b"OpenAI-Organization", b"org-1"),
    (b"User-Agent", b"OpenAI/Python"),
    (b"x-forwarded-for", b"10.0.0.1"),
]


def test_only_the_listed_headers_go_on_in_lower_case_and_in_order() -> None:
    assert forwardable(SENT, frozenset(), None) == [
        (b"content-type", b"application/json"),
        (b"anthropic-version", b"2023-06-01"),
        (b"anthropic-beta", b"a"),
        (b"anthropic-beta", b"b"),
        (b"user-agent", b"OpenAI/Python"),
    ]


def test_configuration_can_add_a_header() -> None:
    assert (b"openai-organization", b"org-1") in forwardable(SENT, frozenset({"openai-organization"}), None)


@pytest.mark.parametrize(
    "name",
    ["authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "baggage", "x-tally-tags", "host", "connection",
     "transfer-encoding", "content-length", "te", "expect", "proxy-authorization", "content-encoding"],
)  # fmt: skip
def test_configuration_cannot_add_a_credential_or_what_frames_a_message(name: str) -> None:
    assert forwardable([(name.encode(), b"canary")], frozenset({name}), None) == []


def test_what_the_connection_header_names_ends_here() -> None:
    # RFC 9110 7.6.1: "Intermediaries MUST parse a received Connection header field before a message is forwarded".
    assert forwardable([(b"Anthropic-Beta", b"a")], frozenset(), "keep-alive, anthropic-beta") == []


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=12), st.binary(max_size=5)), max_size=5))
def test_whatever_else_is_sent_stays(sent: list[tuple[bytes, bytes]]) -> None:
    for name, _ in forwardable(sent, frozenset(), None):
        assert name in (b"accept", b"content-type", b"user-agent") or name.startswith(b"anthropic-")

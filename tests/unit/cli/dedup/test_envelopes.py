"""Requests in files are read as the walk would send them on."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.cli.dedup.envelopes import asked_of

BODY: dict[str, Any] = {"model": "m", "messages": []}


def test_an_envelope_is_a_tenant_a_path_headers_and_a_body() -> None:
    asked = asked_of(
        {
            "tenant": "team-a",
            "path": "/p/crm/v1/messages?key=secret&beta=true",
            "headers": {
                "Anthropic-Beta": "x",
                "Authorization": "Bearer k",
                "X-Custom": "1",
                "Cache-Control": "no-store",
            },
            "body": BODY,
        }
    )
    assert asked.scope == "team-a"
    assert (asked.sent.api, asked.sent.target) == ("anthropic.messages", "/v1/messages?beta=true")
    assert asked.sent.headers == [(b"anthropic-beta", b"x")]
    assert asked.refusal == "no-store"


@pytest.mark.parametrize(
    ("body", "api"),
    [
        ({"messages": []}, "openai.chat"),
        ({"input": "hello"}, "openai.responses"),
        ({"messages": [], "system": "s"}, "anthropic.messages"),
        ({"contents": []}, "gemini.generate"),
    ],
)
def test_a_body_alone_goes_where_its_members_belong(body: dict[str, Any], api: str) -> None:
    assert asked_of(body).sent.api == api
    assert asked_of(body, "/v1/responses").sent.api == "openai.responses"


def test_an_envelope_without_a_path_is_a_chat() -> None:
    assert asked_of({"tenant": "t", "headers": {}, "body": BODY}).sent.target == "/v1/chat/completions"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"tenant": 7}, "'tenant' and 'path' must be texts"),
        ({"headers": [1]}, "'headers' must be an object of texts"),
        ({"headers": {"a": 1}}, "'headers' must be an object of texts"),
        ({"path": "/v2/nothing"}, "nothing is served at"),
        ({"path": "/p/UPPER/v1/messages"}, "path prefix"),
    ],
)
def test_what_is_no_envelope_is_told(more: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        asked_of({"body": BODY} | more)

"""Errors in plain words."""

from __future__ import annotations

import json

from proxy.domain.errors import BadRequest, Throttled, Unavailable
from proxy.server.plain_errors import plain_error, with_retry_after


def test_a_plain_error_has_the_members_that_most_clients_read() -> None:
    status, headers, body = plain_error(None, BadRequest("No.", code="why"))
    assert status == 400
    assert headers == [(b"content-type", b"application/json")]
    assert json.loads(body) == {
        "error": {"message": "No.", "type": "invalid_request_error", "code": "why", "param": None}
    }
    assert json.loads(plain_error(None, Unavailable("No."))[2])["error"]["type"] == "server_error"


def test_retry_after_is_whole_seconds_rounded_up_and_never_written_twice() -> None:
    error = Throttled("Slow down.", retry_after_s=0.2)
    assert with_retry_after((429, [], b""), error)[1] == [(b"retry-after", b"1")]
    said = [(b"retry-after", b"7")]
    assert with_retry_after((429, said, b""), error)[1] == said
    assert with_retry_after((400, [], b""), BadRequest("No."))[1] == []

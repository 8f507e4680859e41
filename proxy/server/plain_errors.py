"""The answer to a caller whose dialect nobody knows yet: one small JSON shape, fixed words, nothing of the request in it."""

from __future__ import annotations

import math

import msgspec

from proxy.domain.errors import CallError
from proxy.ports import Headers, Request

Answer = tuple[int, Headers, bytes]


def plain_error(request: Request | None, error: CallError) -> Answer:
    """Status, headers and body for an error; OpenAI's member names, which most clients can read. Never raises."""
    del request
    body = {"error": {"message": error.message, "type": "invalid_request_error", "code": error.code, "param": None}}
    if error.status >= 500:  # noqa: PLR2004 - the class of server errors
        body["error"]["type"] = "server_error"
    return error.status, [(b"content-type", b"application/json")], msgspec.json.encode(body)


def with_retry_after(answer: Answer, error: CallError) -> Answer:
    """The same answer, with Retry-After where the error knows a time and the answer does not say it."""
    status, headers, body = answer
    if error.retry_after_s is None or any(name == b"retry-after" for name, _ in headers):
        return answer
    return status, [*headers, (b"retry-after", b"%d" % math.ceil(error.retry_after_s))], body

"""Refusals in OpenAI's words, so that its SDKs raise what their users expect (the refusals table of the design)."""

from __future__ import annotations

from typing import Any

import msgspec

from proxy.domain.errors import CallError

_TYPES = {
    "forbidden": "permission_error",
    "throttled": "requests",
    "quota": "insufficient_quota",
    "upstream": "server_error",
    "upstream_timeout": "server_error",
    "not_cached": "server_error",
    "unavailable": "server_error",
    "internal": "server_error",
}
_RATES = ("requests", "tokens")  # OpenAI names the spent rate as the type of a 429


def body(error: CallError, request_id: str) -> bytes:
    """The body of a refusal: OpenAI's ``error``, and beside it what a person needs to follow it up."""
    return msgspec.json.encode(_document(error, request_id))


def chat_event(error: CallError, request_id: str) -> bytes:
    """The event that ends a broken stream of chat or completions; no ``[DONE]`` follows."""
    return b"data: " + body(error, request_id) + b"\n\n"


def responses_event(error: CallError, request_id: str) -> bytes:
    """The same for the Responses API: its ``error`` event, with the member that makes openai-python raise."""
    document = _document(error, request_id)
    told = document["error"]
    event = {
        "type": "error",
        "code": told["code"],
        "message": told["message"],
        "param": told["param"],
        "sequence_number": 0,  # those of the relayed events were not counted
    }
    return b"event: error\ndata: " + msgspec.json.encode(event | document) + b"\n\n"


def _document(error: CallError, request_id: str) -> dict[str, Any]:
    kind, param = _TYPES.get(error.kind, "invalid_request_error"), error.param
    if error.kind == "throttled" and param in _RATES:
        kind, param = param, None
    document: dict[str, Any] = {
        "error": {"message": error.message, "type": kind, "param": param, "code": error.code},
        "request_id": request_id,
    }
    if error.policy is not None:
        document["policy"] = error.policy
    return document

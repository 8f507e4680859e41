"""Errors as Google writes them: an HTTP code, a canonical status, typed details."""

from __future__ import annotations

from typing import Any

import msgspec

from proxy.domain.errors import CallError

_STATUS = {  # kind of error -> google.rpc.Code
    "unauthenticated": "UNAUTHENTICATED",
    "forbidden": "PERMISSION_DENIED",
    "not_found": "NOT_FOUND",
    "throttled": "RESOURCE_EXHAUSTED",
    "quota": "RESOURCE_EXHAUSTED",
    "upstream": "UNAVAILABLE",
    "upstream_timeout": "DEADLINE_EXCEEDED",
    "not_cached": "DEADLINE_EXCEEDED",
    "unavailable": "UNAVAILABLE",
    "internal": "INTERNAL",
}
_TYPE = "type.googleapis.com/google.rpc."


def body(error: CallError, request_id: str) -> bytes:
    """Write an error; ``error`` stands first, because google-genai looks for it there in a stream."""
    details: list[dict[str, Any]] = [
        {"@type": f"{_TYPE}ErrorInfo", "reason": error.code.upper(), "domain": "tallygate"},
        {"@type": f"{_TYPE}RequestInfo", "requestId": request_id},
    ]
    if error.retry_after_s is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{error.retry_after_s:.3f}s"})
    told = {
        "code": error.status,
        "message": error.message,
        "status": _STATUS.get(error.kind, "INVALID_ARGUMENT"),
        "details": details,
    }
    return _with_policy({"error": told}, error)


def interaction_body(error: CallError, request_id: str) -> bytes:
    """Write an error of interactions, whose SDK takes a string for the code."""
    return _with_policy({"error": {"code": error.code, "message": error.message}, "request_id": request_id}, error)


def interaction_event(error: CallError, request_id: str) -> bytes:
    """Write the event that ends a broken stream of an interaction."""
    told = {"event_type": "error", "error": {"code": error.code, "message": error.message}, "request_id": request_id}
    return b"event: error\ndata: " + _with_policy(told, error) + b"\n\n"


def _with_policy(told: dict[str, Any], error: CallError) -> bytes:
    if error.policy is not None:
        told["policy"] = error.policy
    return msgspec.json.encode(told)

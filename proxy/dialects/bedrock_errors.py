"""Errors as Bedrock writes them: a message, and the name of an exception that its SDKs have a class for.

The name stands in the body: SDKs take it from the header ``x-amzn-errortype``, from ``code`` or from ``__type``
(https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html, "Operation error serialization").
"""

from __future__ import annotations

from typing import Any

import msgspec

from proxy.dialects.event_stream import write
from proxy.domain.errors import CallError

_NAMES = {  # kind of error -> exception; what is not here is the request's fault
    "unauthenticated": "UnrecognizedClientException",
    "forbidden": "AccessDeniedException",
    "not_found": "ResourceNotFoundException",
    "throttled": "ThrottlingException",
    "quota": "ServiceQuotaExceededException",
    "upstream": "InternalServerException",
    "upstream_timeout": "ModelTimeoutException",
    "unavailable": "ServiceUnavailableException",
    "internal": "InternalServerException",
}
_INSIDE = {  # kind of error -> exception of a stream, where there are fewer
    "throttled": "throttlingException",
    "quota": "throttlingException",
    "upstream": "modelStreamErrorException",
    "upstream_timeout": "modelStreamErrorException",
    "unavailable": "serviceUnavailableException",
    "internal": "internalServerException",
}
_SIGN = (
    " AWS SDKs send it when AWS_BEARER_TOKEN_BEDROCK is set to it; a request that is signed with AWS keys (SigV4) "
    "cannot be accepted here."
)


def body(error: CallError, request_id: str) -> bytes:
    """Write an error. A stranger is told how these SDKs are given a key."""
    message = error.message + _SIGN if error.kind == "unauthenticated" else error.message
    told: dict[str, Any] = {
        "message": message,
        "code": _NAMES.get(error.kind, "ValidationException"),
        "reason": error.code,
        "request_id": request_id,
    }
    if error.policy is not None:
        told["policy"] = error.policy
    return msgspec.json.encode(told)


def frame(error: CallError, request_id: str) -> bytes:
    """Write the exception that ends a broken stream."""
    told: dict[str, Any] = {"message": error.message, "reason": error.code, "request_id": request_id}
    if error.policy is not None:
        told["policy"] = error.policy
    headers = {
        ":exception-type": _INSIDE.get(error.kind, "validationException"),
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return write(headers, msgspec.json.encode(told))

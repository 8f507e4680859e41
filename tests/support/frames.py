"""Frames as Bedrock sends them."""

from __future__ import annotations

import base64
import json
from typing import Any

from proxy.dialects.event_stream import write


def event(kind: str, payload: Any) -> bytes:
    """One event with its JSON."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return write(headers, _json(payload))


def packed(payload: Any) -> bytes:
    """A vendor's chunk in base64, as InvokeModelWithResponseStream sends it; ``p`` hides its length."""
    return event("chunk", {"bytes": base64.b64encode(_json(payload)).decode(), "p": "abcd"})


def exception(message: str = "Slow down.", kind: str = "throttlingException") -> bytes:
    """What ends a stream that broke."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return write(headers, _json({"message": message}))


def _json(payload: Any) -> bytes:
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()

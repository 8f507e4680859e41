"""Requests of all four formats whose answers may be stored, and the terms of a rule that allows it."""

from __future__ import annotations

import copy
from typing import Any

from proxy.dedup.envelope import Sent
from proxy.dedup.key import Keys, request_keys
from proxy.domain.decision import Reuse

SECRET = b"0123456789abcdef0123456789abcdef"
QUESTION = "What is the largest river of Italy?"
SYSTEM = "You are a geographer."
TARGETS = {
    "openai.chat": "/chat/completions",
    "openai.responses": "/responses",
    "anthropic.messages": "/v1/messages",
    "gemini.generate": "/v1beta/models/gemini-3-pro:generateContent",
}
APIS = tuple(TARGETS)
_BODIES: dict[str, dict[str, Any]] = {
    "openai.chat": {
        "model": "gpt-5.1",
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}],
    },
    "openai.responses": {"model": "gpt-5.1", "instructions": SYSTEM, "input": QUESTION},
    "anthropic.messages": {
        "model": "claude-sonnet-4-5",
        "max_tokens": 99,
        "system": SYSTEM,
        "messages": [{"role": "user", "content": QUESTION}],
    },
    "gemini.generate": {
        "systemInstruction": {"parts": [{"text": SYSTEM}]},
        "contents": [{"role": "user", "parts": [{"text": QUESTION}]}],
        "generationConfig": {"maxOutputTokens": 99},
    },
}


def a_body(api: str, question: str = QUESTION, system: str = SYSTEM, **members: Any) -> dict[str, Any]:
    """The body of one question with instructions, and what else is wanted in it."""
    return _filled(copy.deepcopy(_BODIES[api]), {QUESTION: question, SYSTEM: system}) | members  # type: ignore[no-any-return] # JSON in, JSON out


def a_request(api: str, body: dict[str, Any] | None = None, **more: Any) -> Sent:
    """A request with that body, or the usual one."""
    fields: dict[str, Any] = {"target": TARGETS[api], "headers": ()} | more
    return Sent(api, body=a_body(api) if body is None else body, **fields)


def the_keys(sent: Sent, mode: str = "near", scope: str = "team:growth", volatile: Any = ()) -> Keys:
    """Its keys under a fixed secret."""
    return request_keys(SECRET, scope, sent, mode, volatile)


def the_key(api: str, body: dict[str, Any], **more: Any) -> bytes:
    """The digest of a body in a request of that format."""
    return the_keys(a_request(api, body), **more).digest


def the_terms(**terms: Any) -> Reuse:
    """Terms of a rule that lets repeats be answered."""
    usual: dict[str, Any] = {
        "rule": "cache/team",
        "mode": "near",
        "shadow": False,
        "share": "team",
        "ttl_s": 60.0,
        "max_temperature": None,
        "time_sensitive": False,
        "verify_millionths": 0,
        "volatile": (),
    }
    return Reuse(**usual | terms)


def _filled(value: Any, texts: dict[str, str]) -> Any:
    if type(value) is dict:
        return {name: _filled(below, texts) for name, below in value.items()}
    if type(value) is list:
        return [_filled(below, texts) for below in value]
    return texts.get(value, value) if type(value) is str else value

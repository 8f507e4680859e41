"""Anthropic's messages: understand a request, send it on, write an error as its SDK reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from proxy.dialects import strict_json
from proxy.dialects.anthropic_prompt import features, tool_names
from proxy.dialects.anthropic_usage import AnthropicTap
from proxy.dialects.base import Match, Strip
from proxy.dialects.delivery import allowed, ceiling, credential, target
from proxy.dialects.edit import replace_members
from proxy.dialects.endpoints import Endpoints
from proxy.dialects.strip import UsageStrip
from proxy.domain.ask import Ask, Endpoint, Outgoing
from proxy.domain.errors import BadRequest, CallError
from proxy.domain.upstream import Upstream

_ENDPOINTS = (
    Endpoint("anthropic.messages", "/v1/messages", "/v1/messages"),
    Endpoint(
        "anthropic.messages", "/v1/messages/count_tokens", "/v1/messages/count_tokens", generates=False, metered=False
    ),
)
_LISTS = tuple(  # OpenAI's SDKs ask at the same paths: ``routes`` tells them apart
    Endpoint("anthropic.models", path, path, method="GET", generates=False, metered=False, local=True)
    for path in ("/v1/models", "/v1/models/{model}")
)
_QUERY = frozenset({"beta", "limit", "after_id", "before_id"})  # the beta client of the SDK sends ?beta=true
_TYPES = {  # kind of error -> type; the SDK chooses its class by status, people read the type
    "unauthenticated": "authentication_error",
    "forbidden": "permission_error",
    "not_found": "not_found_error",
    "too_large": "request_too_large",
    "throttled": "rate_limit_error",
    "quota": "rate_limit_error",
    "upstream": "api_error",
    "upstream_timeout": "api_error",
    "not_cached": "api_error",
    "unavailable": "overloaded_error",
    "internal": "api_error",
}
# Claude Code: "user_…_account_…_session_{uuid}", of late a JSON object with "session_id".
_SESSION = re.compile(r"_session_([A-Za-z0-9-]{8,64})$|\"session_id\"\s*:\s*\"([A-Za-z0-9._-]{8,64})\"")
_SESSION_HEADER = "x-claude-code-session-id"


class AnthropicMessages:
    """See ``base.Dialect``."""

    name: ClassVar[str] = "anthropic_messages"
    family: ClassVar[str] = "anthropic"
    gap: ClassVar[bytes] = b"\n\n"
    endpoints: ClassVar[tuple[Endpoint, ...]] = _ENDPOINTS + _LISTS

    def __init__(self) -> None:
        self._paths = Endpoints((self, endpoint) for endpoint in self.endpoints)

    def match(self, method: str, path: str) -> Match | None:
        """Return the endpoint for a client path."""
        return self._paths.match(method, path)

    def understand(self, match: Match, body: bytes, query: str, headers: Mapping[str, str]) -> Ask:
        """Read a request strictly. Raises ``BadRequest``."""
        if match.endpoint.method == "GET":
            return Ask(match.endpoint, match.model or "", body, query=allowed(query, _QUERY))
        members = strict_json.parse(body)
        strict_json.exactly_spelled(members)
        messages = members.get("messages")
        if messages is not None and type(messages) is not list:
            raise BadRequest("'messages' must be a list.", param="messages", code="invalid_type")
        return Ask(
            endpoint=match.endpoint,
            model=strict_json.text(members, "model"),
            body=body,
            stream=strict_json.boolean(members, "stream"),
            max_output=strict_json.integer(members, "max_tokens", least=0),  # 0 only fills the cache
            features=features(members),
            tools=tool_names(members),
            service_tier=strict_json.string(members, "service_tier"),
            query=allowed(query, _QUERY),
            session=session_of(members, headers),
        )

    def outgoing(self, ask: Ask, upstream: Upstream, model: str, max_output: int | None = None) -> Outgoing:
        """Return the request for this upstream; its body is the caller's own object when nothing is edited."""
        edits: dict[str, bytes] = {}
        if model != ask.model and ask.body:
            edits["model"] = msgspec.json.encode(model)
        if ask.endpoint.generates and (most := ceiling(ask.max_output, max_output)) is not None:
            edits["max_tokens"] = b"%d" % most
        body = replace_members(ask.body, edits) if edits else ask.body
        return Outgoing(target(ask.endpoint.upstream_path, ask.query, upstream, model), body, tuple(edits))

    def tap(self, ask: Ask) -> AnthropicTap:  # noqa: ARG002 - one format for both endpoints
        """Return a fresh tap."""
        return AnthropicTap()

    def strip(self, ask: Ask) -> Strip:  # noqa: ARG002 - never needed: usage is always in the stream
        """Return a filter, as every dialect does."""
        return UsageStrip()

    def credential(self, upstream: Upstream) -> tuple[bytes, bytes] | None:
        """Return the header that carries the upstream's key."""
        return credential(upstream, "x-api-key")

    def error_body(self, error: CallError, request_id: str) -> bytes:
        """Write an error as https://docs.anthropic.com/en/api/errors has it, and what the policy says beside it."""
        told: dict[str, Any] = {
            "type": "error",
            "error": {"type": _TYPES.get(error.kind, "invalid_request_error"), "message": error.message},
            "request_id": request_id,
        }
        if error.policy is not None:
            told["policy"] = error.policy
        return msgspec.json.encode(told)

    def error_event(self, error: CallError, request_id: str, ask: Ask | None = None) -> bytes:  # noqa: ARG002 - one form of stream
        """Write the event that ends a broken stream: the SDK raises on it."""
        return b"event: error\ndata: " + self.error_body(error, request_id) + b"\n\n"


def session_of(members: dict[str, Any], headers: Mapping[str, str]) -> str | None:
    """Return what Claude Code tells of its session."""
    given = headers.get(_SESSION_HEADER)
    if given:
        return given[:128]
    user = strict_json.mapping(members, "metadata").get("user_id")
    found = _SESSION.search(user) if type(user) is str else None
    return (found[1] or found[2]) if found else None

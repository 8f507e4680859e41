"""Anthropic's models on Vertex AI: messages under ``rawPredict`` and ``streamRawPredict``; the path names the model.

Tokens are counted by a model of that name, ``count-tokens``, which costs nothing; there the body says whose.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import msgspec

from proxy.dialects import strict_json, vertex_paths
from proxy.dialects.anthropic_messages import AnthropicMessages, session_of
from proxy.dialects.anthropic_prompt import features, tool_names
from proxy.dialects.base import Match
from proxy.dialects.delivery import ceiling, credential, target
from proxy.dialects.edit import Edit, replace_members
from proxy.dialects.gemini import MODEL
from proxy.domain.ask import Ask, Endpoint, Outgoing
from proxy.domain.errors import BadRequest
from proxy.domain.upstream import Upstream

_API = "anthropic.messages"
_COUNTER = "count-tokens"
_ENDPOINTS = vertex_paths.endpoints(
    "anthropic", {"rawPredict": (_API, True, True), "streamRawPredict": (_API, True, True)}
)
_COUNTING = {
    path: msgspec.structs.replace(
        endpoint,
        path=path.replace("{model}", _COUNTER),
        upstream_path=endpoint.upstream_path.replace("{model}", _COUNTER),
        generates=False,
        metered=False,
    )
    for path, endpoint in _ENDPOINTS.items()
    if path.endswith(":rawPredict")
}


class VertexAnthropic(AnthropicMessages):
    """See ``base.Dialect``."""

    name: ClassVar[str] = "vertex_anthropic"
    family: ClassVar[str] = "vertex"
    endpoints: ClassVar[tuple[Endpoint, ...]] = (*_COUNTING.values(), *_ENDPOINTS.values())

    def match(self, method: str, path: str) -> Match | None:
        """Return the endpoint for a client path."""
        found = vertex_paths.find(method, path, _ENDPOINTS)
        if found is None:
            return None
        endpoint, model = found
        if model == _COUNTER:
            counting = _COUNTING.get(endpoint.path)
            return Match(self, counting) if counting else None
        return Match(self, endpoint, model)

    def understand(self, match: Match, body: bytes, query: str, headers: Mapping[str, str]) -> Ask:  # noqa: ARG002 - there is no query
        """Read a request strictly. Raises ``BadRequest``."""
        members = strict_json.parse(body)
        messages = members.get("messages")
        if messages is not None and type(messages) is not list:
            raise BadRequest("'messages' must be a list.", param="messages", code="invalid_type")
        model = match.model or strict_json.text(members, "model")
        if not MODEL.fullmatch(model):
            raise BadRequest(
                "The path must name a model of letters, digits, '.', '-', '_' or '@'.", code="invalid_model"
            )
        if strict_json.string(members, "model") not in (None, model):
            raise BadRequest("'model' in the body must be the model of the path.", param="model", code="model_mismatch")
        return Ask(
            endpoint=match.endpoint,
            model=model,
            body=body,
            stream=strict_json.boolean(members, "stream"),
            max_output=strict_json.integer(members, "max_tokens", least=0),
            features=features(members),
            tools=tool_names(members),
            service_tier=strict_json.string(members, "service_tier"),
            session=session_of(members, headers),
        )

    def outgoing(self, ask: Ask, upstream: Upstream, model: str, max_output: int | None = None) -> Outgoing:
        """Return the request for this upstream; its body is the caller's own object when nothing is edited."""
        edits: dict[str, Edit] = {}
        if model != ask.model and b'"model"' in ask.body:
            edits["model"] = partial(_renamed, model)
        if ask.endpoint.generates and (most := ceiling(ask.max_output, max_output)) is not None:
            edits["max_tokens"] = b"%d" % most
        body = replace_members(ask.body, edits) if edits else ask.body
        return Outgoing(target(ask.endpoint.upstream_path, "", upstream, model), body, tuple(edits))

    def credential(self, upstream: Upstream) -> tuple[bytes, bytes] | None:
        """Return the header that carries the upstream's key: an access token."""
        return credential(upstream, "authorization")


def _renamed(model: str, old: bytes | None) -> bytes | None:
    """Write the model where a body names it."""
    return None if old is None else msgspec.json.encode(model)

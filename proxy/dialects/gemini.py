"""Gemini's generated content and embeddings, as the Gemini API speaks it; ``vertex`` has other paths and the same bodies.

The path names model and operation, so a model is changed there and a stream is decided there. Interactions are another
format under the same roof: ``gemini_interactions``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar
from urllib.parse import unquote

import msgspec

from proxy.dialects import gemini_errors, strict_json
from proxy.dialects.base import Match, Strip, Tap
from proxy.dialects.delivery import allowed, ceiling, credential, target
from proxy.dialects.edit import Edit, replace_members
from proxy.dialects.gemini_interactions import GeminiInteractions
from proxy.dialects.gemini_prompt import features, member, objects, spelled, tool_names
from proxy.dialects.gemini_usage import GeminiEmbeddingTap, GeminiTap
from proxy.dialects.strip import UsageStrip
from proxy.domain.ask import Ask, Endpoint, Outgoing
from proxy.domain.errors import BadRequest, CallError
from proxy.domain.upstream import Upstream

_VERSIONS = ("/v1beta", "/v1")
_OPERATIONS = {  # operation -> api, generates, metered
    "generateContent": ("gemini.generate", True, True),
    "streamGenerateContent": ("gemini.generate", True, True),
    "countTokens": ("gemini.generate", False, False),
    "embedContent": ("gemini.embed", False, True),
    "batchEmbedContents": ("gemini.embed", False, True),
}
_STREAMS = ":streamGenerateContent"
_QUERY = frozenset({"alt", "$alt", "pageSize", "pageToken", "prettyPrint", "$prettyPrint"})
_EVENTS = frozenset({"alt=sse", "$alt=sse"})
_NAMING = frozenset({"model", "requests", "generateContentRequest", "generate_content_request"})
MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}")


def _endpoint(before: str, operation: str) -> Endpoint:
    api, generates, metered = _OPERATIONS[operation]
    path = f"{before}{{model}}:{operation}"
    return Endpoint(api, path, path, generates=generates, metered=metered)


_ENDPOINTS = tuple(_endpoint(f"{version}/models/", operation) for version in _VERSIONS for operation in _OPERATIONS)
_LISTS = tuple(  # below /v1 OpenAI's SDKs ask at the same paths: ``routes`` tells them apart
    Endpoint("gemini.models", path, path, method="GET", generates=False, metered=False, local=True)
    for version in _VERSIONS
    for path in (f"{version}/models", f"{version}/models/{{model}}")
)


class Gemini:
    """See ``base.Dialect``."""

    name: ClassVar[str] = "gemini"
    family: ClassVar[str] = "gemini"
    gap: ClassVar[bytes] = b"\n\n"
    endpoints: ClassVar[tuple[Endpoint, ...]] = _ENDPOINTS + _LISTS + GeminiInteractions.endpoints
    _interactions: ClassVar[GeminiInteractions] = GeminiInteractions()
    _known: ClassVar[Mapping[tuple[str, str], Endpoint]] = {(one.method, one.path): one for one in _ENDPOINTS + _LISTS}

    def match(self, method: str, path: str) -> Match | None:
        """Return the endpoint for a client path; the match of an interaction names that dialect."""
        before, models, rest = path.partition("/models/")
        if not models:
            listing = self._known.get((method, path))
            return Match(self, listing) if listing else self._interactions.match(method, path)
        model, colon, operation = rest.rpartition(":")
        template = f"{before}/models/{{model}}:{operation}" if colon else f"{before}/models/{{model}}"
        endpoint = self._known.get((method, template))
        if endpoint is None:
            return None
        return Match(self, endpoint, unquote(model if colon else rest))

    def understand(self, match: Match, body: bytes, query: str, headers: Mapping[str, str]) -> Ask:  # noqa: ARG002
        """Read a request strictly. Raises ``BadRequest``."""
        endpoint, model, query = match.endpoint, match.model or "", allowed(query, _QUERY)
        if match.model is not None and not MODEL.fullmatch(model):
            raise BadRequest(
                "The path must name a model of letters, digits, '.', '-', '_' or '@'.", code="invalid_model"
            )
        if endpoint.method == "GET":
            return Ask(endpoint, model, body, query=query)
        members = strict_json.parse(body)
        _same_model(members, model)
        config_name = spelled(members, "generationConfig")
        config = strict_json.mapping(members, config_name)
        return Ask(
            endpoint=endpoint,
            model=model,
            body=body,
            stream=endpoint.path.endswith(_STREAMS),
            max_output=strict_json.integer(config, spelled(config, "maxOutputTokens")),
            choices=strict_json.integer(config, spelled(config, "candidateCount")) or 1,
            features=features(members),
            tools=tool_names(members),
            service_tier=strict_json.string(members, spelled(members, "serviceTier")),
            query=query,
        )

    def outgoing(self, ask: Ask, upstream: Upstream, model: str, max_output: int | None = None) -> Outgoing:
        """Return the request for this upstream: the model is in its path, and where a body repeats it also there."""
        edits: dict[str, Edit] = {}
        renamed = model != ask.model
        if renamed and ask.body:
            edits |= {"model": partial(_renamed, model), "requests": partial(_renamed_each, model)}
        if ask.endpoint.generates and (most := ceiling(ask.max_output, max_output)) is not None:
            edits |= _clamped(ask.body, most)
        body = replace_members(ask.body, edits) if edits else ask.body
        named = ("model",) if renamed else ()
        if any(name.startswith("generation") for name in edits):
            named = (*named, "generationConfig")
        return Outgoing(target(ask.endpoint.upstream_path, ask.query, upstream, model), body, named)

    def tap(self, ask: Ask) -> Tap:
        """Return a fresh tap."""
        return GeminiEmbeddingTap() if ask.endpoint.api == "gemini.embed" else GeminiTap()

    def strip(self, ask: Ask) -> Strip:  # noqa: ARG002 - never needed: usage is always in the stream
        """Return a filter, as every dialect does."""
        return UsageStrip()

    def credential(self, upstream: Upstream) -> tuple[bytes, bytes] | None:
        """Return the header that carries the upstream's key."""
        return credential(upstream, "x-goog-api-key")

    def error_body(self, error: CallError, request_id: str) -> bytes:
        """Write an error."""
        return gemini_errors.body(error, request_id)

    def error_event(self, error: CallError, request_id: str, ask: Ask | None = None) -> bytes:
        """Write the chunk that ends a broken stream; an array, which streams are without ``alt=sse``, stays open."""
        if ask is not None and ask.stream and _EVENTS.isdisjoint(ask.query.split("&")):
            return b",\n" + self.error_body(error, request_id) + b"\n"
        return b"data: " + self.error_body(error, request_id) + b"\r\n\r\n"


def _same_model(members: dict[str, Any], model: str) -> None:
    """Refuse a body that names another model than the path: which of them is billed would be the upstream's choice."""
    if members.keys().isdisjoint(_NAMING):
        return
    wrapped = member(members, "generateContentRequest")
    for request in (members, *objects(members.get("requests")), *objects(wrapped)):
        named = strict_json.string(request, "model")
        if named is not None and named.rpartition("/")[2] != model:
            raise BadRequest("'model' in the body must be the model of the path.", param="model", code="model_mismatch")


def _renamed(model: str, old: bytes | None) -> bytes | None:
    """Write the path's model where a request names one."""
    return None if old is None else msgspec.json.encode(f"models/{model}")


def _renamed_each(model: str, old: bytes | None) -> bytes | None:
    """Do the same in each request of a batch."""
    if old is None or not old.startswith(b"["):
        return None
    requests = msgspec.json.decode(old, type=list[msgspec.Raw])
    edits: dict[str, Edit] = {"model": partial(_renamed, model)}
    return b"[" + b",".join(replace_members(bytes(request), edits) for request in requests) + b"]"


def _clamped(body: bytes, most: int) -> dict[str, Edit]:
    """Set the ceiling in the configuration of the answer, in the caller's spelling."""
    members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    config_name = spelled(dict(members), "generationConfig")

    def lowered(old: bytes | None) -> bytes:
        if old is None or old == b"null":
            return b'{"maxOutputTokens":%d}' % most
        name = spelled(msgspec.json.decode(old), "maxOutputTokens")
        return replace_members(old, {name: b"%d" % most})

    return {config_name: lowered}

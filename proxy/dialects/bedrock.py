"""Amazon Bedrock's runtime: Converse and InvokeModel, whole and streamed, for callers with a bearer key.

The model stands in the path, percent-encoded: an id, an inference profile, or an ARN with slashes. Converse is one format
for all models; what InvokeModel carries is each vendor's own (``bedrock_vendors``). Streams are binary (``event_stream``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import msgspec

from proxy.dialects import bedrock_errors, bedrock_prompt, bedrock_vendors, strict_json
from proxy.dialects.base import Match, Strip
from proxy.dialects.bedrock_tap import ConverseTap, FrameTap, InvokeTap
from proxy.dialects.delivery import ceiling, credential, target
from proxy.dialects.edit import Edit, replace_members
from proxy.dialects.endpoints import Endpoints
from proxy.dialects.strip import UsageStrip
from proxy.domain.ask import Ask, Endpoint, Outgoing
from proxy.domain.errors import BadRequest, CallError
from proxy.domain.upstream import Upstream

_CONVERSE, _CONVERSE_STREAM = "bedrock.converse", "bedrock.converse_stream"
_INVOKE, _EMBED, _PICTURE = "bedrock.invoke", "bedrock.embed", "bedrock.image"
_STREAMS = ("-stream", "-response-stream")
# Of an invocation; without them a caller's guardrail would be left out in silence.
_HEADERS = frozenset(
    f"x-amzn-bedrock-{name}"
    for name in ("accept", "guardrailidentifier", "guardrailversion", "performanceconfig-latency", "request-metadata",
                 "service-tier", "trace")
)  # fmt: skip
_MODEL = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9.:/_-]{0,255}")


def _endpoint(api: str, operation: str, headers: frozenset[str] = frozenset(), *, metered: bool = True) -> Endpoint:
    path = f"/model/{{model}}/{operation}"
    return Endpoint(api, path, path, generates=metered, metered=metered, headers=headers)


class Bedrock:
    """See ``base.Dialect``."""

    name: ClassVar[str] = "bedrock"
    family: ClassVar[str] = "bedrock"
    gap: ClassVar[bytes] = b""
    endpoints: ClassVar[tuple[Endpoint, ...]] = (
        _endpoint(_CONVERSE, "converse"),
        _endpoint(_CONVERSE_STREAM, "converse-stream"),
        _endpoint(_INVOKE, "invoke", _HEADERS),
        _endpoint(_INVOKE, "invoke-with-response-stream", _HEADERS),
        _endpoint("bedrock.count", "count-tokens", metered=False),
    )

    def __init__(self) -> None:
        self._paths = Endpoints((self, endpoint) for endpoint in self.endpoints)

    def match(self, method: str, path: str) -> Match | None:
        """Return the endpoint for a client path."""
        return self._paths.match(method, path)

    def understand(self, match: Match, body: bytes, query: str, headers: Mapping[str, str]) -> Ask:  # noqa: ARG002 - there is no query
        """Read a request strictly. Raises ``BadRequest``."""
        model = match.model or ""
        if not _MODEL.fullmatch(model):
            raise BadRequest(
                "The path must name a model by its id, its inference profile or its ARN, with slashes as %2F.",
                code="invalid_model",
            )
        members = strict_json.parse(body)
        messages = members.get("messages")
        if messages is not None and type(messages) is not list:
            raise BadRequest("'messages' must be a list.", param="messages", code="invalid_type")
        if match.endpoint.api == _INVOKE:
            return _invocation(match.endpoint, model, body, members, headers)
        if match.endpoint.api in (_CONVERSE, _CONVERSE_STREAM):
            return _conversation(match.endpoint, model, body, members)
        return Ask(match.endpoint, model, body)

    def outgoing(self, ask: Ask, upstream: Upstream, model: str, max_output: int | None = None) -> Outgoing:
        """Return the request for this upstream; the model is only in its path."""
        edits: dict[str, Edit] = {}
        if ask.endpoint.generates and (most := ceiling(ask.max_output, max_output)) is not None:
            if ask.endpoint.api == _INVOKE:
                vendor = bedrock_vendors.vendor_of(ask.model, msgspec.json.decode(ask.body))
                edits = bedrock_vendors.clamped(vendor, most)
            else:
                edits = {"inferenceConfig": partial(bedrock_vendors.lowered, "maxTokens", most)}
        body = replace_members(ask.body, edits) if edits else ask.body
        return Outgoing(target(ask.endpoint.upstream_path, ask.query, upstream, model), body, tuple(edits))

    def tap(self, ask: Ask) -> FrameTap:
        """Return a fresh tap."""
        return ConverseTap() if ask.endpoint.api in (_CONVERSE, _CONVERSE_STREAM) else InvokeTap()

    def strip(self, ask: Ask) -> Strip:  # noqa: ARG002 - never needed: usage is always in the stream
        """Return a filter, as every dialect does."""
        return UsageStrip()

    def credential(self, upstream: Upstream) -> tuple[bytes, bytes] | None:
        """Return the header that carries the upstream's key: a Bedrock API key, as a bearer token."""
        return credential(upstream, "authorization")

    def error_body(self, error: CallError, request_id: str) -> bytes:
        """Write an error."""
        return bedrock_errors.body(error, request_id)

    def error_event(self, error: CallError, request_id: str, ask: Ask | None = None) -> bytes:  # noqa: ARG002 - one form of stream
        """Write the frame that ends a broken stream: SDKs raise on it."""
        return bedrock_errors.frame(error, request_id)


def _conversation(endpoint: Endpoint, model: str, body: bytes, members: dict[str, Any]) -> Ask:
    return Ask(
        endpoint=endpoint,
        model=model,
        body=body,
        stream=endpoint.path.endswith(_STREAMS),
        max_output=strict_json.integer(strict_json.mapping(members, "inferenceConfig"), "maxTokens"),
        features=bedrock_prompt.features(members, model),
        tools=bedrock_prompt.tool_names(members),
        service_tier=strict_json.string(strict_json.mapping(members, "serviceTier"), "type"),
    )


def _invocation(
    endpoint: Endpoint, model: str, body: bytes, members: dict[str, Any], headers: Mapping[str, str]
) -> Ask:
    vendor = bedrock_vendors.vendor_of(model, members)
    if "embed" in model or "input_type" in members:
        endpoint = msgspec.structs.replace(endpoint, api=_EMBED, generates=False)
    elif "messages" not in members and ("taskType" in members or model.partition(".")[0] == "stability"):
        endpoint = msgspec.structs.replace(endpoint, api=_PICTURE, generates=False)
    elif vendor.ceiling is None:
        endpoint = msgspec.structs.replace(endpoint, clamps=False)
    return Ask(
        endpoint=endpoint,
        model=model,
        body=body,
        stream=endpoint.path.endswith(_STREAMS),
        max_output=bedrock_vendors.max_output(vendor, members) if endpoint.generates else None,
        choices=bedrock_vendors.choices(members),
        features=bedrock_vendors.features(vendor, members, model),
        tools=bedrock_vendors.tool_names(vendor, members),
        service_tier=headers.get("x-amzn-bedrock-service-tier"),
    )

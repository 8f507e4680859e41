"""Gemini's interactions: model and stream stand in the body, usage on the last event, errors have a shape of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

import msgspec

from proxy.dialects import gemini_errors, strict_json
from proxy.dialects.base import Match, Strip
from proxy.dialects.delivery import allowed, ceiling, credential, target
from proxy.dialects.edit import Edit, replace_members
from proxy.dialects.interactions_usage import InteractionsTap
from proxy.dialects.prompt import Prompt
from proxy.dialects.strip import UsageStrip
from proxy.domain.ask import Ask, Endpoint, Features, Outgoing
from proxy.domain.errors import CallError
from proxy.domain.upstream import Upstream

_ENDPOINTS = (Endpoint("gemini.interactions", "/v1beta/interactions", "/v1beta/interactions"),)
_STORED = ("previous_interaction_id", "cached_content", "agent")  # an agent goes on as long as it likes
_AT_CALLER = ("function", "computer_use")  # tools that the caller runs
_QUERY = frozenset({"alt", "$alt"})


class GeminiInteractions:
    """See ``base.Dialect``. ``gemini.Gemini`` finds it by its path."""

    name: ClassVar[str] = "gemini_interactions"
    family: ClassVar[str] = "gemini"
    gap: ClassVar[bytes] = b"\n\n"
    endpoints: ClassVar[tuple[Endpoint, ...]] = _ENDPOINTS

    def match(self, method: str, path: str) -> Match | None:
        """Return the endpoint for a client path."""
        for endpoint in self.endpoints:
            if path == endpoint.path and method == endpoint.method:
                return Match(self, endpoint)
        return None

    def understand(self, match: Match, body: bytes, query: str, headers: Mapping[str, str]) -> Ask:  # noqa: ARG002
        """Read a request strictly. Raises ``BadRequest``. An agent is priced as the model it is named after."""
        members = strict_json.parse(body)
        config = strict_json.mapping(members, "generation_config")
        return Ask(
            endpoint=match.endpoint,
            model=strict_json.text(members, _who(members)),
            body=body,
            stream=strict_json.boolean(members, "stream"),
            max_output=strict_json.integer(config, "max_output_tokens"),
            features=_features(members),
            tools=tuple(_tool_names(members)),
            service_tier=strict_json.string(members, "service_tier"),
            query=allowed(query, _QUERY),
        )

    def outgoing(self, ask: Ask, upstream: Upstream, model: str, max_output: int | None = None) -> Outgoing:
        """Return the request for this upstream; its body is the caller's own object when nothing is edited."""
        edits: dict[str, Edit] = {}
        if model != ask.model:
            edits[_who(msgspec.json.decode(ask.body, type=dict[str, msgspec.Raw]))] = msgspec.json.encode(model)
        if (most := ceiling(ask.max_output, max_output)) is not None:
            edits["generation_config"] = partial(_lowered, most)
        body = replace_members(ask.body, edits) if edits else ask.body
        return Outgoing(target(ask.endpoint.upstream_path, ask.query, upstream), body, tuple(edits))

    def tap(self, ask: Ask) -> InteractionsTap:  # noqa: ARG002 - one format
        """Return a fresh tap."""
        return InteractionsTap()

    def strip(self, ask: Ask) -> Strip:  # noqa: ARG002 - never needed: usage is always in the stream
        """Return a filter, as every dialect does."""
        return UsageStrip()

    def credential(self, upstream: Upstream) -> tuple[bytes, bytes] | None:
        """Return the header that carries the upstream's key."""
        return credential(upstream, "x-goog-api-key")

    def error_body(self, error: CallError, request_id: str) -> bytes:
        """Write an error."""
        return gemini_errors.interaction_body(error, request_id)

    def error_event(self, error: CallError, request_id: str, ask: Ask | None = None) -> bytes:  # noqa: ARG002 - one form of stream
        """Write the event that ends a broken stream."""
        return gemini_errors.interaction_event(error, request_id)


def _who(members: Mapping[str, Any]) -> str:
    """Return the member that says who answers."""
    return "agent" if "agent" in members and "model" not in members else "model"


def _lowered(most: int, old: bytes | None) -> bytes:
    if old is None or old == b"null":
        return b'{"max_output_tokens":%d}' % most
    return replace_members(old, {"max_output_tokens": b"%d" % most})


def _tool_names(members: dict[str, Any]) -> Iterator[str]:
    """Names of functions, and the type of Google's own tools."""
    tools = members.get("tools")
    for tool in tools if type(tools) is list else ():
        if type(tool) is dict:
            name = tool.get("name") or tool.get("type")
            if type(name) is str:
                yield name


def _features(members: dict[str, Any]) -> Features:
    prompt = Prompt()
    prompt.text(members.get("system_instruction"))
    _input(prompt, members.get("input"))
    prompt.messages = max(1, prompt.messages)
    prompt.tools(members.get("tools"))
    prompt.refers(members, _STORED)
    prompt.served(members.get("tools"), _AT_CALLER)
    prompt.tools(members.get("response_format"))
    return prompt.features()


def _input(prompt: Prompt, value: Any) -> None:
    """Take a text, a content, a step, a turn, or a list of any of them."""
    if type(value) is list:
        for element in value:
            _input(prompt, element)
    elif type(value) is dict:
        if "content" in value or "role" in value:
            prompt.messages += 1
        prompt.text(value.get("text"))
        prompt.refers(value, ("uri",))
        if "data" in value or "uri" in value:
            prompt.media(value.get("mime_type") or value.get("type"), value.get("data"))
        prompt.json(value.get("arguments"))
        prompt.json(value.get("result"))
        _input(prompt, value.get("summary"))
        _input(prompt, value.get("content"))
    else:
        prompt.text(value)

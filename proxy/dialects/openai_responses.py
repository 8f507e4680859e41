"""OpenAI's Responses API: ``/v1/responses`` and ``/v1/responses/compact``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from proxy.dialects import openai_errors, openai_request
from proxy.dialects.base import Match
from proxy.dialects.delivery import credential
from proxy.dialects.edit import Edit
from proxy.dialects.endpoints import Endpoints
from proxy.dialects.openai_features import Reading
from proxy.dialects.openai_responses_tap import ResponsesTap
from proxy.dialects.reported import part, parts
from proxy.dialects.strict_json import boolean, integer, parse, string
from proxy.dialects.strip import UsageStrip
from proxy.domain.ask import Ask, Endpoint, Outgoing
from proxy.domain.errors import BadRequest, CallError
from proxy.domain.upstream import Upstream

_CEILING = "max_output_tokens"
_COMPACT = "/responses/compact"
_STORED = ("previous_response_id", "conversation", "prompt", "context_management")  # the last one compacts
_AT_CALLER = ("function", "custom", "local_shell", "apply_patch", "computer")  # tools that the caller runs
_SPOKEN = ("name", "arguments", "input", "output")  # of items that are calls, or what they returned


class OpenAIResponses:
    """The Responses API; see ``base.Dialect``."""

    name: ClassVar[str] = "openai_responses"
    family: ClassVar[str] = "openai"
    gap: ClassVar[bytes] = b"\n\n"
    endpoints: ClassVar[tuple[Endpoint, ...]] = (
        Endpoint("openai.responses", "/v1/responses", "/responses"),
        Endpoint("openai.responses", "/v1/responses/compact", _COMPACT, clamps=False),
    )

    def __init__(self) -> None:
        self._paths = Endpoints((self, endpoint) for endpoint in self.endpoints)

    def match(self, method: str, path: str) -> Match | None:
        """The endpoint for a client path, or None."""
        return self._paths.match(method, path)

    def understand(self, match: Match, body: bytes, query: str, headers: Mapping[str, str]) -> Ask:  # noqa: ARG002 - no query means anything here
        """Read a request strictly. Raises ``BadRequest``."""
        members = parse(body)
        reading = Reading()
        _read(reading, members)
        return Ask(
            endpoint=match.endpoint,
            model=openai_request.model_of(match, members),
            body=body,
            stream=boolean(members, "stream"),
            max_output=integer(members, _CEILING),
            features=reading.features(),
            tools=reading.names,
            service_tier=string(members, "service_tier"),
            session=openai_request.session_of(members, headers),
        )

    def outgoing(self, ask: Ask, upstream: Upstream, model: str, max_output: int | None = None) -> Outgoing:
        """The request for this upstream. A compaction has no ceiling to clamp."""
        edits: dict[str, Edit] = {}
        if max_output is not None and ask.endpoint.upstream_path != _COMPACT:
            lower = None if ask.max_output is None else openai_request.at_most(max_output)
            edits[_CEILING] = lower or b"%d" % max_output
        return openai_request.edited(ask, upstream, model, edits)

    def tap(self, ask: Ask) -> ResponsesTap:  # noqa: ARG002 - nothing asked changes how an answer is read
        """The tap for one answer."""
        return ResponsesTap()

    def strip(self, ask: Ask) -> UsageStrip:  # noqa: ARG002 - never needed: usage is native here
        """A filter that finds nothing to drop."""
        return UsageStrip()

    def credential(self, upstream: Upstream) -> tuple[bytes, bytes] | None:
        """The header that carries the upstream's key."""
        return credential(upstream, "authorization")

    def error_body(self, error: CallError, request_id: str) -> bytes:
        """A refusal in OpenAI's words."""
        return openai_errors.body(error, request_id)

    def error_event(self, error: CallError, request_id: str, ask: Ask | None = None) -> bytes:  # noqa: ARG002 - one form of stream
        """The event that ends a broken stream."""
        return openai_errors.responses_event(error, request_id)


def _read(reading: Reading, members: dict[str, Any]) -> None:
    reading.strings(members, ("instructions",))
    given = members.get("input")
    reading.messages = 1
    if type(given) is list:
        reading.messages = len(given)
        for item in given:
            _item(reading, item)
    elif given is None or type(given) is str:
        reading.text(given)
    else:
        raise BadRequest("'input' must be a string or an array.", param="input", code="invalid_type")
    reading.offers(members.get("tools"), part(members, "text").get("format"))
    reading.refers(members, _STORED)
    reading.served(members.get("tools"), _AT_CALLER)


def _item(reading: Reading, item: Any) -> None:
    if type(item) is not dict:
        raise BadRequest("'input' must be a string or an array of objects.", param="input", code="invalid_type")
    reading.content(item.get("content"))
    if item.get("type", "message") == "message":
        return
    if item["type"] == "item_reference":
        reading.refers(item, ("id",))
    reading.strings(item, _SPOKEN)
    if type(output := item.get("output")) in (list, dict):
        reading.content(output)
    for thought in parts(item, "summary"):
        reading.strings(thought, ("text",))
    reading.encrypted(item.get("encrypted_content"))

"""Ollama's own API: chat, generate and embeddings, with streams of one JSON object a line unless they are declined.

What changes the models on a server is not served: a caller pays for answers and does not administer machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import msgspec

from proxy.dialects import strict_json
from proxy.dialects.base import Match
from proxy.dialects.delivery import ceiling, credential, target
from proxy.dialects.edit import Edit, replace_members
from proxy.dialects.endpoints import Endpoints
from proxy.dialects.ollama_prompt import OllamaReading
from proxy.dialects.ollama_tap import OllamaTap
from proxy.dialects.strip import UsageStrip
from proxy.domain.ask import Ask, Endpoint, Outgoing
from proxy.domain.errors import CallError, NotFound
from proxy.domain.upstream import Upstream

_CHAT = "ollama.native"
_EMBED = "ollama.embed"
_SHOW = "ollama.show"
_MANAGING = frozenset(f"/api/{verb}" for verb in ("pull", "push", "create", "copy", "delete"))
_BLOBS = "/api/blobs/"
_OF_ONE_SERVER = frozenset(("/api/ps", "/api/version"))
_ANY = -(2**63) + 1  # num_predict: -1 and -2 stand for "no limit" and "until the context is full"


class Ollama:
    """``/api/chat`` and its neighbours; see ``base.Dialect``."""

    name: ClassVar[str] = "ollama"
    family: ClassVar[str] = "ollama"
    gap: ClassVar[bytes] = b"\n"
    endpoints: ClassVar[tuple[Endpoint, ...]] = (
        Endpoint(_CHAT, "/api/chat", "/api/chat"),
        Endpoint(_CHAT, "/api/generate", "/api/generate"),
        Endpoint(_EMBED, "/api/embed", "/api/embed", generates=False),
        Endpoint(_EMBED, "/api/embeddings", "/api/embeddings", generates=False),
        Endpoint(_SHOW, "/api/show", "/api/show", generates=False, metered=False),
        Endpoint("ollama.models", "/api/tags", "/api/tags", "GET", generates=False, metered=False, local=True),
    )

    def __init__(self) -> None:
        self._paths = Endpoints((self, endpoint) for endpoint in self.endpoints)

    def match(self, method: str, path: str) -> Match | None:
        """The endpoint for a client path, or None. Raises ``NotFound`` for what Ollama has and this proxy does not serve."""
        found = self._paths.match(method, path)
        if found is None and (path in _MANAGING or path.startswith(_BLOBS)):
            raise NotFound(
                f"{path[:64]} changes the models on a server and is not served here. Whoever runs the server does it there.",
                code="not_served",
            )
        if found is None and path in _OF_ONE_SERVER:
            raise NotFound(
                f"{path} speaks of one server, and there may be several behind this proxy. Ask /api/tags for the models.",
                code="not_served",
            )
        return found

    def understand(self, match: Match, body: bytes, query: str, headers: Mapping[str, str]) -> Ask:  # noqa: ARG002 - neither means anything here
        """Read a request strictly. Raises ``BadRequest``."""
        endpoint = match.endpoint
        if endpoint.local:
            return Ask(endpoint, "", b"")
        members = strict_json.parse(body)
        reading = OllamaReading()
        features = reading.request(members)
        asked = strict_json.integer(strict_json.mapping(members, "options"), "num_predict", least=_ANY)
        return Ask(
            endpoint=endpoint,
            model=strict_json.text(members, _naming(endpoint, members)),
            body=body,
            stream=endpoint.generates and _streams(members),
            max_output=asked if asked is not None and asked > 0 else None,
            features=features,
            tools=reading.names,
        )

    def outgoing(self, ask: Ask, upstream: Upstream, model: str, max_output: int | None = None) -> Outgoing:
        """The request for this upstream; its body is the caller's own object when nothing is edited."""
        edits: dict[str, Edit] = {}
        if model != ask.model:
            edits["model"] = msgspec.json.encode(
                model
            )  # also beside an older client's `name`, which then no longer counts
        if ask.endpoint.generates and (most := ceiling(ask.max_output, max_output)) is not None:
            edits["options"] = partial(_clamped, most)
        body = replace_members(ask.body, edits) if edits else ask.body
        return Outgoing(target(ask.endpoint.upstream_path, "", upstream, model), body, tuple(edits))

    def tap(self, ask: Ask) -> OllamaTap:
        """The tap for one answer."""
        return OllamaTap(generates=ask.endpoint.generates)

    def strip(self, ask: Ask) -> UsageStrip:  # noqa: ARG002 - never needed: usage is always in the stream
        """A filter, as every dialect has one."""
        return UsageStrip()

    def credential(self, upstream: Upstream) -> tuple[bytes, bytes] | None:
        """The header that carries the upstream's key, where it has one: ollama.com does, one's own server seldom."""
        return credential(upstream, "authorization")

    def error_body(self, error: CallError, request_id: str) -> bytes:
        """A refusal as Ollama writes them: ``error`` is the text that its clients show."""
        told: dict[str, Any] = {"error": error.message, "code": error.code, "request_id": request_id}
        if error.policy is not None:
            told["policy"] = error.policy
        return msgspec.json.encode(told)

    def error_event(self, error: CallError, request_id: str, ask: Ask | None = None) -> bytes:  # noqa: ARG002 - one form of stream
        """The line that ends a broken stream; no ``done`` follows, and clients raise on it."""
        return self.error_body(error, request_id) + b"\n"


def _naming(endpoint: Endpoint, members: dict[str, Any]) -> str:
    """The member that names the model; older clients ask ``/api/show`` by ``name``, which counts where ``model`` is empty."""
    return "name" if endpoint.api == _SHOW and not members.get("model") else "model"


def _streams(members: dict[str, Any]) -> bool:
    """Whether the answer is a stream, which it is when nothing is said of it."""
    return members.get("stream") is None or strict_json.boolean(members, "stream")


def _clamped(most: int, old: bytes | None) -> bytes:
    """The options with this ceiling, and everything else in them as it was."""
    if old is None or old == b"null":
        return b'{"num_predict":%d}' % most
    return replace_members(old, {"num_predict": b"%d" % most})

"""Cohere's API, version 2: chat, embeddings and ranking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from proxy.dialects import strict_json
from proxy.dialects.base import Match
from proxy.dialects.cohere_prompt import CohereReading
from proxy.dialects.cohere_usage import CohereEmbeddingsTap, CohereRankingTap, CohereTap
from proxy.dialects.delivery import ceiling, credential, target
from proxy.dialects.edit import Edit, replace_members
from proxy.dialects.endpoints import Endpoints
from proxy.dialects.strip import UsageStrip
from proxy.domain.ask import Ask, Endpoint, Outgoing
from proxy.domain.errors import CallError, NotFound
from proxy.domain.upstream import Upstream

_CHAT = "cohere.chat"
_EMBED = "cohere.embed"
_RERANK = "cohere.rerank"
_DOCUMENTS_A_SEARCH = 100  # https://cohere.com/pricing: one query with up to 100 documents
_OLDER = frozenset(f"/v1/{verb}" for verb in ("chat", "embed", "rerank", "generate", "summarize", "classify"))
_OF_THE_ACCOUNT = frozenset(("/v1/check-api-key", "/v1/tokenize", "/v1/detokenize", "/v2/parse"))


class Cohere:
    """See ``base.Dialect``."""

    name: ClassVar[str] = "cohere"
    family: ClassVar[str] = "cohere"
    gap: ClassVar[bytes] = b"\n\n"
    endpoints: ClassVar[tuple[Endpoint, ...]] = (
        Endpoint(_CHAT, "/v2/chat", "/v2/chat"),
        Endpoint(_EMBED, "/v2/embed", "/v2/embed", generates=False),
        Endpoint(_RERANK, "/v2/rerank", "/v2/rerank", generates=False),
    )

    def __init__(self) -> None:
        self._paths = Endpoints((self, endpoint) for endpoint in self.endpoints)

    def match(self, method: str, path: str) -> Match | None:
        """The endpoint for a client path, or None. Raises ``NotFound`` for what Cohere has and this proxy does not serve."""
        if path in _OLDER:
            raise NotFound(
                f"There is no such path here. {path} is of Cohere's older API: use version 2, /v2/chat, /v2/embed or /v2/rerank "
                "(ClientV2 in its SDKs). OpenAI's chat is at /v1/chat/completions.",
                code="not_served",
            )
        if path in _OF_THE_ACCOUNT:
            raise NotFound(
                f"{path} is not served here: it speaks of the company's own account, or its price is not known.",
                code="not_served",
            )
        return self._paths.match(method, path)

    def understand(self, match: Match, body: bytes, query: str, headers: Mapping[str, str]) -> Ask:  # noqa: ARG002 - neither means anything here
        """Read a request strictly. Raises ``BadRequest``."""
        members = strict_json.parse(body)
        reading, endpoint, searches = CohereReading(), match.endpoint, 0
        if endpoint.api == _CHAT:
            features = reading.conversation(members)
        elif endpoint.api == _EMBED:
            features = reading.inputs(members)
        else:
            features, documents = reading.ranking(members)
            searches = max(1, -(-documents // _DOCUMENTS_A_SEARCH))
        return Ask(
            endpoint=endpoint,
            model=strict_json.text(members, "model"),
            body=body,
            stream=endpoint.generates and strict_json.boolean(members, "stream"),
            max_output=strict_json.integer(members, "max_tokens") if endpoint.generates else None,
            features=features,
            tools=reading.names,
            searches=searches,
        )

    def outgoing(self, ask: Ask, upstream: Upstream, model: str, max_output: int | None = None) -> Outgoing:
        """The request for this upstream; its body is the caller's own object when nothing is edited."""
        edits: dict[str, Edit] = {}
        if model != ask.model:
            edits["model"] = msgspec.json.encode(model)
        if ask.endpoint.generates and (most := ceiling(ask.max_output, max_output)) is not None:
            edits["max_tokens"] = b"%d" % most
        body = replace_members(ask.body, edits) if edits else ask.body
        return Outgoing(target(ask.endpoint.upstream_path, "", upstream, model), body, tuple(edits))

    def tap(self, ask: Ask) -> CohereTap:
        """The tap for one answer."""
        if ask.endpoint.api == _RERANK:
            return CohereRankingTap(ask.searches)
        return CohereTap() if ask.endpoint.api == _CHAT else CohereEmbeddingsTap()

    def strip(self, ask: Ask) -> UsageStrip:  # noqa: ARG002 - never needed: usage is always in the stream
        """A filter, as every dialect has one."""
        return UsageStrip()

    def credential(self, upstream: Upstream) -> tuple[bytes, bytes] | None:
        """The header that carries the upstream's key."""
        return credential(upstream, "authorization")

    def error_body(self, error: CallError, request_id: str) -> bytes:
        """A refusal as Cohere writes them: ``message``, which its SDKs show, and ``id``."""
        told: dict[str, Any] = {"message": error.message, "id": request_id, "code": error.code}
        if error.policy is not None:
            told["policy"] = error.policy
        return msgspec.json.encode(told)

    def error_event(self, error: CallError, request_id: str, ask: Ask | None = None) -> bytes:  # noqa: ARG002 - one form of stream
        """The event that ends a broken stream: Cohere's own ends it with ``finish_reason`` ERROR and a text."""
        told = {
            "type": "message-end",
            "id": request_id,
            "delta": {"finish_reason": "ERROR", "error": error.message, "code": error.code},
        }
        return b"event: message-end\ndata: " + msgspec.json.encode(told) + b"\n\n"

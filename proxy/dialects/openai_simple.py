"""What OpenAI's API has that is neither streamed nor generated: embeddings, and the list of models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from proxy.dialects import openai_errors, openai_request, openai_usage
from proxy.dialects.base import Match
from proxy.dialects.delivery import credential
from proxy.dialects.endpoints import Endpoints
from proxy.dialects.openai_features import Reading
from proxy.dialects.reported import named, part
from proxy.dialects.stream_tap import StreamTap
from proxy.dialects.strict_json import parse
from proxy.dialects.strip import UsageStrip
from proxy.domain.ask import Ask, Endpoint, Outgoing
from proxy.domain.errors import CallError
from proxy.domain.upstream import Upstream
from proxy.domain.usage import Usage, UsageSource

_EMBEDDINGS = "openai.embeddings"
_MODELS = "openai.models"


class OpenAISimple:
    """``/v1/embeddings``, Azure's path of it, and ``/v1/models``; see ``base.Dialect``."""

    name: ClassVar[str] = "openai_simple"
    family: ClassVar[str] = "openai"
    gap: ClassVar[bytes] = b"\n\n"
    endpoints: ClassVar[tuple[Endpoint, ...]] = (
        Endpoint(_EMBEDDINGS, "/v1/embeddings", "/embeddings", generates=False),
        Endpoint(_EMBEDDINGS, "/openai/deployments/{model}/embeddings", "/embeddings", generates=False),
        Endpoint(_MODELS, "/v1/models", "/models", "GET", generates=False, metered=False, local=True),
        Endpoint(_MODELS, "/v1/models/{model}", "/models/{model}", "GET", generates=False, metered=False, local=True),
    )

    def __init__(self) -> None:
        self._paths = Endpoints((self, endpoint) for endpoint in self.endpoints)

    def match(self, method: str, path: str) -> Match | None:
        """The endpoint for a client path, or None."""
        return self._paths.match(method, path)

    def understand(self, match: Match, body: bytes, query: str, headers: Mapping[str, str]) -> Ask:  # noqa: ARG002 - no query means anything here
        """Read a request strictly. Raises ``BadRequest``. A question for models has no body and maybe no model."""
        if match.endpoint.api == _MODELS:
            return Ask(match.endpoint, match.model or "", b"")
        members = parse(body)
        reading = Reading()
        reading.messages = reading.prompts(members, "input")
        return Ask(
            endpoint=match.endpoint,
            model=openai_request.model_of(match, members),
            body=body,
            features=reading.features(),
            session=openai_request.session_of(members, headers),
        )

    def outgoing(self, ask: Ask, upstream: Upstream, model: str, max_output: int | None = None) -> Outgoing:  # noqa: ARG002 - there is no output to clamp
        """The request for this upstream."""
        return openai_request.edited(ask, upstream, model, {})

    def tap(self, ask: Ask) -> StreamTap:
        """The tap for one answer."""
        return EmbeddingsTap() if ask.endpoint.metered else StreamTap()

    def strip(self, ask: Ask) -> UsageStrip:  # noqa: ARG002 - never needed: nothing is streamed here
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
        return openai_errors.chat_event(error, request_id)


class EmbeddingsTap(StreamTap):
    """Reads usage out of a list of embeddings; see ``base.Tap``."""

    def start(self) -> None:
        """Forget what earlier readings gathered."""
        self._told: dict[str, Any] = {}

    def event(self, obj: dict[str, Any]) -> None:
        """Take the body."""
        self._told = obj

    def result(self) -> Usage:
        """What the answer reported."""
        usage, model = part(self._told, "usage"), named(self._told, "model")
        complete = self.whole and not self._told.get("error")
        if not openai_usage.tells(usage):
            return Usage(model=model, complete=complete)
        source = UsageSource.REPORTED if complete else UsageSource.PARTIAL
        return Usage(**openai_usage.embeddings(usage), model=model, complete=complete, usage_source=source)

    def texts(self, obj: dict[str, Any]) -> Iterator[str]:  # noqa: ARG002 - vectors are no text
        """Nothing: an embedding is not written."""
        return iter(())

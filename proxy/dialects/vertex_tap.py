"""Usage of Vertex's ``predict``: tokens of each embedded text, characters that are billed, pictures that were made.

Source: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api, Imagen's beside it.
"""

from __future__ import annotations

from typing import Any

from proxy.dialects.reported import count, part, parts
from proxy.dialects.stream_tap import StreamTap
from proxy.domain.usage import Usage, UsageSource

_PICTURE = ("bytesBase64Encoded", "gcsUri")


class PredictTap(StreamTap):
    """Reads usage out of predictions; see ``base.Tap``."""

    def start(self) -> None:
        """Forget what earlier readings gathered."""
        self._told: dict[str, Any] = {}

    def event(self, obj: dict[str, Any]) -> None:
        """Take the body."""
        self._told = obj

    def result(self) -> Usage:
        """Return what the answer reported. Of several texts all must have told their tokens."""
        complete = self.whole and type(self._told.get("predictions")) is list
        predictions = parts(self._told, "predictions")
        told = [count(part(part(one, "embeddings"), "statistics"), "token_count") for one in predictions]
        given = [tokens for tokens in told if tokens is not None]
        pictures = sum(any(name in one for name in _PICTURE) for one in predictions)
        known = bool(given) and len(given) == len(told)
        source = UsageSource.REPORTED if complete else UsageSource.PARTIAL
        return Usage(
            input=sum(given) if known else None,
            output=0 if complete else None,
            characters=count(part(self._told, "metadata"), "billableCharacterCount"),
            images=pictures or None,
            complete=complete,
            usage_source=source if known or complete else UsageSource.NONE,
        )

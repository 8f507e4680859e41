"""Usage and text out of Cohere's answers. ``billed_units`` is what is paid; ``tokens`` and ``cached_tokens`` are not.

Source: https://docs.cohere.com/docs/how-does-cohere-pricing-work. ``tokens`` counts the hidden preamble as well, and
``cached_tokens`` belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Any

from proxy.dialects.reported import count, named, part, parts, worded
from proxy.dialects.stream_tap import StreamTap
from proxy.domain.usage import Usage, UsageSource

_END = "message-end"
_BROKEN = frozenset(("ERROR", "TIMEOUT"))
_MOST = 1e12


class CohereTap(StreamTap):
    """Reads a chat's answer, whole or streamed; see ``base.Tap``."""

    markers = (_END.encode(),)

    def start(self) -> None:
        """Forget what earlier readings gathered."""
        self._units: dict[str, Any] = {}
        self._finished = self._failed = False

    def event(self, obj: dict[str, Any]) -> None:
        """Gather from the event that ends a stream, or from a whole body."""
        end = obj
        if not self.whole:
            if obj.get("type") != _END:
                return
            end = part(obj, "delta")
        self._finished = True
        self._units = part(part(end, "usage"), "billed_units") or part(part(end, "meta"), "billed_units")
        self._failed = bool(end.get("error")) or named(end, "finish_reason") in _BROKEN

    def result(self) -> Usage:
        """What the answer reported."""
        return self._booked(_tokens_in(self._units), _units(self._units, "output_tokens"), cached_read=0)

    def _booked(
        self, given: int | None, made: int | None, *, cached_read: int | None = None, images: int | None = None
    ) -> Usage:
        complete = self._finished and not self._failed
        if given is None and made is None:
            return Usage(complete=complete)
        is_told = complete and given is not None and made is not None
        return Usage(
            input=given,
            output=made,
            image_input=_units(self._units, "image_tokens") or None,
            complete=complete,
            usage_source=UsageSource.REPORTED if is_told else UsageSource.PARTIAL,
            cached_read=cached_read,
            images=images,
            web_searches=_units(self._units, "search_units") or None,
        )

    def texts(self, obj: dict[str, Any]) -> Iterator[str]:
        """What the model wrote in one event, or in a whole body: thoughts, plans, text and calls of tools."""
        said = part(part(obj, "delta"), "message") or part(obj, "message")
        content = said.get("content")
        for piece in [content] if type(content) is dict else parts(said, "content"):
            yield worded(piece, "thinking") or worded(piece, "text") or ""
        yield worded(said, "tool_plan") or ""
        calls = said.get("tool_calls")
        for call in [calls] if type(calls) is dict else parts(said, "tool_calls"):
            yield worded(part(call, "function"), "arguments") or ""


class CohereEmbeddingsTap(CohereTap):
    """Reads usage out of embeddings."""

    def result(self) -> Usage:
        """What the answer reported. Pictures are billed by number or by tokens, as the model is sold."""
        given, pictures = _tokens_in(self._units), _units(self._units, "images")
        if given is None and pictures:
            given = 0
        return self._booked(given, None if given is None else 0, images=pictures or None)

    def texts(self, obj: dict[str, Any]) -> Iterator[str]:  # noqa: ARG002 - vectors are no text
        """Nothing: an embedding is not written."""
        return iter(())


class CohereRankingTap(CohereEmbeddingsTap):
    """Reads usage out of a ranking, of which ``expected`` searches will be billed."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self._expected = expected

    def result(self) -> Usage:
        """What the answer reported: searches alone."""
        complete = self._finished and not self._failed
        searches = _units(self._units, "search_units")
        source = UsageSource.PARTIAL if searches is None else UsageSource.REPORTED
        return Usage(
            input=0,
            output=0,
            web_searches=self._expected if searches is None else searches,
            complete=complete,
            usage_source=source,
        )


def _tokens_in(units: dict[str, Any]) -> int | None:
    """Tokens of texts and pictures; None where neither is told."""
    texts, pictures = _units(units, "input_tokens"), _units(units, "image_tokens")
    return None if texts is None and not pictures else (texts or 0) + (pictures or 0)


def _units(units: dict[str, Any], name: str) -> int | None:
    """A number of billed units, which the API declares as floats."""
    value = units.get(name)
    if type(value) is float and 0 <= value <= _MOST:
        return ceil(value)
    return count(units, name)

"""Usage of Gemini's answers: ``usageMetadata`` of a body, or of the last chunk of a stream that has one.

Chunks are cumulative. Cached tokens are inside the prompt, results of Google's own tools are beside it, thoughts are
beside the candidates. A stream is an event stream with ``alt=sse`` and one long JSON array without.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from proxy.dialects.reported import count, named, part, parts, worded
from proxy.dialects.stream_tap import StreamTap, last_lines, objects, parsed
from proxy.domain.usage import Usage, UsageSource

# Vertex says how a request was paid for, not which tier it is.
_TRAFFIC = {
    "ON_DEMAND_PRIORITY": "priority",
    "ON_DEMAND_FLEX": "flex",
    "PROVISIONED_THROUGHPUT": "provisioned_throughput",
}
_TELLING = (b'"usageMetadata"', b'"modelVersion"', b'"finishReason"', b'"blockReason"')
_CHUNK = b'"candidates"'


class GeminiTap(StreamTap):
    """Reads usage out of generated content, in all three framings; see ``base.Tap``."""

    def start(self) -> None:
        """Forget what earlier readings gathered."""
        self._usage: dict[str, Any] = {}
        self._model: str | None = None
        self._finished = False

    def finish(self) -> Usage:
        """Return what was reported."""
        usage = super().finish()
        if self._tail and not self._finished:  # an array too long to be kept whole: its end stands in the tail
            for event in objects(_last_of_array(b"".join(self._tail))):
                self.event(event)
            usage = self.result()
        return usage

    def harvest(self, data: bytes) -> None:
        """Give ``event`` the telling chunks, from the last one backwards, until nothing is missing."""
        told: list[dict[str, Any]] = []
        missing = set(_TELLING[:3])
        for line in last_lines(data):
            news = {mark for mark in missing if mark in line}
            if not news and _TELLING[3] not in line:
                continue
            for chunk in objects(parsed(line)):
                told.append(chunk)
                missing -= {mark for mark in news if _tells(chunk, mark)}
            if not missing:
                break
        for chunk in reversed(told):
            self.event(chunk)

    def event(self, obj: dict[str, Any]) -> None:
        """Gather from one chunk, or from a whole body."""
        self._usage = part(obj, "usageMetadata") or self._usage
        self._model = named(obj, "modelVersion") or self._model
        self._finished = self._finished or _finishes(obj) or (self.whole and "candidates" in obj)

    def result(self) -> Usage:
        """Return what the chunks amount to."""
        return read(self._usage, self._model, complete=self._finished)

    def texts(self, obj: dict[str, Any]) -> Iterator[str]:
        """Tell what the model wrote: text, thoughts, code and arguments of functions."""
        for candidate in parts(obj, "candidates"):
            for piece in parts(part(candidate, "content"), "parts"):
                yield from _written(piece)


class GeminiEmbeddingTap(GeminiTap):
    """Reads usage out of embeddings, which end with their only body."""

    def event(self, obj: dict[str, Any]) -> None:
        """Gather from the body; figures stand in ``usageMetadata`` where the model reports any."""
        super().event(obj)
        self._finished = "embedding" in obj or "embeddings" in obj

    def result(self) -> Usage:
        """Return what the body says; characters are what Vertex bills by."""
        usage = super().result()
        return usage if usage.input is None else msgspec.structs.replace(usage, output=0)


def _tells(chunk: dict[str, Any], mark: bytes) -> bool:
    if mark == _TELLING[0]:
        return bool(part(chunk, "usageMetadata"))
    if mark == _TELLING[1]:
        return worded(chunk, "modelVersion") is not None
    return _finishes(chunk)


def _finishes(chunk: dict[str, Any]) -> bool:
    """Whether a candidate ended, or the prompt was refused and nothing will come."""
    if any(named(candidate, "finishReason") for candidate in parts(chunk, "candidates")):
        return True
    return named(part(chunk, "promptFeedback"), "blockReason") is not None


def _written(piece: dict[str, Any]) -> Iterator[str]:
    if (text := worded(piece, "text")) is not None:
        yield text
    if arguments := part(part(piece, "functionCall"), "args"):
        yield json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
    if (code := worded(part(piece, "executableCode"), "code")) is not None:
        yield code


def _last_of_array(tail: bytes) -> Any:
    """Return the last complete chunk in the end of an array, None when there is none."""
    text = tail.decode(errors="replace")
    mark, at = _CHUNK.decode(), len(text)
    while (at := text.rfind(mark, 0, at)) >= 0:
        begin = text.rfind("{", 0, at)
        try:
            chunk, _ = json.JSONDecoder().raw_decode(text, begin) if begin >= 0 else (None, 0)
        except ValueError:
            continue
        if type(chunk) is dict and part(chunk, "usageMetadata"):
            return chunk
    return None


def read(usage: dict[str, Any], model: str | None, *, complete: bool) -> Usage:
    """Return the figures of a ``usageMetadata``."""
    prompt, tools = count(usage, "promptTokenCount"), count(usage, "toolUsePromptTokenCount")
    made, thought = count(usage, "candidatesTokenCount"), count(usage, "thoughtsTokenCount")
    total = count(usage, "totalTokenCount")
    given = _sum(prompt, tools)
    written = _output(given, _sum(made, thought), total, complete=complete)
    given = total if given is None and written in (None, 0) else given
    if given is None and written is None:
        return Usage(model=model, complete=complete)
    return Usage(
        input=given,
        output=written,
        cached_read=count(usage, "cachedContentTokenCount") or 0,
        cache_write=0,  # caches are made by a call of their own
        reasoning=thought or 0,
        audio_input=_modality(usage, "AUDIO", "promptTokensDetails", "toolUsePromptTokensDetails"),
        audio_output=_modality(usage, "AUDIO", "candidatesTokensDetails") or None,
        image_input=_modality(usage, "IMAGE", "promptTokensDetails", "toolUsePromptTokensDetails"),
        image_output=_modality(usage, "IMAGE", "candidatesTokensDetails"),
        tool_prompt=tools or 0,
        total_reported=total,
        model=model,
        service_tier=named(usage, "serviceTier") or _TRAFFIC.get(named(usage, "trafficType") or ""),
        complete=complete,
        usage_source=UsageSource.REPORTED if complete else UsageSource.PARTIAL,
    )


def _sum(first: int | None, second: int | None) -> int | None:
    """Return the sum of what was told, None when neither was."""
    return None if first is None and second is None else (first or 0) + (second or 0)


def _output(given: int | None, written: int | None, total: int | None, *, complete: bool) -> int | None:
    """Return the tokens billed as output; the total knows of those that have no member of their own."""
    if given is not None and total is not None and total > given:
        return max(written or 0, total - given)
    if written is None and complete and given is not None:
        return 0
    return written


def _modality(usage: dict[str, Any], modality: str, *names: str) -> int:
    """Return the tokens of a modality, 0 where none is listed."""
    return sum(
        count(detail, "tokenCount") or 0
        for name in names
        for detail in parts(usage, name)
        if detail.get("modality") == modality
    )

"""Usage of Gemini's interactions: totals over all steps, on the body or on the event that ends the stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from proxy.dialects.reported import count, named, part, parts, worded
from proxy.dialects.stream_tap import StreamTap
from proxy.domain.usage import Usage, UsageSource

_ENDS = frozenset({"interaction.completed", "interaction.complete"})  # the second is how it began in 2025
_RUNNING = frozenset({"in_progress", "queued"})


class InteractionsTap(StreamTap):
    """Reads usage out of an interaction; see ``base.Tap``."""

    markers = (b'"usage"', b'"total_usage"', b'"interaction.')

    def start(self) -> None:
        """Forget what earlier readings gathered."""
        self._usage: dict[str, Any] = {}
        self._model: str | None = None
        self._tier: str | None = None
        self._ended = False

    def event(self, obj: dict[str, Any]) -> None:
        """Gather from an event, or from a whole interaction."""
        kind = named(obj, "event_type")
        shown = part(obj, "interaction") if kind else obj
        if kind in _ENDS or (kind is None and self.whole and self._over(obj)):
            self._ended = True
        self._model = named(shown, "model") or named(shown, "agent") or self._model
        self._tier = named(shown, "service_tier") or self._tier
        so_far = part(part(obj, "metadata"), "total_usage")
        self._usage = part(shown, "usage") or part(obj, "usage") or so_far or self._usage

    def result(self) -> Usage:
        """Return what the events amount to."""
        usage, total = self._usage, count(self._usage, "total_tokens")
        prompt, tools = count(usage, "total_input_tokens"), count(usage, "total_tool_use_tokens")
        made, thought = count(usage, "total_output_tokens"), count(usage, "total_thought_tokens")
        if prompt is None and made is None and thought is None:
            return Usage(model=self._model, complete=self._ended)
        return Usage(
            input=None if prompt is None and tools is None else (prompt or 0) + (tools or 0),
            output=None if made is None and thought is None else (made or 0) + (thought or 0),
            cached_read=count(usage, "total_cached_tokens") or 0,
            cache_write=0,
            reasoning=thought or 0,
            audio_input=_modality(usage, "audio", "input_tokens_by_modality", "tool_use_tokens_by_modality"),
            audio_output=_modality(usage, "audio", "output_tokens_by_modality") or None,
            image_input=_modality(usage, "image", "input_tokens_by_modality", "tool_use_tokens_by_modality"),
            image_output=_modality(usage, "image", "output_tokens_by_modality"),
            tool_prompt=tools or 0,
            web_searches=_searches(usage),
            total_reported=total,
            model=self._model,
            service_tier=self._tier,
            complete=self._ended,
            usage_source=UsageSource.REPORTED if self._ended else UsageSource.PARTIAL,
        )

    def texts(self, obj: dict[str, Any]) -> Iterator[str]:
        """Tell what the model wrote: text, summaries of thoughts, arguments of functions."""
        yield from _written(part(obj, "delta"))
        if "event_type" not in obj:
            for step in (*parts(obj, "steps"), *parts(obj, "outputs")):
                yield from _written(step)

    @staticmethod
    def _over(body: dict[str, Any]) -> bool:
        """Whether a body is an interaction that came to its end; one in the background has only begun."""
        return "error" not in body and named(body, "status") not in _RUNNING


def _written(piece: dict[str, Any]) -> Iterator[str]:
    if (text := worded(piece, "text")) is not None:
        yield text
    arguments = piece.get("arguments")
    if type(arguments) is str:
        yield arguments
    elif type(arguments) is dict and arguments:
        yield msgspec.json.encode(arguments).decode()
    yield from _written(part(piece, "content")) if "content" in piece else ()
    for inner in (*parts(piece, "content"), *parts(piece, "summary")):
        yield from _written(inner)


def _modality(usage: dict[str, Any], modality: str, *names: str) -> int:
    """Return the tokens of a modality, 0 where none is listed."""
    return sum(
        count(detail, "tokens") or 0
        for name in names
        for detail in parts(usage, name)
        if (named(detail, "modality") or "").lower() == modality
    )


def _searches(usage: dict[str, Any]) -> int | None:
    """Return the searches that are billed; None where none is listed."""
    made = [
        count(tool, "count") or 0
        for tool in parts(usage, "grounding_tool_count")
        if named(tool, "type") == "google_search"
    ]
    return sum(made) if made else None

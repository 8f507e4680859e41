"""Usage and text out of answers of the Responses API, whole or streamed.

Figures stand in the response object of the event that ends a stream; earlier events repeat the object without them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from proxy.dialects import openai_usage
from proxy.dialects.reported import named, part, parts
from proxy.dialects.stream_tap import StreamTap, first_line, last_lines, objects, parsed
from proxy.domain.usage import Usage, UsageSource

_ENDING = 4  # lines; nothing but pings and a gateway's `[DONE]` comes after the last event
_ENDED = frozenset(("response.completed", "response.incomplete"))
_OPEN = frozenset(("response.created", "response.queued", "response.in_progress"))
_CLOSED = frozenset(("completed", "incomplete", None))  # a compaction has no status
_SPOKEN = ("text", "refusal")
_CALLED = ("arguments", "input", "code")


class ResponsesTap(StreamTap):
    """Reads an answer of the Responses API; see ``base.Tap``."""

    def start(self) -> None:
        """Forget what earlier readings gathered."""
        self._figures: dict[str, Any] | None = None
        self._model: str | None = None
        self._tier: str | None = None
        self._closed = False

    def harvest(self, data: bytes) -> None:
        """Read the last lines, and the first for its model where the end is missing."""
        for line in islice(last_lines(data), _ENDING):
            for obj in objects(parsed(line)):
                self.event(obj)
            if self._figures:
                return
        for obj in objects(parsed(first_line(data))):
            self.event(obj)

    def event(self, obj: dict[str, Any]) -> None:
        """Gather from an event, or from a whole response."""
        response = obj if self.whole else part(obj, "response")
        self._model = self._model or named(response, "model")
        if self.whole:
            self._closed = not obj.get("error") and response.get("status") in _CLOSED
        elif obj.get("type") in _ENDED:
            self._closed = True
        figures = part(response, "usage")
        if self._figures is None and openai_usage.tells(figures):
            self._figures = figures
            self._closed = obj.get("type") not in _OPEN  # a failed response that is billed was closed as well
        if self._closed:
            self._tier = self._tier or named(response, "service_tier")  # earlier it is what was asked for

    def result(self) -> Usage:
        """What the answer reported."""
        if self._figures is None:
            return Usage(model=self._model, service_tier=self._tier, complete=self._closed)
        return Usage(
            **openai_usage.responses(self._figures),
            model=self._model,
            service_tier=self._tier,
            complete=self._closed,
            usage_source=UsageSource.REPORTED if self._closed else UsageSource.PARTIAL,
        )

    def texts(self, obj: dict[str, Any]) -> Iterator[str]:
        """What the model wrote: text, reasoning, refusals and the arguments of calls; sound and pictures are no text."""
        kind, delta = obj.get("type"), obj.get("delta")
        if type(kind) is str and kind.endswith(".delta") and type(delta) is str and not kind.endswith("audio.delta"):
            yield delta
        for item in parts(obj, "output"):
            for piece in (*parts(item, "content"), *parts(item, "summary")):
                yield from (piece[name] for name in _SPOKEN if type(piece.get(name)) is str)
            yield from (item[name] for name in _CALLED if type(item.get(name)) is str)

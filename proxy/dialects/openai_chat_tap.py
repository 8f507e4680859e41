"""Usage and text out of answers to chat completions and completions, whole or streamed.

Where a stream reports usage more than once it is cumulative, so it is read from its end: the last figures win.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from proxy.dialects import openai_usage
from proxy.dialects.reported import named, part, parts
from proxy.dialects.stream_tap import DONE, StreamTap, first_line, last_lines, marked_lines, objects, parsed
from proxy.domain.usage import Usage, UsageSource

_ENDING = 16  # lines in which a stream says how it ended; Azure's late content filter results stand among them
_FIGURES = (b'"usage":{', b'"usage": {', b'"timings":')  # as serializers write them
_FINISHED = (b'"finish_reason":"', b'"finish_reason": "')
_BROKEN = "error"  # OpenRouter's finish_reason for an upstream that broke off


class ChatTap(StreamTap):
    """Reads a chat or completion answer of ``choices`` choices; see ``base.Tap``."""

    def __init__(self, choices: int = 1) -> None:
        super().__init__()
        self._choices = choices

    def start(self) -> None:
        """Forget what earlier readings gathered."""
        self._figures: dict[str, Any] | None = None
        self._timings: dict[str, Any] = {}
        self._model: str | None = None
        self._tier: str | None = None
        self._finished = self._failed = self._last = False

    def harvest(self, data: bytes) -> None:
        """Read the last lines; where they hold no figures or no model, look for them further up."""
        for line in islice(last_lines(data), _ENDING):
            if line == DONE:
                self.ended = True
                continue
            for obj in objects(parsed(line)):
                self.event(obj)
            if self._figures and self._model and (self.ended or self._finished):
                break
        if not self._figures:
            self._search(data)
        if not (self.ended or self._finished):
            self._finished = any(mark in data for mark in _FINISHED)
        if not (self._tier and self._model):
            for obj in objects(parsed(first_line(data))):
                self.event(obj)

    def _search(self, data: bytes) -> None:
        for line in reversed(list(marked_lines(data, _FIGURES))):
            for obj in objects(parsed(line)):
                self.event(obj)
            if self._figures:
                return

    def event(self, obj: dict[str, Any]) -> None:
        """Gather from a chunk, coming from later to earlier ones, or from a whole body."""
        self._model = self._model or named(obj, "model")
        self._tier = self._tier or named(obj, "service_tier")
        choices = parts(obj, "choices")
        ends = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
        self._finished = self._finished or bool(ends)
        self._failed = self._failed or bool(obj.get("error")) or _BROKEN in ends
        if self._figures is None and (figures := openai_usage.usage_of(obj)):
            self._figures, self._timings = figures, part(obj, "timings")
            self._last = not choices

    def result(self) -> Usage:
        """What the answer reported."""
        if self._figures is None:
            return Usage(model=self._model, service_tier=self._tier, complete=self._complete())
        complete = self._complete()
        return Usage(
            **openai_usage.chat(self._figures, self._timings),
            model=self._model,
            service_tier=self._tier,
            complete=complete,
            usage_source=UsageSource.REPORTED if complete else UsageSource.PARTIAL,
        )

    def _complete(self) -> bool:
        """Whether the provider closed the exchange: by ``[DONE]``, or by finishing every choice and giving figures."""
        if self._failed:
            return False
        if self.whole or self.ended:
            return True
        if self._figures is None:
            return False
        return self._finished and (self._choices == 1 or self._last)

    def texts(self, obj: dict[str, Any]) -> Iterator[str]:
        """What the model wrote: reasoning, content, refusal and the arguments of tool calls."""
        for choice in parts(obj, "choices"):
            yield from _strings(choice.get("text"))
            said = part(choice, "delta" if "delta" in choice else "message")  # Perplexity repeats all in the latter
            # Some servers send the same reasoning under both names.
            yield from _strings(said.get("reasoning_content") or said.get("reasoning"))
            yield from _strings(said.get("content"))
            yield from _strings(said.get("refusal"))
            yield from _strings(part(said, "function_call").get("arguments"))
            for call in parts(said, "tool_calls"):
                yield from _strings(part(call, "function").get("arguments"))


def _strings(content: Any) -> Iterator[str]:
    """The strings of content, which Mistral's reasoning models send as nested parts."""
    if type(content) is str:
        yield content
    elif type(content) is list:
        for piece in objects(content):
            yield from _strings(piece.get("text"))
            yield from _strings(piece.get("thinking"))

"""A stream of chat completion chunks joined into the completion that the provider would have given.

A stream without usage is refused: a caller that takes the answer whole reads it there. Chunks that say how long things
took are left out, for that was true of one call only.
"""

from __future__ import annotations

from typing import Any

import msgspec

from proxy.dedup.replay import events
from proxy.dedup.replay.form import Members, Unfit
from proxy.dedup.replay.strict import an_object, known, literal, number, objects, text_or_empty

CARRIED = ("service_tier", "system_fingerprint", "provider")  # stand on every chunk; the last is OpenRouter's
ABOUT_THE_CALL = frozenset(("timings", "time_info", "usage_breakdown"))  # of llama.cpp, Cerebras, Groq
STANDING = frozenset(CARRIED) | ABOUT_THE_CALL | {"x_groq"}
REASONING = ("reasoning_content", "reasoning")
ENDING = ("stop_reason", "native_finish_reason", "matched_stop")  # of a choice: vLLM, OpenRouter, SGLang
_CHANGING = frozenset(("choices", "usage", "obfuscation"))  # from chunk to chunk
_CHUNK = frozenset(("id", "object", "created", "model", "prompt_filter_results"))
_CHOICE = frozenset(("index", "delta", "finish_reason", "content_filter_results", *ENDING))
_DELTA = frozenset(("role", "content", "refusal", "channel", *REASONING))
_GROQ = frozenset(("id", "seed", "usage"))


def assemble(stream: bytes) -> bytes:
    """The completion as JSON. Raises ``Unfit`` unless every chunk is understood and the stream ended cleanly."""
    *chunks, last = events.read(stream) or [events.Event("", b"")]
    if last != events.Event("", events.DONE):
        raise Unfit
    joined = _Joined()
    for event in chunks:
        if event.name:
            raise Unfit
        joined.chunk(event.members())
    return msgspec.json.encode(joined.completion())


class _Joined:
    """What the chunks until now amount to."""

    def __init__(self) -> None:
        self._around: Members = {}  # what the last chunk said beside its choice
        self._once: Members = {}  # id and model, which no chunk may change
        self._created: int | float | None = None
        self._carried: Members = {}
        self._said: dict[str, list[str]] = {name: [] for name in ("content", *REASONING)}
        self._has_refusal = False
        self._finish: str | None = None
        self._ending: Members = {}
        self._filters: Members = {}
        self._prompt_filters: list[Members] = []
        self._usage: Members | None = None
        self._is_final = False  # the usage was told when all else had been

    def chunk(self, chunk: Members) -> None:
        """Take one more. Raises ``Unfit``."""
        choices = objects(chunk, "choices")
        usage = chunk.get("usage")
        around = {name: value for name, value in chunk.items() if name not in _CHANGING}
        if around != self._around:  # most chunks differ in their delta only
            self._envelope(around)
            self._around = around
        if len(choices) > 1:
            raise Unfit
        for choice in choices:
            self._choice(choice)
        if usage:
            self._usage, self._is_final = an_object(usage), self._finish is not None

    def _envelope(self, chunk: Members) -> None:
        known(chunk, _CHUNK | STANDING)
        literal(chunk, "object", "chat.completion.chunk", "", None)
        known(an_object(chunk.get("x_groq") or {}), _GROQ)
        for name in ("id", "model"):
            if (value := text_or_empty(chunk, name)) and self._once.setdefault(name, value) != value:
                raise Unfit
        if chunk.get("created"):
            self._created = self._created or number(chunk, "created")
        self._carried |= {name: text_or_empty(chunk, name) for name in CARRIED if chunk.get(name) is not None}
        self._prompt_filters += objects(chunk, "prompt_filter_results")

    def _choice(self, choice: Members) -> None:
        known(choice, _CHOICE)
        literal(choice, "index", 0)
        if self._delta(an_object(choice.get("delta"))) and self._finish is not None:
            raise Unfit
        if ends := text_or_empty(choice, "finish_reason"):
            if self._finish not in (None, ends):
                raise Unfit
            self._finish = ends
        for name in ENDING:
            if choice.get(name) is not None:
                self._ending[name] = choice[name]
        if found := choice.get("content_filter_results"):
            if self._filters not in ({}, an_object(found)):
                raise Unfit
            self._filters = found

    def _delta(self, delta: Members) -> bool:
        """Whether it says anything."""
        known(delta, _DELTA)
        literal(delta, "role", "assistant", None)
        literal(delta, "refusal", None, "")
        self._has_refusal = self._has_refusal or "refusal" in delta
        is_said = False
        for name, texts in self._said.items():
            if piece := text_or_empty(delta, name):
                texts.append(piece)
                is_said = True
        return is_said

    def completion(self) -> Members:
        """The whole. Raises ``Unfit`` where something is missing."""
        if not (
            self._finish
            and self._usage
            and self._is_final
            and self._created
            and len(self._once) == len(("id", "model"))
        ):
            raise Unfit
        message: Members = {"role": "assistant", "content": "".join(self._said["content"])}
        message |= {name: "".join(self._said[name]) for name in REASONING if self._said[name]}
        if self._has_refusal:
            message["refusal"] = None
        choice: dict[str, Any] = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._finish}
        choice |= self._ending
        if self._filters:
            choice["content_filter_results"] = self._filters
        filters: Members = {"prompt_filter_results": self._prompt_filters} if self._prompt_filters else {}
        return {
            "id": self._once["id"],
            "object": "chat.completion",
            "created": self._created,
            "model": self._once["model"],
            "choices": [choice],
            "usage": self._usage,
            **self._carried,
            **filters,
        }

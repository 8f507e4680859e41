"""Usage of Anthropic's messages, whole or streamed.

The rules, each paid for by somebody: ``message_delta`` replaces ``message_start`` field by field (it is neither added
nor the larger one). ``output_tokens`` of ``message_start`` is a placeholder. Cached tokens are not in ``input_tokens``.
``iterations`` list what was billed, advisors and compactions included, and the top level leaves those out. Each is a
request of its own to its model: the price of long inputs depends on each one's length, not on their sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from proxy.dialects.reported import count, named, part, parts, worded
from proxy.dialects.stream_tap import StreamTap
from proxy.domain.usage import ModelUsage, Usage, UsageSource

_SPOKEN = ("text", "thinking", "partial_json", "content")  # what deltas carry; the last is a compaction's


class AnthropicTap(StreamTap):
    """Reads usage out of a message; see ``base.Tap``."""

    markers = (b'"usage"', b'"message_start"', b'"message_stop"')

    def start(self) -> None:
        """Forget what earlier readings gathered."""
        self._usage: dict[str, Any] = {}
        self._model: str | None = None
        self._stopped = False
        self._final = False  # figures other than of the input have been reported

    def event(self, obj: dict[str, Any]) -> None:
        """Gather from an event, or from a whole message."""
        kind = obj.get("type")
        if kind == "message_stop":
            self._stopped = True
        elif kind == "message_start":
            message = part(obj, "message")
            self._model = named(message, "model") or self._model
            self._replace(part(message, "usage"))
        elif kind == "message_delta":
            usage = part(obj, "usage")
            self._final = self._final or count(usage, "output_tokens") is not None
            self._replace(usage)
        elif self.whole and (kind == "message" or named(obj, "stop_reason")):
            self._model = named(obj, "model")
            self._stopped = self._final = True
            self._replace(part(obj, "usage"))

    def result(self) -> Usage:
        """Return what the events amount to."""
        usage = read(self._usage, self._model or "", final=self._final)
        if usage.input is None and usage.output is None:
            return Usage(model=self._model, complete=self._stopped)
        source = UsageSource.REPORTED if self._stopped else UsageSource.PARTIAL
        return msgspec.structs.replace(usage, model=self._model, complete=self._stopped, usage_source=source)

    def texts(self, obj: dict[str, Any]) -> Iterator[str]:
        """Tell what the model wrote: text, thinking and tool arguments."""
        kind = obj.get("type")
        if kind == "content_block_delta":
            yield from _spoken(part(obj, "delta"))
        elif kind == "content_block_start":
            yield from _spoken(part(obj, "content_block"), ("text", "thinking"))
        elif kind == "message":
            for block in parts(obj, "content"):
                yield from _spoken(block, ("text", "thinking"))
                if arguments := part(block, "input"):
                    yield msgspec.json.encode(arguments).decode()

    def _replace(self, usage: dict[str, Any]) -> None:
        self._usage |= {name: value for name, value in usage.items() if value is not None}


def _spoken(block: dict[str, Any], names: tuple[str, ...] = _SPOKEN) -> Iterator[str]:
    for name in names:
        if (text := worded(block, name)) is not None:
            yield text


def read(usage: dict[str, Any], model: str, *, final: bool) -> Usage:
    """Return the figures of a ``usage`` object. Not ``final``: the stream only told what it began with."""
    whole = _share(usage, model)
    shares = [_share(iteration, model) for iteration in parts(usage, "iterations")]
    by_model = tuple(_joined(name, shares) for name in dict.fromkeys(share.model for share in shares))
    if shares:
        whole = _joined(model, [msgspec.structs.replace(share, model=model) for share in shares])
    told = count(usage, "input_tokens") is not None or bool(shares)
    made = count(usage, "output_tokens") is not None or bool(shares)
    return Usage(
        input=whole.input if told else None,
        output=whole.output if made and final else None,
        cached_read=whole.cached_read,
        cache_write=whole.cache_write,
        cache_write_5m=whole.cache_write_5m,
        cache_write_1h=whole.cache_write_1h,
        reasoning=count(part(usage, "output_tokens_details"), "thinking_tokens") if final else None,
        web_searches=count(part(usage, "server_tool_use"), "web_search_requests") if final else None,
        service_tier=_tier(usage) if final else None,
        by_model=by_model,
        parts=tuple(shares) if len(shares) > len(by_model) else (),
    )


def _tier(usage: dict[str, Any]) -> str | None:
    """Return the tier that sets the price: fast mode has its own."""
    return "fast" if usage.get("speed") == "fast" else named(usage, "service_tier")


def _share(usage: dict[str, Any], model: str) -> ModelUsage:
    """Return the figures of one iteration, or of the top level: what is absent was not used."""
    read, written = count(usage, "cache_read_input_tokens") or 0, count(usage, "cache_creation_input_tokens")
    split = part(usage, "cache_creation")
    nothing = 0 if written == 0 else None  # of no writes, none lived for an hour
    five, hour = count(split, "ephemeral_5m_input_tokens"), count(split, "ephemeral_1h_input_tokens")
    return ModelUsage(
        model=named(usage, "model") or model,
        input=(count(usage, "input_tokens") or 0) + read + (written or 0),
        output=count(usage, "output_tokens") or 0,
        cached_read=read,
        cache_write=written or 0,
        cache_write_5m=nothing if five is None else five,
        cache_write_1h=nothing if hour is None else hour,
    )


def _joined(model: str, shares: list[ModelUsage]) -> ModelUsage:
    """Return the sum of the shares of one model."""
    own = [share for share in shares if share.model == model]
    return ModelUsage(
        model=model,
        input=sum(share.input for share in own),
        output=sum(share.output for share in own),
        cached_read=sum(share.cached_read for share in own),
        cache_write=sum(share.cache_write for share in own),
        cache_write_5m=_known_sum([share.cache_write_5m for share in own]),
        cache_write_1h=_known_sum([share.cache_write_1h for share in own]),
    )


def _known_sum(values: list[int | None]) -> int | None:
    """Return the sum, None when nobody told."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None

"""What an answer used, in the field names that rows, JSON and the recorded fixtures share.

``None`` means the provider did not report it; an explicit 0 is a value. Subsets are included in their whole:
``cached_read`` and ``cache_write`` in ``input``, ``reasoning`` in ``output``.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class UsageSource(StrEnum):
    """Where the figures of a row come from."""

    REPORTED = "reported"  # the provider's own final figures
    PARTIAL = "partial"  # the provider's figures so far, of a stream that did not end
    ESTIMATED = "estimated"  # counted here, because the provider gave none
    NONE = "none"  # nothing is known, or nothing was used


class ModelUsage(msgspec.Struct, frozen=True, gc=False):
    """The share of one model in an answer that several models made (Anthropic's ``iterations``)."""

    model: str
    input: int
    output: int
    cached_read: int = 0
    cache_write: int = 0
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    image_input: int | None = None
    image_output: int | None = None


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Usage of one attempt. Token counts, except ``seconds`` (audio), ``characters``, ``images`` and ``web_searches``.

    As JSON it holds what was reported: a row lies in the journal and travels with every hold.
    """

    input: int | None = None
    output: int | None = None
    cached_read: int | None = None
    cache_write: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    image_input: int | None = None
    image_output: int | None = None
    tool_prompt: int | None = None
    web_searches: int | None = None
    seconds: float | None = None
    characters: int | None = None
    images: int | None = None
    total_reported: int | None = None
    reported_cost_usd: float | None = None  # the provider's own word, kept beside ours and never settled
    model: str | None = None  # the model that answered
    service_tier: str | None = None
    complete: bool = False
    usage_source: UsageSource = UsageSource.NONE
    by_model: tuple[ModelUsage, ...] = ()  # one share a model, for people
    parts: tuple[ModelUsage, ...] = ()  # priced instead where a model was asked several times


NO_USAGE = Usage()

"""Prices as numbers that can be multiplied: nano-dollars per million units, subsets as differences to their whole.

A subset of the input (cached, audio…) costs its own price instead of the input's, so what it adds is the difference;
an unpriced subset adds nothing. That turns a bill into a few multiplications without branches for what is absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from proxy.metering.schedule import Tariff

TOKENS_IN: Final = ("input", "cached_read", "cache_write", "cache_write_1h", "audio_input", "cached_audio",
                    "image_input", "cached_image", "video_input")  # fmt: skip
TOKENS_OUT: Final = ("output", "audio_output", "image_output", "video_output", "reasoning", "citation")
# Written in the configuration as dollars for one, in the table for a million, like everything else.
SINGLE: Final = ("per_request", "per_search", "per_second", "per_character", "per_image", "per_page", "per_message")
UNITS: Final = frozenset((*TOKENS_IN, *TOKENS_OUT, *SINGLE))


@dataclass(frozen=True, slots=True)
class Rates:
    """One tier of one lane. ``*_extra`` is the difference to the price of the whole that the subset belongs to."""

    input: int
    output: int
    read_extra: int
    write_extra: int
    hour_extra: int  # writes kept for an hour, over those kept for five minutes
    audio_extra: int
    audio_priced: bool
    cached_audio_extra: int  # over cached_read
    image_extra: int
    image_priced: bool
    cached_image_extra: int
    audio_output_extra: int
    image_output_extra: int
    reasoning_extra: int
    parts_of_output: bool  # any of the three is not zero
    request: int
    search: int
    second: int
    character: int
    image: int
    by_unit: bool  # any of the last three is not zero
    dearest_input: int  # of any token that goes in
    dearest_output: int

    @classmethod
    def of(cls, by_unit: dict[str, int]) -> Self:
        """Work out the differences; a missing subset falls back to the price of its whole."""
        get = by_unit.get
        tokens_in, tokens_out = get("input", 0), get("output", 0)
        read, write = get("cached_read", tokens_in), get("cache_write", tokens_in)
        parts = [get(part, tokens_out) - tokens_out for part in ("audio_output", "image_output", "reasoning")]
        return cls(
            input=tokens_in,
            output=tokens_out,
            read_extra=read - tokens_in,
            write_extra=write - tokens_in,
            hour_extra=get("cache_write_1h", write) - write,
            audio_extra=get("audio_input", tokens_in) - tokens_in,
            audio_priced="audio_input" in by_unit,
            cached_audio_extra=get("cached_audio", read) - read,
            image_extra=get("image_input", tokens_in) - tokens_in,
            image_priced="image_input" in by_unit,
            cached_image_extra=get("cached_image", read) - read,
            audio_output_extra=parts[0],
            image_output_extra=parts[1],
            reasoning_extra=parts[2],
            parts_of_output=any(parts),
            request=get("per_request", 0),
            search=get("per_search", 0),
            second=get("per_second", 0),
            character=get("per_character", 0),
            image=get("per_image", 0),
            by_unit=any(get(unit) for unit in ("per_second", "per_character", "per_image")),
            dearest_input=max(get(unit, 0) for unit in TOKENS_IN),
            dearest_output=max(get(unit, 0) for unit in TOKENS_OUT),
        )


@dataclass(frozen=True, slots=True)
class Scale:
    """The tiers of one lane. A tier holds for all tokens of a request whose total input lies above its start."""

    base: Rates
    steps: tuple[tuple[int, Rates], ...] = ()  # (above, rates), the highest first

    @classmethod
    def of(cls, tariff: Tariff) -> Self:
        """Spell out each tier: what it does not name stays as in the tier below."""
        by_unit = dict(tariff.rates)
        base = Rates.of(by_unit)
        steps: dict[int, Rates] = {}
        for above, rates in sorted(tariff.tiers, key=lambda tier: tier[0]):
            by_unit = {**by_unit, **rates}
            steps[above] = Rates.of(by_unit)
        return cls(base, tuple(reversed(steps.items())))

    def at(self, total_input: int) -> Rates:
        """Find the rates for a request with so much input, cached tokens included."""
        for above, rates in self.steps:
            if total_input > above:
                return rates
        return self.base

    def within(self, total_input: int) -> list[Rates]:
        """List every tier that a request with at most so much input may fall into."""
        return [self.base, *(rates for above, rates in self.steps if total_input > above)]

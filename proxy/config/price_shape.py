"""The shape of ``prices:`` and ``unpriced:`` of an upstream: US dollars per million tokens, as price lists print them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Discriminator, Field, Tag

from proxy.config.quantities import MILLION, as_text, factor_millionths, share_millionths
from proxy.config.shape import Factor, Price, Shape, Whole, one_of, text_or_mapping
from proxy.domain.upstream import PriceOverride

UNPRICED = ("deny", "free")


class RatesShape(Shape):
    """Prices by unit; names are those of usage. ``per_…`` count single things, all others a million tokens."""

    input: Price | None = None
    output: Price | None = None
    cached_read: Price | None = None
    cache_write: Price | None = None
    cache_write_1h: Price | None = None
    reasoning: Price | None = None
    audio_input: Price | None = None
    audio_output: Price | None = None
    cached_audio: Price | None = None
    image_input: Price | None = None
    image_output: Price | None = None
    cached_image: Price | None = None
    video_input: Price | None = None
    video_output: Price | None = None
    citation: Price | None = None
    per_request: Price | None = None
    per_search: Price | None = None
    per_second: Price | None = None
    per_character: Price | None = None
    per_image: Price | None = None
    per_page: Price | None = None
    per_message: Price | None = None

    def rates(self) -> tuple[tuple[str, int], ...]:
        """List (unit, nano-dollars) of what was written; a price of 0 is a price."""
        written = ((unit, getattr(self, unit)) for unit in RatesShape.model_fields)
        return tuple((unit, price) for unit, price in written if price is not None)


class TierShape(RatesShape):
    """Prices of calls whose whole input is longer than so many tokens."""

    above_input: Whole


def _discount(value: object) -> int:
    text = as_text(value, "a discount such as 15%")
    millionths = share_millionths(text) if text.endswith("%") else factor_millionths(text)
    if millionths > MILLION:
        raise ValueError("a discount is at most 100%")
    return millionths


class PriceShape(RatesShape):
    """One override: for the models that ``match``, with long-context ``tiers``, service ``lanes`` and a ``discount``."""

    match: str = "*"
    tiers: tuple[TierShape, ...] = ()
    lanes: dict[str, Factor] = Field(default_factory=dict)
    discount: Annotated[int, BeforeValidator(_discount)] = 0

    def override(self) -> PriceOverride:
        """Give the domain's value; tiers from the lowest to the highest."""
        return PriceOverride(
            match=self.match,
            rates=self.rates(),
            tiers=tuple(sorted((tier.above_input, tier.rates()) for tier in self.tiers)),
            lanes=tuple(self.lanes.items()),
            discount_millionths=self.discount,
        )


def _as_list(value: object) -> object:
    return [value] if isinstance(value, dict) else value


def _unpriced_word(value: object) -> str:
    return one_of(as_text(value, "deny, free or prices"), UNPRICED, "answer to a model without a price")


Prices = Annotated[tuple[PriceShape, ...], BeforeValidator(_as_list)]
Unpriced = Annotated[
    Annotated[str, BeforeValidator(_unpriced_word), Tag("<text>")] | Annotated[RatesShape, Tag("<mapping>")],
    Discriminator(text_or_mapping),
]

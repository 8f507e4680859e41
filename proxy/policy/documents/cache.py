"""``cache``: whether repeats may be answered here."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from proxy.config.masking import shown
from proxy.config.quantities import as_text
from proxy.config.shape import PositiveDuration, Shape, Share, Switch, written
from proxy.policy.documents.fields import ONCE, WORDS, Text
from proxy.policy.terms import Cache

_NUMBER = re.compile(r"[0-9](?:\.[0-9]{1,6})?")
_HOTTEST = 2


def _temperature(value: object) -> float:
    text = as_text(value, "a temperature such as 0.3")
    if not _NUMBER.fullmatch(text) or Decimal(text) > _HOTTEST:
        raise ValueError(f"{shown(text)} is not a temperature; write a number from 0 to {_HOTTEST}, such as 0.3")
    return float(text)


Temperature = Annotated[float, BeforeValidator(_temperature), written(r"[0-9.]+", number=True)]


class CacheShape(Shape):
    """Whether repeats may be answered here."""

    mode: Literal["off", "exact", "near"] = Field(
        description="exact: the same bytes; near: the same meaning, provably."
    )
    shadow: Switch = Field(default=False, description="Count what would be served, and serve nothing.")
    share: Literal["user", "team", "org"] = Field("team", description="Who gets whose answers.")
    ttl: PositiveDuration = Field(14_400.0, description="How long an answer stays good.")
    max_temperature: Temperature | None = Field(None, description="Requests above it are not cached.")
    time_sensitive: Switch = Field(default=False, description="Cache also prompts that speak of now.")
    verify: Share = Field(0, description="Share of near hits that are asked again and compared.")
    volatile: Annotated[tuple[Text, ...], WORDS, ONCE] = Field((), description="Labels whose values do not count.")

    def terms(self) -> Cache:
        """Give the compiled form."""
        return Cache(
            mode=self.mode,
            shadow=self.shadow,
            share=self.share,
            ttl_s=self.ttl,
            max_temperature=self.max_temperature,
            time_sensitive=self.time_sensitive,
            verify_millionths=self.verify,
            volatile=self.volatile,
        )

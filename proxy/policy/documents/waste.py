"""``waste``: a ladder on what usage shows: repeats, errors, answers nobody waited for. It never ranks people."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from proxy.config.quantities import as_text
from proxy.config.shape import Duration, Misfit, Shape, one_of, text_or_mapping
from proxy.domain.money import NANO_PER_USD
from proxy.policy.amounts import APace, Count, Requests, SharePart, Usd
from proxy.policy.documents.cache import CacheShape
from proxy.policy.documents.fields import WORDS, Text
from proxy.policy.documents.static import DenyShape
from proxy.policy.expr import FACTS
from proxy.policy.terms import Rung, Waste


class AboveShape(Shape):
    """Thresholds; all that are named must be passed."""

    redundancy: SharePart | None = Field(
        None, description="Share of tokens that repeat the scope's own earlier prompts."
    )
    errors: Count | None = Field(None, description="Calls that ended in an error.")
    abandoned: Count | None = Field(None, description="Answers that nobody waited for.")
    requests: Count | None = Field(None, description="Calls.")
    cost: Usd | None = Field(None, description="Dollars.")

    def thresholds(self) -> tuple[tuple[str, float], ...]:
        """List what is set: shares from 0 to 1, counts, dollars."""
        found: dict[str, float | None] = {
            "redundancy": self.redundancy,
            "errors": self.errors,
            "abandoned": self.abandoned,
            "requests": self.requests,
            "cost": None if self.cost is None else self.cost / NANO_PER_USD,
        }
        return tuple((name, float(value)) for name, value in found.items() if value is not None)


def _warn(value: object) -> str:
    return one_of(as_text(value, "warn or {after: …}"), ("warn",), "rung of a ladder")


class StepShape(Shape):
    """A rung: after the one before has stood so long, one thing happens."""

    after: Duration = 0.0
    cache: CacheShape | None = None
    throttle: APace | None = None
    deny: DenyShape | None = None
    warn: Text | None = Field(None, description="What the caller is told.")

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        done = [name for name in ("cache", "throttle", "deny", "warn") if getattr(self, name) is not None]
        if len(done) != 1:
            told = f"has {' and '.join(done)}" if done else "does nothing"
            raise ValueError(f"{told}; a rung does one of cache, throttle, deny, warn")
        return self

    def rung(self) -> Rung:
        """Give the compiled form."""
        if self.cache is not None:
            return Rung("cache", self.after, cache=self.cache.terms())
        if self.throttle is not None:
            return Rung("throttle", self.after, pace=self.throttle)
        if self.deny is not None:
            return Rung("deny", self.after, reason=self.deny.reason)
        return Rung("warn", self.after, reason=self.warn or "")


Step = Annotated[
    Annotated[Literal["warn"], BeforeValidator(_warn), Tag("<text>")] | Annotated[StepShape, Tag("<mapping>")],
    Discriminator(text_or_mapping),
]


class WasteShape(Shape):
    """A ladder on usage facts of one scope."""

    above: AboveShape
    over: Literal["1h", "24h"] = Field(description="The window that is looked at.")
    at_least: Requests = Field(0, description="No verdict on fewer requests.")
    per: Literal["org", "team", "user", "key", "project", "model"]
    then: Annotated[tuple[Step, ...], WORDS] = Field(description="The ladder; each rung needs the one before.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        thresholds = self.above.thresholds()
        if not thresholds:
            raise Misfit(("above",), "says nothing; name redundancy, errors, abandoned, requests or cost")
        for name, _ in thresholds:
            if f"usage.{name}_{self.over}" not in FACTS:
                others = [over for over in ("1h", "24h") if f"usage.{name}_{over}" in FACTS]
                raise Misfit(("above", name), f"is not counted over {self.over}, only over {', '.join(others)}")
        for position, step in enumerate(self.then):
            if isinstance(step, StepShape) and step.throttle and step.throttle.unit != "requests":
                raise Misfit(("then", position, "throttle"), "a throttle counts requests: 10 requests/min")
        return self

    def terms(self) -> Waste:
        """Give the compiled form."""
        rungs = [Rung("warn") if isinstance(step, str) else step.rung() for step in self.then]
        return Waste(self.above.thresholds(), self.over, self.per, self.at_least, tuple(rungs))

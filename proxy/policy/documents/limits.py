"""The verbs that count: ``budget``, ``rate`` and ``parallel``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, model_validator

from proxy.config.masking import shown
from proxy.config.problems import did_you_mean
from proxy.config.quantities import MILLION, as_text
from proxy.config.shape import Misfit, Shape, Share, one_of, text_or_mapping
from proxy.domain.decision import Reserve
from proxy.domain.money import NANO_PER_USD
from proxy.policy.amounts import APace, Burst, Count, Spending
from proxy.policy.documents.fields import ONCE, WORDS, around
from proxy.policy.documents.route import RouteShape, route
from proxy.policy.terms import Budget, Pace, Parallel, Rate

Per = Literal["org", "team", "user", "key", "project", "model"]
MOST_NUSD: Final = 2**53 - 2  # what a store counts exactly, less one step
DEFAULT = "default"
# Whose rows a table may have: those that say of every meter, once and for all, which row it belongs to.
_ROWS: Final[Mapping[str, tuple[str, ...]]] = {
    "org": (), "team": ("team",), "user": ("team", "user"), "key": ("team", "user", "key"),
    "project": ("team", "project"), "model": (),
}  # fmt: skip


def _row(value: object, info: ValidationInfo) -> str:
    text = as_text(value, "default, team:… or the like")
    if text == DEFAULT:
        return text
    what, colon, name = text.partition(":")
    checks = around(info).names
    known = {"team": checks.team, "user": checks.user, "key": checks.key, "project": checks.project}
    if not colon or what not in known:
        hint = did_you_mean(what, (DEFAULT, *known)) or "write default, team:…, user:…, key:… or project:…"
        raise ValueError(f"{shown(text)} is no row of limits; {hint}")
    known[what](name.strip())
    return f"{what}:{name.strip()}"


Row = Annotated[str, BeforeValidator(_row)]
Limits = Annotated[
    Annotated[Spending, Tag("<text>")] | Annotated[dict[Row, Spending], Tag("<mapping>")],
    Discriminator(text_or_mapping),
]


def _spent_word(value: object) -> str:
    return one_of(as_text(value, "deny, warn or {route: …}"), ("deny", "warn"), "answer to a spent budget")


WhenSpent = Annotated[
    Annotated[Literal["deny", "warn"], BeforeValidator(_spent_word), Tag("<text>")]
    | Annotated[RouteShape, Tag("<mapping>")],
    Discriminator(text_or_mapping),
]


class BudgetShape(Shape):
    """Money in a calendar period of the policy's timezone."""

    limit: Limits = Field(description="$120/day, or a table: default, team:…, user:…; the most specific row wins.")
    per: Per = Field(description="What has a budget of its own.")
    grace: Share = Field(0, description="Soft zone above the limit: admitted, with a warning.")
    warn_at: Annotated[tuple[Share, ...], WORDS, ONCE] = Field((), description="Warn once when crossed: [80%, 95%].")
    reserve: Literal["expected", "max"] = Field("expected", description="max is a true ceiling.")
    when_spent: WhenSpent = Field("deny", description="Past the grace: deny, warn or {route: …}.")
    on_outgrown: Literal["finish", "cut"] = Field("finish", description="A stream dearer than was held for it.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        table = self.limit if isinstance(self.limit, dict) else {DEFAULT: self.limit}
        if DEFAULT not in table:
            raise Misfit(("limit",), f"{DEFAULT!r} is missing; say what holds for those whom no row names")
        Misfit.tell(one for row, limit in table.items() for one in self._unfit(row, limit, table[DEFAULT][1]))
        return self

    def _unfit(self, row: str, limit: tuple[int, str], default: str) -> Iterator[Misfit]:
        """What is wrong with a row; ``default`` is the period of the others."""
        limit_nusd, period = limit
        at = ("limit", row) if isinstance(self.limit, dict) else ("limit",)
        allowed = _ROWS[self.per]
        if row != DEFAULT and row.partition(":")[0] not in allowed:
            fitting = f"only {' and '.join(f'{one}:' for one in allowed)} rows" if allowed else "no rows"
            yield Misfit(at, f"{shown(row)} does not fit per: {self.per}, which takes {fitting}", key=True)
        if period != default:
            yield Misfit(at, f"is for another period than the default's, {default}")
        if limit_nusd + limit_nusd * self.grace // MILLION > MOST_NUSD:
            yield Misfit(
                at, f"limit and grace are more than ${MOST_NUSD // NANO_PER_USD:,}, which no store counts exactly"
            )

    def terms(self, timezone: str) -> Budget:
        """Give the compiled form; ``timezone`` is the policy's."""
        table = self.limit if isinstance(self.limit, dict) else {DEFAULT: self.limit}
        limit_nusd, period = table[DEFAULT]
        return Budget(
            limit_nusd=limit_nusd,
            period=period,
            per=self.per,
            timezone=timezone,
            table={row: nusd for row, (nusd, _) in table.items() if row != DEFAULT},
            grace_millionths=self.grace,
            warn_at=tuple(sorted(self.warn_at)),
            reserve=Reserve(self.reserve),
            when_spent=self.when_spent if isinstance(self.when_spent, str) else route(self.when_spent.route),
            on_outgrown=self.on_outgrown,
        )


class RateShape(Shape):
    """At most so fast, with so much at once."""

    limit: Annotated[tuple[APace, ...], WORDS] = Field(description="60 requests/min, or a list of paces.")
    per: Per = Field(description="What has a rate of its own.")
    burst: Burst = Field(MILLION, description="How much of the amount may come at once.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        seen: set[tuple[str, int]] = set()
        for position, pace in enumerate(self.limit):
            if (pace.unit, pace.per_s) in seen:
                raise Misfit(("limit", position), f"{pace.unit} have a pace for this span already")
            seen.add((pace.unit, pace.per_s))
            if bucket(pace, self.burst) < 1:
                raise Misfit(("burst",), f"leaves less than one of {pace.unit} at once, so nothing could pass")
        return self

    def terms(self) -> Rate:
        """Give the compiled form."""
        return Rate(self.limit, self.per, self.burst)


def bucket(pace: Pace, burst_millionths: int) -> int:
    """How much may come at once."""
    return pace.amount * burst_millionths // MILLION


class ParallelShape(Shape):
    """At most so many calls at the same time."""

    limit: Count
    per: Per = Field(description="What is counted by itself.")

    def terms(self) -> Parallel:
        """Give the compiled form."""
        return Parallel(self.limit, self.per)

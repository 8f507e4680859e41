"""A rule: its name, exactly one verb, and to whom, when and how strictly it applies."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from proxy.config.shape import Misfit, Shape
from proxy.policy.documents.cache import CacheShape
from proxy.policy.documents.content import InspectShape
from proxy.policy.documents.fields import MODES, Moment, Name, Text, around
from proxy.policy.documents.limits import BudgetShape, ParallelShape, RateShape
from proxy.policy.documents.route import RouteText, route
from proxy.policy.documents.selector import MatchShape
from proxy.policy.documents.static import DenyShape, ModelsShape, RequestShape, RequireShape
from proxy.policy.documents.waste import WasteShape
from proxy.policy.terms import Terms

ModeWord = Literal["audit", "warn", "enforce"]
VERBS: Final = (
    "models", "require", "request", "budget", "rate", "parallel", "inspect", "cache", "route", "waste", "deny",
)  # fmt: skip


def _below_ceiling(mode: str, info: ValidationInfo) -> str:
    ceiling = around(info).mode
    if MODES.index(mode) > MODES.index(ceiling):
        raise ValueError(f"is stricter than the policy's mode, {ceiling}; a rule may lower it, never raise it")
    return mode


class RuleShape(Shape):
    """A rule does exactly one thing: its verb."""

    name: Name
    mode: Annotated[ModeWord, AfterValidator(_below_ceiling)] | None = Field(
        None,
        description="audit: counted and explained, never felt; warn: admitted and told; enforce. At most the policy's.",
    )
    match: MatchShape = Field(MatchShape(), description="Whom and what it is about; without it everyone.")
    when: str | None = Field(None, description="A condition in CEL, such as request.input_tokens > 8000.")
    message: Text | None = Field(None, description="Told to whoever is refused or warned.")
    since: Moment | None = Field(None, alias="from", description="2027-01-01, in the policy's timezone.")
    until: Moment | None = Field(None, description="Ends at the first moment of this day.")

    models: ModelsShape | None = None
    require: RequireShape | None = None
    request: RequestShape | None = None
    budget: BudgetShape | None = None
    rate: RateShape | None = None
    parallel: ParallelShape | None = None
    inspect: InspectShape | None = None
    cache: CacheShape | None = None
    route: RouteText | None = None
    waste: WasteShape | None = None
    deny: DenyShape | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        verbs = self.verbs()
        if not verbs:
            raise ValueError(f"does nothing; give it one of {', '.join(VERBS)}")
        if len(verbs) > 1:
            raise Misfit(
                (verbs[1],), f"{verbs[1]} stands beside {verbs[0]}; a rule has one verb, make it two rules", key=True
            )
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise Misfit(("until",), "is not after from:, so it would never apply")
        return self

    def verbs(self) -> list[str]:
        """List the verbs that are there."""
        return [verb for verb in VERBS if getattr(self, verb) is not None]

    def terms(self, timezone: str) -> tuple[str, Terms]:
        """Give the verb and its compiled form."""
        verb = self.verbs()[0]
        shape: Any = getattr(self, verb)
        if verb == "route":
            return verb, route(shape)
        if verb == "budget":
            return verb, shape.terms(timezone)
        return verb, shape.terms()

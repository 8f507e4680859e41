"""``kind: Exemption``: a hole in named rules, for a while, that somebody asked for and somebody else approved."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from proxy.config.quantities import as_text
from proxy.config.shape import Misfit, Shape
from proxy.policy.amounts import Usd
from proxy.policy.documents.fields import Moment, Name, Owner, RuleIds, Text, Timezone, around
from proxy.policy.documents.selector import MatchShape

LONGEST_S: Final = 90 * 86_400
_CLOCK_CHANGE_S = 3_600  # ninety local days may have an hour more


def _budget(value: object, info: ValidationInfo) -> str:
    return around(info).names.rule_of(as_text(value, "the name of a budget, policy/rule"), "budget")


def _names_somebody(match: MatchShape) -> MatchShape:
    if not match.model_fields_set:
        raise ValueError("names nobody; say whose exemption it is")
    return match


class ExemptionShape(Shape):
    """It ends, it names rules, and it names who answers for it."""

    kind: Literal["Exemption"]
    name: Name
    owner: Owner
    approved_by: Owner
    reason: Text
    timezone: Timezone | None = Field(None, description="Of its dates; else that of the policies it names.")
    match: Annotated[MatchShape, AfterValidator(_names_somebody)]
    since: Moment = Field(alias="from", description="2026-11-23: its first moment.")
    until: Moment = Field(description="Ends at the first moment of this day; at most 90 days after from.")
    lift: RuleIds = Field((), description="Rules that do not hold: policy/rule, never *.")
    grant: dict[Annotated[str, BeforeValidator(_budget)], Usd] = Field(
        default_factory=dict, description="Money on top of named budgets."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.until <= self.since:
            raise Misfit(("until",), "is not after from:")
        if self.until - self.since > LONGEST_S + _CLOCK_CHANGE_S:
            raise Misfit(("until",), "is more than 90 days after from:")
        if not self.lift and not self.grant:
            raise ValueError("does nothing; write lift: or grant:")
        if twice := [rule for rule in self.grant if rule in self.lift]:
            raise Misfit(("grant", twice[0]), "is lifted already, so a grant adds nothing", key=True)
        return self

"""``kind: Policy``: rules with one owner, one mode that they may only lower, and one calendar."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from proxy.config.settings_shape import StoreDownShape
from proxy.config.shape import Shape
from proxy.policy.documents.fields import Name, Owner, Timezone
from proxy.policy.documents.rule import ModeWord, RuleShape
from proxy.policy.documents.selector import MatchShape

RESERVED = ("config",)  # rules that `tallygate.yaml` writes in shorthand


def _free(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"{name!r} is the name of the rules in tallygate.yaml; take another")
    return name


class PolicyHead(Shape):
    """A policy but for its rules, which are read one by one, so that a mistake in one hides none in another."""

    kind: Literal["Policy"]
    name: Annotated[Name, AfterValidator(_free)]
    owner: Owner
    mode: ModeWord = Field("enforce", description="The ceiling for every rule here: audit < warn < enforce.")
    timezone: Timezone = Field("UTC", description="Of clock.* and of every calendar period here.")
    match: MatchShape = Field(MatchShape(), description="Holds for every rule here; without it everyone.")
    description: str = ""
    on_store_down: StoreDownShape = Field(StoreDownShape(), description="What meters do while the store is away.")


class PolicyShape(PolicyHead):
    """A file of rules."""

    rules: tuple[RuleShape, ...] = Field(min_length=1)

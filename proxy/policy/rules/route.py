"""The verb ``route``: another model of the caller's dialect. Of several rules the most specific one is followed."""

from __future__ import annotations

from proxy.domain.trace import Said
from proxy.policy.saying import Bound, Effects, Saying, Target
from proxy.policy.terms import Route


def bind(bound: Bound, terms: Route) -> Saying:
    """Name the model, or say that there is none."""
    target = target_of(bound, terms)
    if target.model == bound.ground.model:
        return bound.says(Said.OK, f"to {target.model}, which was asked for", Effects(target=target))
    return bound.says(Said.ROUTE, f"to {target.model}" if target.model else target.unfit, Effects(target=target))


def target_of(bound: Bound, terms: Route) -> Target:
    """Find the model for the caller's dialect."""
    family, owner = bound.ground.family, bound.rule.owner
    model, dialect = terms.model(family), family or "this dialect"
    if model is None:
        return Target("", f"It names no model for {dialect}.", owner)
    if model != bound.ground.model and not bound.serves(family, model):
        return Target("", f"It names {model}, which no upstream serves in {dialect}.", owner)
    return Target(model, "", owner)

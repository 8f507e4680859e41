"""The verb ``models``: which models may be called. Allow lists of several rules intersect, for each of them speaks alone."""

from __future__ import annotations

from proxy.domain.decision import Kind
from proxy.domain.trace import Said
from proxy.policy.fits import allowed, banned
from proxy.policy.saying import Bound, Saying
from proxy.policy.terms import Models


def bind(bound: Bound, terms: Models) -> Saying:
    """Allow the model, or deny it."""
    model = bound.ground.model
    listed = ", ".join(terms.allow or ())
    if banned(model, terms.deny):
        why = f"The model {model!r} is not allowed: {', '.join(terms.deny)} {'is' if len(terms.deny) == 1 else 'are'} denied."
    elif terms.allow is not None and not allowed(model, terms.allow):
        why = f"The model {model!r} is not allowed."
    else:
        return bound.says(Said.OK)
    if listed:
        why += f" Allowed: {listed}."
    return bound.denies(Kind.FORBIDDEN, why, allowed=listed, param="model")

"""The verb ``inspect``: texts that must be looked through. What is found is the business of ``policy.content``."""

from __future__ import annotations

from proxy.domain.decision import Inspection
from proxy.domain.trace import Said
from proxy.policy.saying import Bound, Effects, Saying
from proxy.policy.terms import Inspect


def bind(bound: Bound, terms: Inspect) -> Saying:
    """Ask for the texts to be looked through."""
    rule = bound.rule
    wish = Inspection(
        rule=rule.id,
        find=terms.find,
        places=terms.places,
        then=terms.then,
        restore=terms.restore,
        mode=bound.mode,
        owner=rule.owner,
        message=rule.message,
        place=rule.place,
    )
    detail = f"{', '.join(terms.find)} in the {' and the '.join(terms.places)}: {terms.then}"
    return bound.says(Said.INSPECT, detail, Effects(inspection=wish))

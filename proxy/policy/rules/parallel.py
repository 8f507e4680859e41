"""The verb ``parallel``: at most so many calls at the same time."""

from __future__ import annotations

from proxy.domain.decision import Obligation
from proxy.domain.meter import MeterKind, Unit
from proxy.domain.trace import Said
from proxy.policy.rule import Mode
from proxy.policy.saying import Bound, Effects, Saying
from proxy.policy.scopes import scope
from proxy.policy.terms import Parallel


def bind(bound: Bound, terms: Parallel) -> Saying:
    """Ask for a lease."""
    rule = bound.rule
    wish = Obligation(
        rule=rule.id,
        kind=MeterKind.PARALLEL,
        unit=Unit.CALLS,
        scope=scope(terms.per, bound.ground),
        limit=terms.limit,
        enforce=rule.mode is Mode.ENFORCE,
        store_down=rule.store_down,
        owner=rule.owner,
        message=rule.message,
        mode=bound.mode,
        place=rule.place,
        told=f"{terms.limit:,} calls at a time",
    )
    return bound.says(Said.METER, "", Effects(meters=(wish,)))

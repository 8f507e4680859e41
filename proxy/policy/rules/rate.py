"""The verb ``rate``: at most so fast, with so much at once. Every pace is a meter of its own."""

from __future__ import annotations

from proxy.domain.decision import Obligation
from proxy.domain.meter import MeterKind, Unit
from proxy.domain.trace import Said
from proxy.policy.rule import Mode
from proxy.policy.saying import Bound, Effects, Saying
from proxy.policy.scopes import scope
from proxy.policy.terms import Pace, Rate

MILLION = 1_000_000
_SPANS = {1: "s", 60: "min", 3600: "hour", 86400: "day"}


def bind(bound: Bound, terms: Rate) -> Saying:
    """Ask for the meters to be held."""
    meters = tuple([meter(bound, pace, terms.per, terms.burst_millionths) for pace in terms.paces])
    return bound.says(Said.METER, "", Effects(meters=meters))


def meter(bound: Bound, pace: Pace, per: str, burst_millionths: int = MILLION) -> Obligation:
    """Make the obligation of a pace. Its interval is rounded up to whole microseconds, so never faster than written."""
    rule = bound.rule
    return Obligation(
        rule=rule.id,
        kind=MeterKind.RATE,
        unit=Unit(pace.unit),
        scope=scope(per, bound.ground),
        limit=max(1, pace.amount * burst_millionths // MILLION),
        interval_us=max(1, -(-pace.per_s * MILLION // pace.amount)),
        enforce=rule.mode is Mode.ENFORCE,
        store_down=rule.store_down,
        owner=rule.owner,
        message=rule.message,
        mode=bound.mode,
        place=rule.place,
        span_s=pace.per_s,
        told=f"{pace.amount:,} {pace.unit}/{_SPANS.get(pace.per_s, f'{pace.per_s} s')}",
    )

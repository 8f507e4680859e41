"""The verb ``budget``: so much money in a calendar period, held before the call and settled after it.

Of a table the most specific row holds. Grace widens it; what exemptions grant comes on top.
"""

from __future__ import annotations

from typing import Final

from proxy.domain.decision import Obligation
from proxy.domain.meter import MeterKind, Unit
from proxy.domain.trace import Said
from proxy.policy.rule import Mode
from proxy.policy.rules.route import target_of
from proxy.policy.saying import Bound, Effects, Ground, Saying
from proxy.policy.scopes import scope
from proxy.policy.terms import Budget, Route

MILLION: Final = 1_000_000
_MOST: Final = 2**53 - 1  # what stores count exactly


def bind(bound: Bound, terms: Budget) -> Saying:
    """Ask for the meter to be held."""
    rule, granted = bound.rule, bound.granted
    row, nusd = row_of(terms, bound.ground)
    base = min(nusd + granted.nusd, _MOST)
    spent, route, message = _when_spent(bound, terms)
    wish = Obligation(
        rule=rule.id,
        kind=MeterKind.BUDGET,
        unit=Unit.NUSD,
        scope=scope(terms.per, bound.ground),
        limit=min(nusd + nusd * terms.grace_millionths // MILLION + granted.nusd, _MOST),
        period=terms.period,
        timezone=terms.timezone,
        reserve=terms.reserve,
        enforce=rule.mode is Mode.ENFORCE and spent != "warn",
        store_down=rule.store_down,
        owner=rule.owner,
        message=message,
        mode=bound.mode,
        place=rule.place,
        row=row,
        base=base,
        granted=granted.nusd,
        warn_at=tuple([base * share // MILLION for share in terms.warn_at]),
        when_spent=spent,
        route=route,
        on_outgrown=terms.on_outgrown,
    )
    kind = row.partition(":")[0]
    detail = "" if kind == "default" else "their own row" if kind == "user" else f"row {row}"  # traces name nobody
    if granted.by:
        detail = ", ".join(filter(None, [detail, f"granted by {', '.join(granted.by)}"]))
    return bound.says(Said.METER, detail, Effects(meters=(wish,)))


def row_of(terms: Budget, ground: Ground) -> tuple[str, int]:
    """Find the most specific row that is about the caller, and its limit: key, project, user, team, default."""
    for row in (f"key:{ground.key}", f"project:{ground.project}", f"user:{ground.user}", f"team:{ground.team}"):
        if row in terms.table:
            return row, terms.table[row]
    return "default", terms.limit_nusd


def _when_spent(bound: Bound, terms: Budget) -> tuple[str, str, str]:
    """What happens past it, to which model, and the rule's message; a route that does not fit denies and says so."""
    message = bound.rule.message
    if not isinstance(terms.when_spent, Route):
        return terms.when_spent, "", message
    target = target_of(bound, terms.when_spent)
    if target.model:
        return "route", target.model, message
    return (
        "deny",
        "",
        " ".join(filter(None, [message, f"When spent, it routes: {target.unfit[0].lower()}{target.unfit[1:]}"])),
    )

"""``budget:`` of ``tallygate.yaml`` as a rule: it is decided like any other."""

from __future__ import annotations

from typing import Final

from proxy.config.settings import Budget as Shorthand
from proxy.policy.rule import Mode, Rule
from proxy.policy.terms import Budget

WARN_AT: Final = 800_000  # millionths of the limit


def budget_rule(written: Shorthand, place: str = "tallygate.yaml") -> Rule:
    """One ceiling for the whole org, with a warning near its end. ``place`` is told to whoever is refused."""
    return Rule(
        id=written.name,
        verb="budget",
        terms=Budget(
            limit_nusd=written.limit_nusd,
            period=written.period,
            per="org",
            timezone=written.timezone,
            grace_millionths=written.grace_millionths,
            warn_at=(WARN_AT,),
            reserve=written.reserve,
        ),
        mode=Mode.ENFORCE,
        owner=written.owner,
        place=place,
        timezone=written.timezone,
        store_down=written.store_down,
    )

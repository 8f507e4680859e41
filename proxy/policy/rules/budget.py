"""The verb ``budget``: so much money in a calendar period, held before the call and settled after it."""

from __future__ import annotations

from typing import Self

import msgspec

from proxy.config.settings import Budget
from proxy.domain.decision import Obligation
from proxy.domain.meter import MeterKind, Unit
from proxy.policy.facts import Facts

MILLION = 1_000_000


class BudgetRule(msgspec.Struct, frozen=True):
    """A ceiling on the spending of the whole org; grace widens it. ``wish`` is the same for every call."""

    wish: Obligation

    @classmethod
    def of(cls, terms: Budget) -> Self:
        """The rule as the configuration writes it."""
        return cls(
            Obligation(
                rule=terms.name,
                kind=MeterKind.BUDGET,
                unit=Unit.NUSD,
                scope="org",
                limit=terms.limit_nusd + terms.limit_nusd * terms.grace_millionths // MILLION,
                period=terms.period,
                timezone=terms.timezone,
                reserve=terms.reserve,
                store_down=terms.store_down,
                owner=terms.owner,
            )
        )

    def obligation(self, facts: Facts) -> Obligation:  # noqa: ARG002 - every verb is asked the same way
        """The meter that this call must be held against."""
        return self.wish

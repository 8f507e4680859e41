"""Obligations into draws: the meter's full key, its period and the amount to hold."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from proxy.domain.decision import Obligation, Reserve
from proxy.domain.meter import Draw, MeterKind, Unit
from proxy.policy.periods import TOTAL, Period, period_at

# Stores count exactly up to 2^53. Callers may ask for more than that; no limit has room for it, so they are refused.
_MOST: Final = 2**53 - 1


class Amounts(msgspec.Struct, frozen=True):
    """What a call may use, as far as it can be known before: in nano-USD and tokens."""

    input_nusd: int  # of the estimated input alone
    expected_nusd: int
    ceiling_nusd: int | None  # None: no ceiling can be known
    expected_tokens: int


def meter_key(org: str, obligation: Obligation, period: str) -> str:
    """The store's key. The hash tag keeps all of an org's keys on one slot of a cluster."""
    suffix = f":{period}" if obligation.kind is MeterKind.BUDGET else ""
    return f"{{{org}}}:m:{obligation.rule}:{obligation.unit}:{obligation.scope}{suffix}"


def _amount(obligation: Obligation, amounts: Amounts) -> int:
    return min(_wanted(obligation, amounts), _MOST)


def _wanted(obligation: Obligation, amounts: Amounts) -> int:
    if obligation.unit is Unit.NUSD:
        if obligation.reserve is Reserve.MAX and amounts.ceiling_nusd is not None:
            return amounts.ceiling_nusd
        return amounts.expected_nusd
    return amounts.expected_tokens if obligation.unit is Unit.TOKENS else 1


@lru_cache(maxsize=1024)
def _named(org: str, obligation: Obligation, period: Period) -> str:
    """The key: the same for all calls of a period."""
    return meter_key(org, obligation, period.name)


def draw(obligation: Obligation, org: str, amounts: Amounts, at_us: int) -> Draw:
    """One draw, for the period that contains ``at_us`` (the store's clock)."""
    period = period_at(obligation.period, obligation.timezone, at_us) if obligation.kind is MeterKind.BUDGET else TOTAL
    return Draw(
        _named(org, obligation, period),
        obligation.kind,
        obligation.unit,
        _amount(obligation, amounts),
        obligation.limit,
        obligation.interval_us,
        period.start,
        period.end,
        obligation.enforce,
        obligation.rule,
    )

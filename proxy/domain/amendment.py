"""Amendments: what people change in a budget by hand, with a name and a reason. They are rows, so nobody can hide one.

A grant is given on top of the limit of one budget in one scope, until its period ends. An adjustment corrects what is
counted as spent there. Neither is a call, and neither costs anything.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from proxy.domain.meter import Charge, MeterKind


class AmendmentKind(StrEnum):
    """What is changed."""

    GRANT = "grant"
    ADJUSTMENT = "adjustment"


class Amendment(msgspec.Struct, frozen=True, kw_only=True):
    """One of them, as it is kept. ``amount_nusd`` is signed: a grant may be taken back, an adjustment mostly is negative."""

    id: str  # UUIDv7
    at: float  # unix seconds
    kind: AmendmentKind
    org: str
    rule: str  # "org/person-day"
    scope: str  # "org", "team:growth", "user:p_8f…"
    period: str  # "2026-11-23", "total"
    amount_nusd: int
    reason: str
    by: str  # who says that they did it
    account: str  # whose account of the operating system it was
    charges: tuple[Charge, ...]  # what the store must count


def charge_of(kind: AmendmentKind, key: str, amount_nusd: int, period_end: int) -> Charge:
    """What an amendment does to a budget's meter. ``period_end`` in unix seconds, 0 for one that never ends."""
    meter = MeterKind.GRANT if kind is AmendmentKind.GRANT else MeterKind.BUDGET
    return Charge(key, meter, amount_nusd, 0, period_end)

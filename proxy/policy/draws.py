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
_MINUTE_US: Final = 60_000_000  # periods begin and end at whole minutes


class Amounts(msgspec.Struct, frozen=True):
    """What a call may use, as far as it can be known before: in nano-USD and tokens."""

    input_nusd: int  # of the estimated input alone
    expected_nusd: int
    ceiling_nusd: int | None  # None: no ceiling can be known
    expected_tokens: int


def meter_key(org: str, obligation: Obligation, period: str) -> str:
    """The store's key. The hash tag keeps all of an org's keys on one slot of a cluster.

    It names rule, unit, scope and period, not the limit: a counter outlives a change of its rule. A rate's span is in it,
    because ten in a second and a hundred in a minute are two meters.
    """
    span = f"/{obligation.span_s}s" if obligation.span_s else ""
    suffix = f":{period}" if obligation.kind is MeterKind.BUDGET else ""
    return f"{{{org}}}:m:{obligation.rule}:{obligation.unit}{span}:{obligation.scope}{suffix}"


@lru_cache(maxsize=16_384)
def _named(org: str, obligation: Obligation, period: Period) -> str:
    """The key: the same for all calls of a period."""
    return meter_key(org, obligation, period.name)


def draw(obligation: Obligation, org: str, amounts: Amounts, at_us: int) -> Draw:
    """One draw, for the period that contains ``at_us`` (the store's clock)."""
    return draws((obligation,), org, amounts, at_us)[0]


def draws(obligations: tuple[Obligation, ...], org: str, amounts: Amounts, at_us: int) -> tuple[Draw, ...]:
    """A draw for each, in their order, for the periods that contain ``at_us`` (the store's clock)."""
    expected, tokens = min(amounts.expected_nusd, _MOST), min(amounts.expected_tokens, _MOST)
    most = expected if amounts.ceiling_nusd is None else min(amounts.ceiling_nusd, _MOST)
    of = (1, expected, most, tokens)
    return tuple(
        [
            Draw(key, kind, unit, of[which], *rest)
            for which, key, kind, unit, rest in _blanks(obligations, org, at_us // _MINUTE_US)
        ]
    )


_Blank = tuple[int, str, MeterKind, Unit, tuple[int, int, int, int, bool, str]]


@lru_cache(maxsize=1024)
def _blanks(obligations: tuple[Obligation, ...], org: str, minute: int) -> tuple[_Blank, ...]:
    """What stays the same for all calls of a minute that are held on these: which amount they draw, and all of a draw else."""
    return tuple([_blank(wish, org, minute * _MINUTE_US) for wish in obligations])


def _blank(wish: Obligation, org: str, at_us: int) -> _Blank:
    period = period_at(wish.period, wish.timezone, at_us) if wish.kind is MeterKind.BUDGET else TOTAL
    rest = (wish.limit, wish.interval_us, period.start, period.end, wish.enforce, wish.rule)
    return _which(wish), _named(org, wish, period), wish.kind, wish.unit, rest


def _which(wish: Obligation) -> int:
    """The amount that it draws: 0 one, 1 the money expected, 2 the most money, 3 tokens."""
    if wish.unit is Unit.NUSD:
        return 2 if wish.reserve is Reserve.MAX else 1
    return 3 if wish.unit is Unit.TOKENS else 0

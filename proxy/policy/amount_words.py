"""Amounts of meters as people write them: dollars to the cent where cents suffice, thousands with commas, spans in hours."""

from __future__ import annotations

from typing import Final

from proxy.domain.decision import Obligation
from proxy.domain.meter import MeterKind, Unit
from proxy.domain.money import format_usd

CENT: Final = 10_000_000  # nUSD
LARGE: Final = 1000 * CENT  # above ten dollars, fractions of a cent are noise
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def amount_text(unit: Unit, amount: int) -> str:
    """``$14.62`` or ``400,000``."""
    if unit is not Unit.NUSD:
        return f"{amount:,}"
    return "$" + format_usd(amount, places=2 if amount % CENT == 0 or amount >= LARGE else 6)


def limit_text(wish: Obligation) -> str:
    """A limit with what widens it: ``$15.00 (grace to $16.50)``, ``60 requests/min``."""
    if wish.kind is not MeterKind.BUDGET:
        return wish.told or f"{wish.limit:,} {wish.unit}"
    base = wish.base or wish.limit
    notes = [f"{amount_text(wish.unit, wish.granted)} of it granted"] if wish.granted else []
    notes += [f"grace to {amount_text(wish.unit, wish.limit)}"] if wish.limit > base else []
    return amount_text(wish.unit, base) + (f" ({', '.join(notes)})" if notes else "")


def scope_text(wish: Obligation) -> str:
    """Whose meter it is, for the one who ran into it. People are not named: the reader knows who they are."""
    what, _, name = wish.scope.partition(":")
    if what == "user":
        return "you"
    if what == "org":
        return "the organisation"
    if what == "project" and not name:
        return "calls of no project"
    return f"{what} {name}"


def span_text(seconds: float) -> str:
    """``9 h 12 min``, ``3 d 4 h``, ``40 s``; rounded up."""
    left = max(0, int(-(-seconds // 1)))
    if left < _MINUTE:
        return f"{left} s"
    left = -(-left // _MINUTE) * _MINUTE
    parts = [(left // _DAY, "d"), (left % _DAY // _HOUR, "h"), (left % _HOUR // _MINUTE, "min")]
    return " ".join([f"{count} {unit}" for count, unit in parts if count][:2])

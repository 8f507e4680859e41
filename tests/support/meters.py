"""Draws, holds and entries as tests write them."""

from __future__ import annotations

from proxy.domain.meter import Charge, Draw, Hold, MeterKind, Settlement, Unit

ORG = "acme"
DAY = 86_400
FAR = 4_102_444_800  # 2100-01-01


def budget(amount: int, limit: int = 1_000, name: str = "day", **more: object) -> Draw:
    """A budget whose period contains every now."""
    fields: dict[str, object] = {"period_start": 1, "period_end": FAR} | more
    return Draw(f"{{{ORG}}}:m:{name}", MeterKind.BUDGET, Unit.NUSD, amount, limit, **fields)  # type: ignore[arg-type]  # fields of Draw


def rate(amount: int, burst: int, interval_us: int, name: str = "rate", **more: object) -> Draw:
    """A rate of tokens."""
    key = f"{{{ORG}}}:m:{name}"
    return Draw(key, MeterKind.RATE, Unit.TOKENS, amount, burst, interval_us=interval_us, **more)  # type: ignore[arg-type]  # fields of Draw


def parallel(limit: int, name: str = "live", **more: object) -> Draw:
    """A number of live calls."""
    return Draw(f"{{{ORG}}}:m:{name}", MeterKind.PARALLEL, Unit.CALLS, 1, limit, **more)  # type: ignore[arg-type]  # fields of Draw


def a_hold(hold_id: str, *draws: Draw, floor: int = 0, whole: bool = False) -> Hold:
    """A hold with facts."""
    return Hold(hold_id, ORG, draws, b'{"n":"%s"}' % hold_id.encode(), floor, whole)


def charge(draw: Draw, amount: int) -> Charge:
    """The final amount for the meter of a draw."""
    return Charge(draw.key, draw.kind, amount, draw.interval_us, draw.period_end)


def entry(seq: int, hold_id: str, *charges: Charge, journal: str = "A", swept: bool = False) -> Settlement:
    """A journal entry."""
    return Settlement(ORG, journal, seq, hold_id, charges, swept)

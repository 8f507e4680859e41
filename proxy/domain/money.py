"""Money is a whole number of nano-US-dollars (nUSD); this file is the only place where it becomes text or is read from it.

Prices are exact in nano-dollars per million tokens; a float never touches an amount.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

NANO_PER_USD = 1_000_000_000


def usd_to_nusd(amount: str | int | Decimal) -> int:
    """Nano-dollars of an amount in dollars, rounded half-even; ``ValueError`` when it is no finite number."""
    try:
        exact = Decimal(amount) * NANO_PER_USD
    except InvalidOperation:
        msg = f"{amount!r} is not an amount of money"
        raise ValueError(msg) from None
    if not exact.is_finite():
        msg = f"{amount!r} is not an amount of money"
        raise ValueError(msg)
    return int(exact.to_integral_value(ROUND_HALF_EVEN))


def format_usd(nusd: int, *, places: int = 6) -> str:
    """Dollars with ``places`` decimals, half-even: ``4231000`` is ``"0.004231"``; never scientific notation."""
    exact = (Decimal(nusd) / NANO_PER_USD).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    return f"{exact:f}"


def exact_usd(nusd: int) -> str:
    """Dollars to the last nano-dollar, with six decimals at least: ``4231000`` is ``"0.004231"``, 1 ``"0.000000001"``."""
    whole, _, decimals = format_usd(nusd, places=9).partition(".")
    return f"{whole}.{decimals[:6]}{decimals[6:].rstrip('0')}"

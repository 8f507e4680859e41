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
    """Dollars with ``places`` decimals (at most 9), half-even: ``4231000`` is ``"0.004231"``; never scientific notation.

    Integers throughout: every answer carries such a figure, and Decimal took ten times as long.
    """
    step = 10 ** (9 - places)
    whole, rest = divmod(abs(nusd), step)
    if rest * 2 > step or (rest * 2 == step and whole & 1):
        whole += 1
    dollars, fraction = divmod(whole, 10**places)
    return f"{'-' if nusd < 0 and whole else ''}{dollars}.{fraction:0{places}d}" if places else str(dollars)


def exact_usd(nusd: int) -> str:
    """Dollars to the last nano-dollar, with six decimals at least: ``4231000`` is ``"0.004231"``, 1 ``"0.000000001"``."""
    whole, _, decimals = format_usd(nusd, places=9).partition(".")
    return f"{whole}.{decimals[:6]}{decimals[6:].rstrip('0')}"

"""How people write sizes, times, shares and money in YAML: ``16MiB``, ``5s``, ``10%``, ``$100/day``.

Each reader takes the scalar's text and returns a number with the unit in its name, or raises ``ValueError`` with a
sentence that shows the right form. Money goes through Decimal, never through float.
"""

from __future__ import annotations

import re
from decimal import Decimal

from proxy.config.masking import shown
from proxy.domain.money import usd_to_nusd

MILLION = 1_000_000
PERIODS = ("hour", "day", "week", "month", "total")
_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_THOUSANDS = {"": 1, "k": 10**3, "M": MILLION}
_MAX_DURATION_S = 366 * 86400
_MAX_USD = 9 * MILLION  # the store compares nano-dollars in Lua, whose numbers are exact up to 2**53
# [0-9], not \d: digits of other scripts are not what anybody means. Lengths are bounded, so no number can be a bomb.
_NUMBER = r"([0-9]{1,15}(?:\.[0-9]{1,12})?|\.[0-9]{1,12})"
_DURATION = re.compile(_NUMBER + r" ?(ms|s|m|h|d)")
_SIZE = re.compile(_NUMBER + r" ?(B|KB|MB|GB|KiB|MiB|GiB)")
_PERCENT = re.compile(_NUMBER + r" ?%")
_MONEY = re.compile(r"\$ ?" + _NUMBER + r"(k|M)?")
_PRICE = re.compile(r"\$?" + _NUMBER)
_WHOLE = re.compile(r"[0-9]{1,18}")


def as_text(value: object, wanted: str) -> str:
    """Return the scalar without outer space; ``ValueError`` saying what is ``wanted`` instead of a list or mapping."""
    if isinstance(value, str):
        return value.strip()
    found = "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else "nothing"
    raise ValueError(f"wants {wanted}, found {found}")


def duration_s(value: object) -> float:
    """Seconds of ``300ms``, ``5s``, ``10m``, ``4h`` or ``90d``; at most a year."""
    text = as_text(value, "a duration such as 5s")
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError(f"{shown(text)} is not a duration; write a number and ms, s, m, h or d, such as 5s")
    seconds = Decimal(found[1]) * _SECONDS[found[2]]
    if seconds > _MAX_DURATION_S:
        raise ValueError(f"{shown(text)} is longer than a year")
    return float(seconds)


def positive_duration_s(value: object) -> float:
    """Read a duration above zero."""
    seconds = duration_s(value)
    if seconds <= 0:
        raise ValueError("must be longer than 0s")
    return seconds


def size_bytes(value: object) -> int:
    """Bytes of ``16MiB``, ``64KiB``, ``10MB`` or ``512B``."""
    text = as_text(value, "a size such as 16MiB")
    found = _SIZE.fullmatch(text)
    if not found:
        raise ValueError(f"{shown(text)} is not a size; write a number and B, KiB, MiB or GiB, such as 16MiB")
    exact = Decimal(found[1]) * _BYTES[found[2]]
    if exact != exact.to_integral_value() or not 0 < exact <= 1 << 40:
        raise ValueError(f"{shown(text)} is not a whole number of bytes between 1B and 1024GiB")
    return int(exact)


def share_millionths(value: object) -> int:
    """Millionths of a percentage from ``0%`` to ``100%``."""
    text = as_text(value, "a percentage such as 10%")
    found = _PERCENT.fullmatch(text)
    if not found:
        raise ValueError(f"{shown(text)} is not a percentage; write it as 10%")
    exact = Decimal(found[1]) * 10_000
    if exact > MILLION:
        raise ValueError(f"{shown(text)} is more than 100%")
    return int(exact.to_integral_value())


def usd_nusd(value: object) -> int:
    """Nano-dollars of ``$120``, ``$0.50``, ``$120k`` or ``$2M``."""
    text = as_text(value, "an amount such as $100")
    found = _MONEY.fullmatch(text)
    if not found:
        raise ValueError(f"{shown(text)} is not an amount; write it as $100, $0.50 or $120k")
    exact = Decimal(found[1]) * _THOUSANDS[found[2] or ""]
    if exact > _MAX_USD:
        raise ValueError(f"{shown(text)} is more than $9M")
    return usd_to_nusd(exact)


def spending_limit(value: object) -> tuple[int, str]:
    """Nano-dollars and period of ``$100/day``."""
    text = as_text(value, "a limit such as $100/day")
    amount, slash, period = text.partition("/")
    if not slash:
        raise ValueError(f"{shown(text)} has no period; write it as $100/day, with one of {', '.join(PERIODS)}")
    if period.strip() not in PERIODS:
        raise ValueError(f"{shown(period)} is not a period; one of {', '.join(PERIODS)}")
    return usd_nusd(amount), period.strip()


def price_nusd(value: object) -> int:
    """Nano-dollars of a bare number of dollars: ``0.20``, as price lists print it."""
    text = as_text(value, "a price in dollars such as 0.20")
    found = _PRICE.fullmatch(text)
    if not found:
        raise ValueError(f"{shown(text)} is not a price; write dollars as a decimal number, such as 0.20")
    return usd_to_nusd(found[1])


def factor_millionths(value: object) -> int:
    """Millionths of a factor such as ``0.5`` or ``2``; at most 100."""
    text = as_text(value, "a factor such as 0.5")
    if not re.fullmatch(_NUMBER, text) or Decimal(text) > 100:  # noqa: PLR2004 - no lane is dearer than that
        raise ValueError(f"{shown(text)} is not a factor; write a decimal number up to 100, such as 0.5")
    return int((Decimal(text) * MILLION).to_integral_value())


def whole(value: object) -> int:
    """Read decimal digits only; ``012``, ``0x1f`` and ``1_0`` mean different things to different readers."""
    text = as_text(value, "a whole number")
    if not _WHOLE.fullmatch(text) or (len(text) > 1 and text[0] == "0"):
        raise ValueError(f"{shown(text)} is not a whole number; write decimal digits only")
    return int(text)


def yes_or_no(value: object) -> bool:
    """Read ``true`` or ``false``; nothing else, for ``no`` is also a country and ``on`` a key."""
    text = as_text(value, "true or false")
    if text not in {"true", "false"}:
        raise ValueError(f"{shown(text)} is not a switch; write true or false")
    return text == "true"

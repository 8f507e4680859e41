"""How people write what a policy counts: ``400k tokens/min``, ``16k``, ``200 requests``, ``100%``, ``$120/day``.

Readers of text in the manner of ``config.quantities``: a number with its unit comes back, or ``ValueError`` with a
sentence that shows the right form. Beside each stands its type for the shapes, with the pattern that editors check.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Final, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, PlainValidator, WithJsonSchema

from proxy.config.masking import shown
from proxy.config.problems import did_you_mean
from proxy.config.quantities import MILLION, as_text, share_millionths, spending_limit, usd_nusd
from proxy.config.shape import written
from proxy.policy.terms import Pace

MOST_COUNT: Final = 10**12  # tokens or requests; more is a slip of the finger
_MOST_BURST = 100 * MILLION
_PARTS = {"": 1, "k": 1_000, "M": MILLION}
_NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,6})?"
_COUNT = re.compile(rf"({_NUMBER})(k|M)?")
_PACE = re.compile(r"(\S+) +([A-Za-z]+) ?/ ?([A-Za-z]+)")
_COUNTED = re.compile(r"(\S+) +([A-Za-z]+)")
_PERCENT = re.compile(rf"({_NUMBER}) ?%")
_UNITS = {"request": "requests", "requests": "requests", "token": "tokens", "tokens": "tokens"}
_PER_S = {"s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400}
_SHOWN_UNITS, _SHOWN_SPANS = ("requests", "tokens"), ("s", "min", "hour", "day")
_DATE = "2027-01-01"
T = TypeVar("T")


def count(value: object) -> int:
    """Read ``8``, ``16k`` or ``1.5M``: how many of something, at least one."""
    text = as_text(value, "a number such as 16k")
    found = _COUNT.fullmatch(text)
    if not found or (text[0] == "0" and text[1:2].isdigit()):
        raise ValueError(f"{shown(text)} is not a number; write digits, with k or M for thousands or millions: 16k")
    exact = Decimal(found[1]) * _PARTS[found[2] or ""]
    if exact != exact.to_integral_value() or not 0 < exact <= MOST_COUNT:
        raise ValueError(f"{shown(text)} is not a whole number of 1 or more")
    return int(exact)


def pace(value: object) -> Pace:
    """Read ``10 requests/min`` or ``400k tokens/min``."""
    text = as_text(value, "a pace such as 10 requests/min")
    found = _PACE.fullmatch(text)
    if not found:
        raise ValueError(f"{shown(text)} is not a pace; write it as 10 requests/min or 400k tokens/min")
    unit = _known(found[2], _UNITS, _SHOWN_UNITS, "unit")
    per_s = _known(found[3], _PER_S, _SHOWN_SPANS, "span of time")
    return Pace(unit, count(found[1]), per_s)


def requests(value: object) -> int:
    """Read ``200 requests``."""
    text = as_text(value, "a number such as 200 requests")
    found = _COUNTED.fullmatch(text)
    if not found or _UNITS.get(found[2]) != "requests":
        near = did_you_mean(found[2], ("requests",)) if found else ""
        raise ValueError(f"{shown(text)} is not a number of requests; " + (near or "write it as 200 requests"))
    return count(found[1])


def burst_millionths(value: object) -> int:
    """Read ``50%`` or ``200%`` of an amount, as millionths."""
    text = as_text(value, "a percentage such as 100%")
    found = _PERCENT.fullmatch(text)
    if not found:
        raise ValueError(f"{shown(text)} is not a percentage; write it as 100%")
    exact = Decimal(found[1]) * 10_000
    if not 0 < exact <= _MOST_BURST:
        raise ValueError(f"{shown(text)} is not between 0% and 10000%")
    return int(exact)


def moment(value: object, timezone: str) -> float:
    """Read ``2027-01-01`` (its first moment in ``timezone``) or a time with its offset; returns unix seconds."""
    text = as_text(value, f"a date such as {_DATE}")
    try:
        if len(text) == len(_DATE):
            return datetime.combine(date.fromisoformat(text), time(), ZoneInfo(timezone)).timestamp()
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{shown(text)} is not a date; write {_DATE} or {_DATE}T18:00:00+01:00") from None
    if found.tzinfo is None:
        raise ValueError(f"{shown(text)} does not say in which zone; add Z or an offset such as +01:00")
    return found.timestamp()


def _known(word: str, known: dict[str, T], shown_words: tuple[str, ...], what: str) -> T:
    if word not in known:
        hint = did_you_mean(word, known) or f"one of {', '.join(shown_words)}"
        raise ValueError(f"{shown(word)} is not a {what}; {hint}")
    return known[word]


_COUNT_SCHEMA = WithJsonSchema({
    "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^[0-9.]+[kM]?$"}]
})  # fmt: skip
Count = Annotated[int, BeforeValidator(count), _COUNT_SCHEMA]
APace = Annotated[Pace, PlainValidator(pace), written(r"[0-9.]+[kM]? +(requests?|tokens?)/(s|min|hour|day)")]
Requests = Annotated[int, BeforeValidator(requests), written(r"[0-9.]+[kM]? +requests?")]
Burst = Annotated[int, BeforeValidator(burst_millionths), written(r"[0-9.]+ ?%")]
Usd = Annotated[int, BeforeValidator(usd_nusd), written(r"\$ ?[0-9.]+[kM]?")]
Spending = Annotated[
    tuple[int, str],
    BeforeValidator(spending_limit),
    written(r"\$ ?[0-9.]+[kM]?/(hour|day|week|month|total)"),
]
SharePart = Annotated[float, BeforeValidator(lambda value: share_millionths(value) / MILLION), written(r"[0-9.]+ ?%")]

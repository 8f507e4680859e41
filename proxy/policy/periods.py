"""Calendar periods: what a budget of a day, a week or a month covers, in its own timezone.

A period is found from the store's clock, and its name stands in the meter's key, so that a spent period stays readable
after the next one began. Local days may have 23 or 25 hours; bounds are therefore computed in local time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

PERIODS = ("hour", "day", "week", "month", "total")


class Period(msgspec.Struct, frozen=True):
    """A stretch of time. ``start`` and ``end`` are unix seconds, end exclusive; 0 and 0 for ``total``."""

    name: str  # "2026-11-23", "2026-W48", "2026-11", "2026-11-23T10+0100", "total"
    start: int
    end: int
    resets_at: str | None  # ISO 8601 in the budget's timezone; None for `total`


TOTAL = Period("total", 0, 0, None)


@lru_cache(maxsize=512)
def _containing(period: str, timezone: str, minute: int) -> Period:
    local = datetime.fromtimestamp(minute * 60, UTC).astimezone(ZoneInfo(timezone))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if period == "hour":
        # In UTC arithmetic, and named by this moment: the two equal hours of an autumn night are two periods, and where
        # clocks change by half an hour, the hour's beginning may have another offset, or not exist.
        begin = local.astimezone(UTC) - timedelta(minutes=local.minute)
        start, end = begin.astimezone(local.tzinfo), (begin + timedelta(hours=1)).astimezone(local.tzinfo)
        name = local.strftime("%Y-%m-%dT%H%z")
    elif period == "day":
        start, end, name = midnight, midnight + timedelta(days=1), midnight.strftime("%Y-%m-%d")
    elif period == "week":
        start = midnight - timedelta(days=midnight.weekday())
        end, name = start + timedelta(days=7), start.strftime("%G-W%V")
    elif period == "month":
        start = midnight.replace(day=1)
        end, name = (start + timedelta(days=32)).replace(day=1), start.strftime("%Y-%m")
    else:
        raise ValueError(f"no such period: {period!r}; there are {', '.join(PERIODS)}")
    return Period(name, int(start.timestamp()), int(end.timestamp()), end.isoformat())


def period_at(period: str, timezone: str, at_us: int) -> Period:
    """The period that contains ``at_us`` (microseconds since 1970). ``ValueError`` for an unknown period."""
    if period == "total":
        return TOTAL
    return _containing(period, timezone, at_us // 60_000_000)

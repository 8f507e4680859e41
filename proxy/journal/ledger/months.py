"""Which month's partition a row belongs to. Pure.

Request ids are UUIDv7, so they begin with their time and the ids of a month are one range of texts. The range is all
that counts: the same id always falls into the same month, whatever it looks like and whatever its row says of time. Ids
outside every month (no UUIDv7, or of a broken clock) lie before the first or beyond the last, where a partition each waits.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime
from typing import Final

FIRST_YEAR, LAST_YEAR = 2020, 2099

Month = tuple[int, int]  # year, month; in UTC


def id_at(at: float) -> str:
    """The least UUIDv7 of a moment (unix seconds), as far as its milliseconds say."""
    stamp = f"{max(0, int(at * 1000)):012x}"
    return f"{stamp[:8]}-{stamp[8:]}"


def after(month: Month) -> Month:
    """The month that follows."""
    year, number = month
    return (year, number + 1) if number < 12 else (year + 1, 1)  # noqa: PLR2004 - months of a year


def month_at(at: float) -> Month:
    """The month of a moment."""
    when = datetime.fromtimestamp(at, UTC)
    return when.year, when.month


def bounds(month: Month) -> tuple[str, str]:
    """The ids of a month: from the first, up to and without the second."""
    return _first_id(month), _first_id(after(month))


def month_of(request_id: str) -> Month | None:
    """The month in whose range an id lies; None for one outside all of them."""
    place = bisect_right(_STARTS, request_id)
    return _MONTHS[place - 1] if 0 < place < len(_STARTS) else None


def _first_id(month: Month) -> str:
    return id_at(datetime(*month, 1, tzinfo=UTC).timestamp())


_MONTHS: Final = tuple((year, month) for year in range(FIRST_YEAR, LAST_YEAR + 1) for month in range(1, 13))
_STARTS: Final = (*(_first_id(month) for month in _MONTHS), _first_id((LAST_YEAR + 1, 1)))
FIRST_ID, LAST_ID = _STARTS[0], _STARTS[-1]  # ids from the one, without the other, belong to a month

"""Spans of time as people say them: ``24h``, ``30d``, ``2w``, ``today``, ``2026-11-01``. Pure; all in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_HOURS: Final = {"h": 1, "d": 24, "w": 168}
_AGO: Final = re.compile(r"(\d{1,5})([hdw])")
_DAYS: Final = {"today": 0, "yesterday": 1}


def instant(said: str, now: float) -> float:
    """Unix seconds of what was said: a time ago, the start of a day, or an ISO date or time. Raises ``ValueError``."""
    text = said.strip().lower()
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * _HOURS[ago[2]] * 3600
    if text in _DAYS:
        midnight = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight - timedelta(days=_DAYS[text])).timestamp()
    try:
        when = datetime.fromisoformat(said.strip())
    except ValueError:
        raise ValueError(f"{said!r} is no time; say 24h, 30d, 2w, today, yesterday or 2026-11-01") from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()

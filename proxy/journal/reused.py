"""What a report of repeats takes from the record: who called in a team's day, as far as the floor needs it, and what was saved.

Only commands import this: SQLAlchemy is 20 MB that a worker shall not carry.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

import msgspec
import sqlalchemy as sa

from proxy.journal.floor import People
from proxy.journal.table import ATTEMPTS, Source, reading, told

DAY_S: Final = 86_400
_FIRST: Final = date(1970, 1, 1).toordinal()
_REUSED: Final = ("cache_hit", "coalesced")
_ANSWERED: Final = ("ok", *_REUSED)
_a: Final = ATTEMPTS.c


class Recorded(msgspec.Struct, gc=False):
    """A team's day. ``people``: their calls that were answered, by pseudonym; it is for the floor and is never shown."""

    people: People = msgspec.field(default_factory=People)
    reused: int = 0  # calls answered from the cache
    saved_nusd: int = 0


def day_name(day: int) -> str:
    """``2026-11-23`` of days since 1970, in UTC."""
    return date.fromordinal(_FIRST + day).isoformat()


def read_recorded(source: Source, days: Iterable[int]) -> dict[tuple[str, int], Recorded]:
    """What stands in the record of these days (since 1970, UTC), by team and day. Raises ``Unreadable``."""
    found: dict[tuple[str, int], Recorded] = {}
    reused = sa.case((_a.outcome.in_(_REUSED), 1), else_=0)
    figures = sa.func.count(), sa.func.sum(reused), sa.func.sum(_a.saved_nusd)
    with reading(source) as db:
        for day in days:
            span = sa.and_(told(day * DAY_S, (day + 1) * DAY_S), _a.outcome.in_(_ANSWERED))
            lines = sa.select(_a.team, _a.principal, *figures).where(span).group_by(_a.team, _a.principal)
            for team, principal, calls, answered, saved in db.execute(lines):
                one = found.setdefault((team, day), Recorded())
                one.people[principal] += int(calls)
                one.reused += int(answered)
                one.saved_nusd += int(saved)
    return found

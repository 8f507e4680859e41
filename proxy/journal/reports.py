"""What was spent, by team, project, model or upstream: one set of queries for SQLite and, later, PostgreSQL.

No report ranks people: principals, keys and sessions are no groups here, and a request for one is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from proxy.journal.schema import OPEN, connect_readonly

GROUPS: Final = ("team", "project", "model", "upstream")
_PEOPLE: Final = frozenset({"user", "users", "key", "key_id", "principal", "person", "people", "session", "developer"})
_SLACK_S: Final = 3600.0  # between a request's id and its time, generously
_REFUSED: Final = ("denied", "throttled")

_attempts: Final = sa.table(
    "attempts",
    *(sa.column(name, sa.Text()) for name in ("request_id", "outcome", "usage_source", *GROUPS)),
    *(
        sa.column(name, sa.BigInteger())
        for name in ("rank", "input", "cached_read", "cache_write", "output", "reasoning")
    ),
    *(sa.column(name, sa.BigInteger()) for name in ("cost_nusd", "saved_nusd")),
    sa.column("at", sa.Float()),
)
_a: Final = _attempts.c


class Spent(msgspec.Struct, frozen=True):
    """One line of a report. ``group`` holds a value for each ``by``, "" where rows have none; money in nano-USD."""

    group: tuple[str, ...]
    calls: int
    input: int
    cached_read: int
    cache_write: int
    output: int
    reasoning: int
    cost_nusd: int
    unreported_nusd: int  # of the cost: what rests on figures that the provider did not finally report
    saved_nusd: int

    @property
    def unreported_share(self) -> float:
        """The part of the cost that is estimated or partial, 0 to 1."""
        return self.unreported_nusd / self.cost_nusd if self.cost_nusd else 0.0


class Spend(msgspec.Struct, frozen=True):
    """A spend report: its lines, dearest first, and their total (a call in two groups counts once in it)."""

    by: tuple[str, ...]
    since: float
    until: float
    lines: tuple[Spent, ...]
    total: Spent


def check_groups(by: Sequence[str]) -> tuple[str, ...]:
    """The groups as asked, each once. Raises ``ValueError`` that says what can be asked and why not more."""
    for name in by:
        if name.lower() in _PEOPLE:
            raise ValueError(f"no report ranks people, so there is no --by {name}; ask by {', '.join(GROUPS)}")
        if name not in GROUPS:
            raise ValueError(f"{name!r} is no group; ask by {', '.join(GROUPS)}")
    return tuple(dict.fromkeys(by))


def open_reports(path: Path) -> sa.Engine:
    """An engine over ``calls.db`` that only reads, beside a running proxy."""
    return sa.create_engine("sqlite://", creator=lambda: connect_readonly(path), poolclass=sa.pool.NullPool)


def spend(db: sa.Connection, by: Sequence[str], since: float, until: float) -> Spend:
    """What calls of a span cost (unix seconds, ``until`` excluded); refused calls cost nothing and are left out."""
    groups = check_groups(by)
    columns = [_a[name] for name in groups]
    span = sa.and_(
        sa.literal_column("rank") > sa.literal_column("0"),  # as in the index
        _a.rank > OPEN,
        _a.request_id >= _id_at(since - _SLACK_S),
        _a.at >= since,
        _a.at < until,
        _a.outcome.not_in(_REFUSED),
    )
    lines = sa.select(*columns, *_sums()).where(span).group_by(*columns).order_by(sa.desc("cost_nusd"), *columns)
    total = sa.select(*_sums()).where(span)
    return Spend(
        groups,
        since,
        until,
        tuple(_spent(tuple(line), len(groups)) for line in db.execute(lines)),
        _spent(tuple(db.execute(total).one()), 0),
    )


def _sums() -> list[sa.ColumnElement[Any]]:
    unreported = sa.case((_a.usage_source != "reported", _a.cost_nusd), else_=0)
    figures: list[tuple[str, sa.ColumnElement[Any]]] = [
        *((name, _a[name]) for name in ("input", "cached_read", "cache_write", "output", "reasoning", "cost_nusd")),
        ("unreported_nusd", unreported),
        ("saved_nusd", _a.saved_nusd),
    ]
    calls = sa.func.count(sa.distinct(_a.request_id)).label("calls")
    return [calls, *(sa.func.coalesce(sa.func.sum(figure), 0).label(name) for name, figure in figures)]


def _spent(line: tuple[Any, ...], groups: int) -> Spent:
    return Spent(tuple(line[:groups]), *(int(value) for value in line[groups:]))


def _id_at(at: float) -> str:
    """The least UUIDv7 of a moment: ids begin with their milliseconds, so the index on them finds a span."""
    stamp = f"{max(0, int(at * 1000)):012x}"
    return f"{stamp[:8]}-{stamp[8:]}"

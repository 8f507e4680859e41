"""Spend reports: one set of queries for SQLite and, later, PostgreSQL.

Only commands import this: SQLAlchemy is 20 MB that a worker shall not carry.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from proxy.journal.schema import OPEN, connect_readonly
from proxy.journal.spent import GROUPS, Spend, Spent, Unreadable, check_groups

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


def read_spend(path: Path, by: Sequence[str], since: float, until: float) -> Spend:
    """The report on ``calls.db``, also beside a running proxy. Raises ``Unreadable``, and ``ValueError`` as ``spend``."""
    engine = sa.create_engine("sqlite://", creator=lambda: connect_readonly(path), poolclass=sa.pool.NullPool)
    try:
        with engine.connect() as db:
            return spend(db, by, since, until)
    except (sqlite3.Error, sa.exc.DBAPIError) as error:
        raise Unreadable(f"{path} cannot be read: {error}") from error


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

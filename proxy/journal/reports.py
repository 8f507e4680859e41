"""Spend reports: one set of queries for SQLite and PostgreSQL.

Only commands import this: SQLAlchemy is 20 MB that a worker shall not carry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from proxy.journal.spent import Spend, Spent, check_groups
from proxy.journal.table import ATTEMPTS, Source, reading, told

_REFUSED: Final = ("denied", "throttled")
_a: Final = ATTEMPTS.c


def read_spend(source: Source, by: Sequence[str], since: float, until: float) -> Spend:
    """The report on a file or the ledger. Raises ``Unreadable``, and ``ValueError`` as ``spend``."""
    with reading(source) as db:
        return spend(db, by, since, until)


def spend(db: sa.Connection, by: Sequence[str], since: float, until: float) -> Spend:
    """What calls of a span cost (unix seconds, ``until`` excluded); refused calls cost nothing and are left out.

    A call that failed over left a row for each attempt: its costs add up, and it counts once.
    """
    groups = check_groups(by)
    columns = [_a[name] for name in groups]
    span = sa.and_(told(since, until), _a.outcome.not_in(_REFUSED))
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

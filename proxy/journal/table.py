"""The table of rows as SQLAlchemy knows it: one definition, for the file of a machine and for the ledger of all.

Only commands import this: SQLAlchemy is 20 MB that a worker shall not carry.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from proxy.config.ledger_url import LedgerPlace
from proxy.journal.ledger import door, schema
from proxy.journal.ledger.columns import COLUMNS, REAL, TEXT, WHOLE
from proxy.journal.ledger.months import id_at
from proxy.journal.schema import OPEN, connect_readonly
from proxy.journal.spent import Unreadable

Source = Path | LedgerPlace  # a machine's file, or the ledger

_TYPES: Final[Mapping[str, sa.types.TypeEngine[Any]]] = {TEXT: sa.Text(), WHOLE: sa.BigInteger(), REAL: sa.Float()}
_SLACK_S: Final = 3600.0  # between a request's id and its time, generously

ATTEMPTS: Final = sa.Table("attempts", sa.MetaData(), *(sa.Column(name, _TYPES[kind]) for name, kind in COLUMNS))


def told(since: float, until: float) -> sa.ColumnElement[bool]:
    """Rows of calls that began in a span (unix seconds, ``until`` excluded); open rows say nothing yet.

    The ids carry their time, so an index finds the span in the file, and PostgreSQL leaves out the other months.
    """
    columns = ATTEMPTS.c
    return sa.and_(
        sa.literal_column("rank") > sa.literal_column("0"),  # as it stands in the index
        columns.rank > OPEN,
        columns.request_id >= id_at(since - _SLACK_S),
        columns.at >= since,
        columns.at < until,
    )


@contextmanager
def reading(source: Source) -> Iterator[sa.Connection]:
    """A connection that sees one moment where it reads the ledger, also beside a running proxy. Raises ``Unreadable``."""
    try:
        engine = _ledger(source) if isinstance(source, LedgerPlace) else _file(source)
        with engine.connect() as connection:
            yield connection
    except door.LedgerAway as error:
        raise Unreadable(str(error)) from None
    except (sqlite3.Error, sa.exc.DBAPIError) as error:
        raise Unreadable(f"{_name(source)} cannot be read: {_words(source, error)}") from None


def _file(path: Path) -> sa.Engine:
    return sa.create_engine("sqlite://", creator=lambda: connect_readonly(path), poolclass=sa.pool.NullPool)


def _ledger(place: LedgerPlace) -> sa.Engine:
    def open_ledger() -> door.Connection:
        connection = door.connect(place)
        try:
            with door.told(place):
                schema.require(connection)
        except BaseException:
            connection.close()
            raise
        connection.autocommit = False
        return connection

    return sa.create_engine(
        "postgresql+psycopg://",
        creator=open_ledger,
        poolclass=sa.pool.NullPool,
        isolation_level="REPEATABLE READ",
        use_native_hstore=False,
        execution_options={"schema_translate_map": {None: schema.SCHEMA}},
    )


def _name(source: Source) -> str:
    return f"the ledger at {source}" if isinstance(source, LedgerPlace) else str(source)


def _words(source: Source, error: Exception) -> str:
    """What went wrong, without SQL and without credentials."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error
    first = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
    return source.without_credentials(first) if isinstance(source, LedgerPlace) else first

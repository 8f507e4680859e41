"""The shape of the ledger, kept in a schema of its own (``tallygate``) and brought up to date by whoever comes first.

An advisory lock lets machines that start together take turns. A ledger of a newer release is left as it is.
"""

from __future__ import annotations

from typing import Final

from proxy.journal.ledger.columns import COLUMNS, MACHINE, TEXT
from proxy.journal.ledger.door import Connection, LedgerAway, transaction
from proxy.journal.ledger.months import FIRST_ID, LAST_ID

SCHEMA: Final = "tallygate"
_TURN: Final = 0x74616C6C79  # "tally": the advisory lock of everything that changes tables


def _column(name: str, kind: str) -> str:
    # "C": texts compare byte by byte as in SQLite, so that reports have one order and ids lie in the order of time.
    collation = ' COLLATE "C"' if kind == TEXT else ""
    return f'"{name}" {kind}{collation} NOT NULL'


MIGRATIONS: Final = (
    # 1: the key names the attempt, and begins with what the months are made of. There is no default partition, because
    # a new one could then not be attached while anybody reads.
    f"""
    CREATE TABLE tallygate.attempts (
        {", ".join(_column(name, kind) for name, kind in (*COLUMNS, (MACHINE, TEXT)))},
        PRIMARY KEY (request_id, attempt)
    ) PARTITION BY RANGE (request_id);
    CREATE TABLE tallygate.attempts_before PARTITION OF tallygate.attempts FOR VALUES FROM (MINVALUE) TO ('{FIRST_ID}');
    CREATE TABLE tallygate.attempts_beyond PARTITION OF tallygate.attempts FOR VALUES FROM ('{LAST_ID}') TO (MAXVALUE);
    CREATE TABLE tallygate.shipped (
        machine text NOT NULL, journal bigint NOT NULL, seq bigint NOT NULL, PRIMARY KEY (machine, journal)
    )
    """,
)


def prepare(connection: Connection) -> None:
    """Make or migrate the tables. Raises ``LedgerAway`` for a newer ledger or another encoding, and psycopg's errors."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise LedgerAway(f"the ledger's database has the encoding {encoding}; make one with UTF8", refused=True)
    if _is_known(version(connection)):
        return
    with transaction(connection):
        take_turn(connection)
        found = version(connection)
        if _is_known(found):
            return
        if found is None:
            _make_schema(connection)
        for script in MIGRATIONS[found or 0 :]:
            for statement in script.split(";\n"):
                connection.execute(statement)
        connection.execute("UPDATE tallygate.version SET number = %s", (len(MIGRATIONS),))


def require(connection: Connection) -> None:
    """For readers, who change nothing. Raises ``LedgerAway`` when the tables are not those of this release."""
    found = version(connection)
    if not _is_known(found):
        was = "no tables yet" if found is None else f"schema {found}, and this release needs {len(MIGRATIONS)}"
        raise LedgerAway(
            f"the ledger has {was}; start the proxy with it, or run `tallygate ledger rebuild`", refused=True
        )


def version(connection: Connection) -> int | None:
    """The version of the ledger's tables; None when there are none."""
    if not exists(connection, "version"):
        return None
    found = connection.execute("SELECT number FROM tallygate.version").fetchone()
    return int(found[0]) if found else None


def take_turn(connection: Connection) -> None:
    """Wait until nobody else changes tables; until the transaction ends nobody else will."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_TURN,))


def exists(connection: Connection, table: str) -> bool:
    """Whether there is a table of this name in our schema; asked of the catalogue itself, for whoever waited for a turn.

    ``to_regclass`` would answer from what this session remembers, without the work of the one that had its turn before.
    """
    names = "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = %s"
    return connection.execute(names, (SCHEMA, table)).fetchone() is not None


def _is_known(found: int | None) -> bool:
    """Whether the tables are up to date. Raises ``LedgerAway`` when they are beyond us."""
    if found is not None and found > len(MIGRATIONS):
        raise LedgerAway(
            f"the ledger has schema {found}, this release knows {len(MIGRATIONS)}; run the newer release", refused=True
        )
    return found == len(MIGRATIONS)


def _make_schema(connection: Connection) -> None:
    """The schema may have been made by somebody who may, and given to us; asking again would need their right."""
    if connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (SCHEMA,)).fetchone() is None:
        connection.execute("CREATE SCHEMA tallygate")
    connection.execute("CREATE TABLE tallygate.version (number bigint NOT NULL)")
    connection.execute("INSERT INTO tallygate.version VALUES (0)")

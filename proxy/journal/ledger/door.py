"""The way into PostgreSQL: connections that give up in time, and its errors in our words without credentials.

Nothing here relies on a session's state, so a pooler between us and the database (PgBouncer) may share its connections by
transaction: limits of time are set in each transaction, statements are not prepared, locks end with theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from proxy.config.ledger_url import LedgerPlace

_DEFAULTS: Final = {
    "connect_timeout": "5",
    "application_name": "tallygate",
    "keepalives_idle": "10",  # a server that vanished without a word is noticed within half a minute
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
STATEMENT_S, LOCK_S = 60, 5
_LONGEST: Final = 300
_WORDS: Final = {
    "28": "it refuses the user or the password",
    "3D000": "there is no such database",
    "42501": "the user may not do that there; let it own the schema tallygate, or make it with CREATE on the database",
    "42P01": "it has no tables of ours",
    "53": "it has run out of room or of connections",
    "57P03": "it does not take connections now",
    "57": "it was shut down or the statement was ended",
    "25006": "it is read only: a standby, or set so",
    "55P03": "a lock was not free in time",
}
_REFUSED: Final = ("28", "3D", "42", "25006")  # what waiting alone does not mend

Connection = psycopg.Connection[tuple[Any, ...]]


class LedgerAway(Exception):
    """The ledger cannot be used now. The text is for people and holds no credentials; ``refused``: waiting will not help."""

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


class OddRow(Exception):
    """PostgreSQL will not take one of the rows, whatever happens to the connection."""


def connect(place: LedgerPlace) -> Connection:
    """A connection whose statements commit by themselves unless in a ``transaction``. Raises ``LedgerAway``."""
    with told(place):
        return psycopg.connect(**(_DEFAULTS | place.parameters()), autocommit=True, prepare_threshold=None)  # type: ignore[arg-type]  # libpq's names are open


@contextmanager
def told(place: LedgerPlace) -> Iterator[None]:
    """PostgreSQL's errors become ``LedgerAway`` here."""
    try:
        yield
    except psycopg.Error as error:
        raise LedgerAway(_why(place, error), refused=(error.sqlstate or "").startswith(_REFUSED)) from None
    except OSError as error:  # a certificate that cannot be read, a name that cannot be resolved
        raise LedgerAway(f"the ledger at {place} cannot be reached: {error.strerror or type(error).__name__}") from None


@contextmanager
def taking() -> Iterator[None]:
    """Inside ``told``, around rows: what is wrong with one of them becomes ``OddRow``."""
    try:
        yield
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise OddRow(f"{type(error).__name__} {error.sqlstate or ''}".strip()) from None


@contextmanager
def transaction(connection: Connection, *, limit_s: float = STATEMENT_S) -> Iterator[Connection]:
    """One transaction, whose statements and waits for locks end in time. Raises psycopg's errors as they are."""
    with connection.transaction():
        connection.execute(
            "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)",
            (f"{limit_s:g}s", f"{LOCK_S}s"),
        )
        yield connection


def _why(place: LedgerPlace, error: psycopg.Error) -> str:
    state = error.sqlstate or ""
    for length in (5, 2):
        if known := _WORDS.get(state[:length]):
            return f"the ledger at {place}: {known} (SQLSTATE {state})"
    if state:
        return f"the ledger at {place}: {type(error).__name__} (SQLSTATE {state})"
    return f"the ledger at {place} cannot be reached: {place.without_credentials(_last(str(error)))[:_LONGEST]}"


def _last(text: str) -> str:
    """The reason in libpq's message, which names every address that was tried, with a hint below."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    tried = [line.rpartition(" failed: ")[2] for line in lines if " failed: " in line]
    return (tried or lines or ["no reason was given"])[-1].removeprefix("FATAL:").strip()

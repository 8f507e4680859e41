"""The shape of ``calls.db``, and how to open it: the one SQLite file that every worker of a machine writes.

The table is the log. A row's ``id`` is its journal's number and its seq (``journal << 40 | seq``), so entries lie in the
order in which the store must count them and a replay is a range scan; a second table would say every row twice.
``doc`` is the whole row as JSON, columns repeat what lookups and reports ask for. Nothing here is NULL: an absent text is
``''`` and an absent count 0 (``doc`` keeps the difference), because binding a None costs half a microsecond (sqlite3
raises and catches an exception for it), five times an int.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

SEQ_BITS: Final = 40
VOID, OPEN, SWEPT, FINAL = range(4)  # `rank`: a void entry counts nothing and is shown nowhere; its seq remains
AMENDED: Final = -1  # `rank` of a grant or an adjustment: counted by the store in its turn, and no call to anybody

MIGRATIONS: Final = (
    # 1: request ids are UUIDv7, so the unique index is in the order of time and serves `since` as well.
    """
    CREATE TABLE notes (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE journals (id INTEGER PRIMARY KEY, name TEXT NOT NULL, org TEXT NOT NULL, UNIQUE (name, org));
    CREATE TABLE balances (
        journal INTEGER NOT NULL, key TEXT NOT NULL, period_end INTEGER NOT NULL, amount INTEGER NOT NULL,
        PRIMARY KEY (journal, key)
    ) WITHOUT ROWID;
    CREATE TABLE attempts (
        id INTEGER PRIMARY KEY, request_id TEXT NOT NULL, attempt INTEGER NOT NULL, rank INTEGER NOT NULL,
        at REAL NOT NULL, principal TEXT NOT NULL, team TEXT NOT NULL, project TEXT NOT NULL, upstream TEXT NOT NULL,
        model TEXT NOT NULL, outcome TEXT NOT NULL, usage_source TEXT NOT NULL,
        input INTEGER NOT NULL, output INTEGER NOT NULL, cached_read INTEGER NOT NULL, cache_write INTEGER NOT NULL,
        reasoning INTEGER NOT NULL, cost_nusd INTEGER NOT NULL, saved_nusd INTEGER NOT NULL,
        hold TEXT NOT NULL, doc TEXT NOT NULL
    );
    CREATE UNIQUE INDEX attempts_request ON attempts (request_id, attempt) WHERE rank > 0;
    CREATE INDEX attempts_principal ON attempts (principal, at);
    CREATE INDEX attempts_open ON attempts (id) WHERE rank = 1;
    """,
    # 2: grants are counted beside what is spent, and amendments are found without reading calls.
    """
    CREATE TABLE grants (
        journal INTEGER NOT NULL, key TEXT NOT NULL, period_end INTEGER NOT NULL, amount INTEGER NOT NULL,
        PRIMARY KEY (journal, key)
    ) WITHOUT ROWID;
    CREATE INDEX attempts_amended ON attempts (at) WHERE rank < 0;
    """,
)


class NewerSchema(Exception):
    """The file was written by a newer release; it is left as it is."""


def entry_id(journal: int, seq: int) -> int:
    """The primary key of entry ``seq`` of a journal (by number)."""
    return journal << SEQ_BITS | seq


def seq_of(entry: int) -> int:
    """The seq in a primary key."""
    return entry & ((1 << SEQ_BITS) - 1)


def connect(path: Path, *, durable: bool = False, busy_s: float = 5.0) -> sqlite3.Connection:
    """Open for writing, made and brought to the newest schema if need be.

    ``durable`` syncs every commit (power loss takes nothing); else a commit survives the death of the process, and the
    writer's checkpoint every second bounds what a power loss takes. Raises ``NewerSchema`` and ``sqlite3.Error``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)
    db = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
    try:
        _use_wal(db, busy_s)
        db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        db.execute("PRAGMA wal_autocheckpoint = 0")  # the writer does it, on its own time
        db.execute("PRAGMA journal_size_limit = 67108864")
        _migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def machine_id(db: sqlite3.Connection) -> str:
    """The name of this file's machine, drawn once: journals of two machines must never share a name in a store."""
    db.execute("INSERT OR IGNORE INTO notes (key, value) VALUES ('machine', ?)", (secrets.token_hex(6).encode(),))
    return machine_of(db)


def machine_of(db: sqlite3.Connection) -> str:
    """The name of a file's machine, read only; "" before a first worker opened it."""
    found = db.execute("SELECT value FROM notes WHERE key = 'machine'").fetchone()
    return bytes(found[0]).decode() if found else ""


def connect_readonly(path: Path) -> sqlite3.Connection:
    """Open for reading beside running writers; raises ``sqlite3.OperationalError`` when there is no file yet."""
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    return db


def _use_wal(db: sqlite3.Connection, busy_s: float) -> None:
    """Switch to WAL; when several workers make the file at once, SQLite refuses without asking its busy handler."""
    until = time.monotonic() + busy_s
    while True:
        with suppress(sqlite3.OperationalError):
            if db.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",):
                return
        if time.monotonic() > until:
            raise sqlite3.OperationalError("calls.db cannot be switched to a write-ahead log")
        time.sleep(0.01)


def _migrate(db: sqlite3.Connection) -> None:
    """Run what the file has not seen yet, all or nothing; workers that start together take turns."""
    found, known = _version(db), len(MIGRATIONS)
    if found == known:
        return
    if found > known:
        raise NewerSchema(f"calls.db has schema {found}, this release knows {known}; run the newer release")
    db.execute("BEGIN EXCLUSIVE")
    try:
        for script in MIGRATIONS[_version(db) :]:
            for statement in script.split(";\n"):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {known}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])

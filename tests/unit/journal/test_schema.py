"""The file: made once, brought forward, never brought back."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from proxy.journal import schema
from proxy.journal.schema import NewerSchema, connect, connect_readonly


def test_workers_that_start_together_make_one_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "calls.db"
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: connect(path), range(8)))
    machines = {schema.machine_id(db) for db in opened}
    for db in opened:
        db.close()
    assert len(machines) == 1
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    db = connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(NewerSchema, match="schema 99"):
        connect(path)


def test_an_older_file_is_brought_forward_with_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "calls.db"
    db = connect(path)
    db.execute("INSERT INTO notes VALUES ('a', x'01')")
    db.close()
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE later (a INTEGER);\n"))
    db = connect(path)
    assert db.execute("SELECT count(*) FROM notes, (SELECT count(*) FROM later)").fetchone() == (1,)
    db.close()


def test_a_reader_cannot_write_and_needs_no_writer(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    connect(path).close()
    db = connect_readonly(path)
    assert db.execute("SELECT count(*) FROM attempts").fetchone()[0] == 0
    with pytest.raises(sqlite3.OperationalError):
        db.execute("DELETE FROM attempts")
    db.close()


def test_commits_are_synced_when_power_loss_must_take_nothing(tmp_path: Path) -> None:
    for durable, level in ((False, 1), (True, 2)):
        db = connect(tmp_path / "calls.db", durable=durable)
        assert db.execute("PRAGMA synchronous").fetchone() == (level,)
        db.close()

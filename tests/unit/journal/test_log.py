"""The ordered log: numbers without gaps, nothing twice, a final row wins."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from proxy.domain.row import Outcome, Rank, Row
from proxy.journal import entries
from proxy.journal.log import Log, open_log
from proxy.journal.schema import connect_readonly
from tests.support.journal_rows import BUDGET, charge, make_row


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = open_log(tmp_path / "calls.db", 0)
    yield log
    log.close()


@pytest.fixture
def db(tmp_path: Path, log: Log) -> Iterator[sqlite3.Connection]:
    del log  # makes the file
    db = connect_readonly(tmp_path / "calls.db")
    yield db
    db.close()


def hold_of(row: Row) -> str:
    return f"{row.request_id}:{row.attempt}"


def swept(row: Row, cost: int) -> Row:
    return msgspec.structs.replace(row, rank=Rank.SWEPT, cost_nusd=cost, charges=(charge(cost),))


def test_entries_are_numbered_from_one_without_gaps_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    seqs = []
    for start in range(3):
        log = open_log(path, 0)
        settled = log.append([(make_row(f"{start}-{n}", 5), f"{start}-{n}:1") for n in range(70)])
        seqs += [entry.seq for entry in settled]
        log.close()
    assert seqs == list(range(1, 211))


def test_each_org_has_its_own_numbers(log: Log) -> None:
    settled = log.append([(make_row(f"r{n}", 5, org="ab"[n % 2]), "h") for n in range(6)])
    assert [(entry.org, entry.seq) for entry in settled] == [("a", 1), ("b", 1), ("a", 2), ("b", 2), ("a", 3), ("b", 3)]


def test_a_row_that_held_and_cost_nothing_gets_no_number_and_no_settling(log: Log, db: sqlite3.Connection) -> None:
    assert log.append([(make_row("r1", outcome=Outcome.DENIED, attempt=0), "")]) == []
    assert [row.outcome for row in entries.rows_of(db, "r1")] == [Outcome.DENIED]
    assert entries.lanes(db) == {}


def test_the_journals_name_is_kept_and_two_slots_differ(tmp_path: Path) -> None:
    names = []
    for slot in (0, 1, 0):
        log = open_log(tmp_path / "calls.db", slot)
        names.append(log.name)
        log.close()
    machine = names[0].removesuffix(".0")
    assert names == [f"{machine}.0", f"{machine}.1", f"{machine}.0"]
    assert len(machine) == 12


def test_booking_a_row_twice_is_booking_it_once(log: Log, db: sqlite3.Connection) -> None:
    row = make_row("r1", 7)
    first = log.append([(row, "r1:1")])
    again = log.append([(make_row("r2", 1), "r2:1"), (row, "r1:1")])
    assert again == [*entries.after(db, log.name, "acme", 1, 9), *first]
    assert entries.totals(db) == {BUDGET: 8}


def test_a_final_row_replaces_the_swept_one_and_neutralises_its_entry(
    tmp_path: Path, log: Log, db: sqlite3.Connection
) -> None:
    row = make_row("r1", 30)
    other = open_log(tmp_path / "calls.db", 1)
    entry, written = other.sweep(swept(row, 100), hold_of(row))
    assert written
    assert entry.swept
    assert entries.totals(db) == {BUDGET: 100}
    log.append([(make_row("r0", 1), "r0:1"), (row, hold_of(row))])
    other.close()
    (neutral,) = entries.after(db, other.name, "acme", 0, 9)
    assert (neutral.seq, neutral.hold_id, neutral.charges) == (1, "", ())
    assert entries.rows_of(db, "r1") == [row]
    assert entries.totals(db) == {BUDGET: 31}


def test_a_sweep_after_the_final_row_writes_nothing_and_names_the_entry_that_ends_the_hold(
    tmp_path: Path, log: Log, db: sqlite3.Connection
) -> None:
    row = make_row("r1", 30)
    (final,) = log.append([(row, hold_of(row))])
    other = open_log(tmp_path / "calls.db", 1)
    assert other.sweep(swept(row, 100), hold_of(row)) == (final, False)
    other.close()
    assert entries.rows_of(db, "r1") == [row]
    assert entries.totals(db) == {BUDGET: 30}


def test_a_second_sweep_names_the_first_ones_entry(log: Log) -> None:
    row = make_row("r1")
    first, written = log.sweep(swept(row, 100), hold_of(row))
    assert written
    assert log.sweep(swept(row, 200), hold_of(row)) == (first, False)


def test_a_hold_of_an_attempt_that_ended_without_one_is_ended_at_nothing(log: Log, db: sqlite3.Connection) -> None:
    row = make_row("r1", 30)
    log.append([(row, "")])
    entry, written = log.sweep(swept(row, 100), hold_of(row))
    assert written
    assert (entry.seq, entry.hold_id, entry.charges, entry.swept) == (2, "r1:1", (), False)
    assert entries.after(db, log.name, "acme", 1, 9) == [entry]
    assert entries.totals(db) == {BUDGET: 30}
    assert entries.rows_of(db, "r1") == [row]


def test_a_final_row_replaces_the_open_one(log: Log, db: sqlite3.Connection) -> None:
    row = make_row("r1", 30)
    log.open(msgspec.structs.replace(row, rank=Rank.OPEN, outcome=Outcome.PROXY_ERROR))
    assert entries.rows_of(db, "r1") == []
    log.append([(row, "")])
    assert entries.rows_of(db, "r1") == [row]
    assert entries.open_rows(db) == []


def test_open_rows_of_a_dead_process_are_charged_at_the_next_start(
    tmp_path: Path, log: Log, db: sqlite3.Connection
) -> None:
    mine, theirs, done = make_row("r1", 30), make_row("r2", 4), make_row("r3", 2)
    other = open_log(tmp_path / "calls.db", 1)
    log.open(mine)
    log.open(done)
    log.append([(done, "")])
    other.open(theirs)
    assert log.take_over(2) == {(log.name, "acme"): 2}
    assert entries.rows_of(db, "r1") == [msgspec.structs.replace(mine, rank=Rank.SWEPT)]
    assert entries.rows_of(db, "r2") == []  # its worker lives
    assert entries.totals(db) == {BUDGET: 32}
    other.close()


def test_slot_0_takes_over_what_slots_beyond_the_workers_left(tmp_path: Path, log: Log, db: sqlite3.Connection) -> None:
    for slot in (1, 2):
        other = open_log(tmp_path / "calls.db", slot)
        other.append([(make_row(f"r{slot}", 1), "h")])
        other.open(make_row(f"o{slot}", 5))
        if slot == 1:
            assert set(other.take_over(2)) == {(other.name, "acme")}
        other.close()
    machine = log.name.removesuffix("0")
    assert log.take_over(2) == {(f"{machine}0", "acme"): 1, (f"{machine}2", "acme"): 1}
    assert entries.totals(db) == {BUDGET: 12}


def test_seqs_that_the_file_lost_become_void_and_rows_written_since_move_behind_them(
    log: Log, db: sqlite3.Connection
) -> None:
    log.append([(make_row(f"r{n}", 1), f"r{n}:1") for n in (1, 2)])
    log.append([(make_row(f"r{n}", 1), f"r{n}:1") for n in (3, 4, 5)])  # after a start at which 2 was the last
    assert log.fill("acme", known=2, counted=4) == 7
    assert [entry.hold_id for entry in entries.after(db, log.name, "acme", 0, 99)] == [
        "r1:1", "r2:1", "", "", "r3:1", "r4:1", "r5:1"
    ]  # fmt: skip
    assert [entry.seq for entry in log.append([(make_row("r6", 1), "r6:1")])] == [8]
    assert entries.totals(db) == {BUDGET: 6}


def test_a_failed_batch_leaves_no_trace_and_no_gap(log: Log, db: sqlite3.Connection) -> None:
    with pytest.raises(UnicodeEncodeError):
        log.append([(make_row("r1", 1), "r1:1"), (make_row("r2", 1, error="\ud800"), "r2:1")])
    assert [entry.seq for entry in log.append([(make_row("r1", 1), "r1:1")])] == [1]
    assert entries.totals(db) == {BUDGET: 1}


def test_a_note_is_kept_until_the_next_one(log: Log, tmp_path: Path) -> None:
    log.put_note("calibration", b"{}")
    log.put_note("calibration", b'{"a":1}')
    other = open_log(tmp_path / "calls.db", 1)
    assert other.note("calibration") == b'{"a":1}'
    assert other.note("nothing") is None
    other.close()

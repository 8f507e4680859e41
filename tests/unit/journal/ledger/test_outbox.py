"""The file as an outbox: nothing is missed and nothing comes out of order, whatever becomes of rows and files."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from proxy.domain.row import Outcome, Rank, Row
from proxy.journal.ledger.columns import key_of, rank_of
from proxy.journal.ledger.outbox import Batch, Outbox
from proxy.journal.log import Log, open_log
from proxy.journal.schema import FINAL, SWEPT
from tests.support.journal_rows import charge, make_row


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calls.db"


@pytest.fixture
def log(path: Path) -> Iterator[Log]:
    log = open_log(path, 0)
    yield log
    log.close()


@pytest.fixture
def outbox(path: Path, log: Log) -> Iterator[Outbox]:
    del log  # makes the file
    outbox = Outbox(path)
    yield outbox
    outbox.close()


def book(log: Log, *names: str) -> None:
    log.append([(make_row(name, 1), f"{name}:1") for name in names])


def opened(row: Row) -> Row:
    return msgspec.structs.replace(row, rank=Rank.OPEN, outcome=Outcome.PROXY_ERROR)


def swept(row: Row) -> Row:
    return msgspec.structs.replace(row, rank=Rank.SWEPT, cost_nusd=9, charges=(charge(9),))


def take(outbox: Outbox, limit: int = 1000) -> list[tuple[str, int]]:
    """Everything that waits, as (id, rank), taken as shipped."""
    taken = []
    while (batch := outbox.next(limit)) is not None:
        assert len(batch.lines) <= limit
        taken += [(key_of(line)[0], rank_of(line)) for line in batch.lines]
        outbox.save(batch.positions)
    return taken


def test_rows_come_in_the_order_of_commits_whatever_the_size_of_batches(log: Log, outbox: Outbox) -> None:
    book(log, *(f"r{n:02}" for n in range(25)))
    assert [name for name, _ in take(outbox, 7)] == [f"r{n:02}" for n in range(25)]
    assert take(outbox) == []


def test_rows_of_every_worker_and_of_refused_calls_come(path: Path, log: Log, outbox: Outbox) -> None:
    other = open_log(path, 1)
    book(log, "a")
    book(other, "b")
    other.append([(make_row("c", attempt=0, outcome=Outcome.DENIED), "")])
    other.close()
    assert sorted(take(outbox)) == [("a", FINAL), ("b", FINAL), ("c", FINAL)]


def test_a_position_outlives_the_process(path: Path, log: Log, outbox: Outbox) -> None:
    book(log, "a", "b")
    take(outbox)
    book(log, "c")
    again = Outbox(path)
    assert take(again) == [("c", FINAL)]
    again.close()


def test_an_open_row_is_passed_over_and_what_becomes_of_it_is_not(log: Log, outbox: Outbox) -> None:
    row = make_row("r1", 3)
    log.open(opened(row))
    assert take(outbox) == []
    log.append([(row, "")])
    assert take(outbox) == [("r1", FINAL)]


def test_a_seq_is_not_given_again_after_its_open_row_went(path: Path, log: Log, outbox: Outbox) -> None:
    row = make_row("r1", 3)
    log.open(opened(row))
    assert take(outbox) == []
    log.append([(row, "r1:1")])  # the open row, the last of its journal, is gone
    restarted = open_log(path, 0)
    restarted.append([(make_row("r2", attempt=0, outcome=Outcome.DENIED), "")])
    restarted.close()
    assert sorted(take(outbox)) == [("r1", FINAL), ("r2", FINAL)]


def test_what_a_dead_process_left_open_comes_as_swept(path: Path, log: Log, outbox: Outbox) -> None:
    log.open(opened(make_row("r1", 3)))
    assert take(outbox) == []
    restarted = open_log(path, 0)
    restarted.take_over(1)
    restarted.close()
    assert take(outbox) == [("r1", SWEPT)]


def test_a_final_row_comes_although_its_swept_one_was_shipped(path: Path, log: Log, outbox: Outbox) -> None:
    row = make_row("r1", 3)
    other = open_log(path, 1)
    other.sweep(swept(row), "r1:1")
    other.close()
    assert take(outbox) == [("r1", SWEPT)]
    log.append([(row, "r1:1")])
    assert take(outbox) == [("r1", FINAL)]


def test_rows_that_moved_behind_lost_entries_come_and_the_next_ones_too(log: Log, outbox: Outbox) -> None:
    book(log, "r1", "r2")
    assert len(take(outbox)) == 2
    book(log, "r3", "r4")
    log.fill("acme", known=2, counted=5)
    assert take(outbox) == [("r3", FINAL), ("r4", FINAL)]
    book(log, "r5")
    assert take(outbox) == [("r5", FINAL)]


def test_it_goes_on_where_an_older_ledger_stands(log: Log, outbox: Outbox) -> None:
    book(log, "r1", "r2", "r3")
    batch = outbox.next(9)
    assert isinstance(batch, Batch)
    (journal,) = batch.positions
    outbox.save(batch.positions)
    outbox.resume({journal: 1})
    assert take(outbox) == [("r2", FINAL), ("r3", FINAL)]
    outbox.resume({})
    assert len(take(outbox)) == 3


def test_a_file_that_lost_its_end_to_the_power_gives_what_is_written_anew(tmp_path: Path, path: Path, log: Log) -> None:
    book(log, "r1", "r2")
    log.close()
    shutil.copy(path, tmp_path / "then.db")
    log = open_log(path, 0)
    book(log, "lost1", "lost2")
    log.close()
    outbox = Outbox(path)
    take(outbox)
    batch_positions = dict.fromkeys((1,), 4)
    outbox.close()
    shutil.copy(tmp_path / "then.db", path)
    for beside in tmp_path.glob("calls.db-*"):
        beside.unlink()
    log = open_log(path, 0)
    book(log, "new")
    log.close()
    outbox = Outbox(path)
    outbox.resume(batch_positions)  # the ledger knows more than the file
    assert take(outbox) == [("r1", FINAL), ("r2", FINAL), ("new", FINAL)]
    outbox.close()


def test_it_tells_how_much_waits_and_for_how_long(log: Log, outbox: Outbox) -> None:
    assert outbox.waiting().entries == 0
    now = time.time()
    log.append([(make_row(f"r{n}", 1, at=now - 60, duration_ms=50_000.0), f"r{n}:1") for n in range(3)])
    waiting = outbox.waiting(now)
    assert waiting.entries == 3
    assert 9 < waiting.age_s < 11
    take(outbox)
    assert outbox.waiting(now) == type(waiting)()

"""The writer's thread: everything is committed once, in order, also when the disk is full for a while."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from proxy.domain.errors import Unavailable
from proxy.domain.meter import Settlement
from proxy.journal import entries
from proxy.journal.log import Log, open_log
from proxy.journal.schema import connect, connect_readonly, machine_id
from proxy.journal.writer import QUEUE_ROWS, Writer
from tests.support.journal_rows import make_row, until

LARGE = b"x" * 30_000  # more than a file without rows has room for


class Disk:
    """Opens logs on a file that may be told to be full: SQLite's own limit, so it really says SQLITE_FULL."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.full = False
        self.log: Log | None = None
        self.events: list[str] = []

    def open(self) -> Log:
        if self.full:
            db = connect(self.path)
            db.execute("PRAGMA max_page_count = 1")
            return Log(db, f"{machine_id(db)}.0")
        return open_log(self.path, 0)

    def trouble(self, event: str, what: str) -> None:
        assert what
        self.events.append(event)


class Heard:
    """Keeps what the writer says is committed."""

    def __init__(self) -> None:
        self.entries: list[Settlement] = []

    def __call__(self, settlements: list[Settlement]) -> None:
        self.entries += settlements

    async def count(self, number: int) -> None:
        await until(lambda: len(self.entries) >= number)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "calls.db")


@pytest.fixture
async def writer(disk: Disk) -> AsyncIterator[Writer]:
    writer = Writer(disk.open, disk.trouble)
    yield writer
    await writer.close()


@pytest.fixture
def heard(writer: Writer) -> Heard:
    heard = Heard()
    writer.committed = heard
    return heard


async def test_rows_are_committed_in_the_order_in_which_they_were_put(writer: Writer, heard: Heard) -> None:
    for n in range(3000):
        writer.put(make_row(f"r{n}", 1), f"r{n}:1")
        if n % 100 == 0:
            await asyncio.sleep(0.001)
    await heard.count(3000)
    assert [entry.hold_id for entry in heard.entries] == [f"r{n}:1" for n in range(3000)]
    assert [entry.seq for entry in heard.entries] == list(range(1, 3001))


async def test_closing_commits_what_waits(disk: Disk) -> None:
    writer = Writer(disk.open, disk.trouble)
    for n in range(1500):
        writer.put(make_row(f"r{n}", 1), f"r{n}:1")
    assert await writer.close() == 0
    db = connect_readonly(disk.path)
    assert db.execute("SELECT count(*) FROM attempts").fetchone()[0] == 1500
    db.close()


async def test_a_full_disk_stops_admission_and_loses_nothing(disk: Disk) -> None:
    disk.full = True
    writer = Writer(disk.open, disk.trouble)
    writer.committed = heard = Heard()
    assert writer.healthy
    for n in range(20):
        writer.put(make_row(f"r{n}", 1, facts=LARGE), f"r{n}:1")
    await until(lambda: not writer.healthy)
    with pytest.raises(Unavailable):
        await writer.run(partial(Log.open, row=make_row("open", facts=LARGE)))
    assert heard.entries == []
    assert writer.waiting == 20
    disk.full = False
    await heard.count(20)
    assert [entry.seq for entry in heard.entries] == list(range(1, 21))
    assert writer.healthy
    assert disk.events[0] == "journal_failing"
    assert disk.events[-1] == "journal_recovered"
    await writer.close()


async def test_a_disk_that_stays_full_does_not_hold_up_the_end_and_says_what_was_lost(disk: Disk) -> None:
    disk.full = True
    writer = Writer(disk.open, disk.trouble)
    for n in range(7):
        writer.put(make_row(f"r{n}", 1, facts=LARGE), f"r{n}:1")
    assert await writer.close(timeout_s=0.3) == 7


async def test_memory_is_bounded_while_the_disk_is_full(disk: Disk) -> None:
    disk.full = True
    writer = Writer(disk.open, disk.trouble)
    row = make_row("r", 1, facts=LARGE)
    for _ in range(QUEUE_ROWS + 1000):
        writer.put(row, "r:1")
    assert not writer.healthy
    assert writer.dropped >= 400  # the writer may have taken one batch out of the queue
    assert writer.waiting + writer.dropped == QUEUE_ROWS + 1000
    await writer.close(timeout_s=0.1)


async def test_a_connection_that_breaks_is_replaced(writer: Writer, heard: Heard, disk: Disk) -> None:
    writer.put(make_row("r1", 1), "r1:1")
    await heard.count(1)

    def break_it(log: Log) -> None:
        log.close()
        raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(Unavailable):
        await writer.run(break_it)
    writer.put(make_row("r2", 1), "r2:1")
    await heard.count(2)
    assert [entry.seq for entry in heard.entries] == [1, 2]
    assert disk.events == ["journal_failing", "journal_recovered"]


async def test_rows_that_reached_a_failing_disk_are_not_written_twice(writer: Writer, heard: Heard, disk: Disk) -> None:
    """A commit may be in the file although SQLite reported an error: the second writing finds it."""
    other = open_log(disk.path, 0)
    other.append([(make_row("r1", 1), "r1:1")])
    other.close()
    writer.put(make_row("r1", 1), "r1:1")
    writer.put(make_row("r2", 1), "r2:1")
    await heard.count(2)
    assert [(entry.seq, entry.hold_id) for entry in heard.entries] == [(1, "r1:1"), (2, "r2:1")]


async def test_a_row_with_broken_text_stops_nobody(writer: Writer, heard: Heard, disk: Disk) -> None:
    writer.put(make_row("r1", 1, client_request_id="\udcff"), "r1:1")
    writer.put(make_row("r2", 1), "r2:1")
    await heard.count(2)
    assert disk.events == ["journal_row_odd"]
    db = connect_readonly(disk.path)
    assert entries.rows_of(db, "r1")[0].client_request_id == "\\udcff"
    db.close()


async def test_two_workers_share_a_file(disk: Disk) -> None:
    writers = [Writer(partial(open_log, disk.path, slot), disk.trouble) for slot in range(2)]
    all_heard = [Heard(), Heard()]
    for writer, heard in zip(writers, all_heard, strict=True):
        writer.committed = heard
    for n in range(1000):
        for slot, writer in enumerate(writers):
            writer.put(make_row(f"{slot}-{n}", 1), f"{slot}-{n}:1")
        if n % 50 == 0:
            await asyncio.sleep(0.002)
    for writer, heard in zip(writers, all_heard, strict=True):
        await heard.count(1000)
        await writer.close()
        assert [entry.seq for entry in heard.entries] == list(range(1, 1001))
    assert disk.events == []

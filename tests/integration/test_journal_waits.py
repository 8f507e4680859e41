"""Nobody waits for the journal without end, and how long the store lets it wait is told."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.domain.errors import Unavailable
from proxy.journal import entries
from proxy.journal.books import JournalBooks
from proxy.journal.log import Log, open_log
from proxy.journal.reader import Reader
from proxy.journal.writer import Writer
from tests.support.journal_rows import make_hold, make_row, until
from tests.support.settling import CountingStore


def no_trouble(event: str, what: str) -> None:
    raise AssertionError(f"{event}: {what}")


@pytest.fixture
async def reader(tmp_path: Path) -> AsyncIterator[Reader]:
    made = Reader(tmp_path / "calls.db")
    yield made
    made.close()


async def test_what_the_store_has_not_counted_has_an_age_and_rest_has_none(tmp_path: Path, reader: Reader) -> None:
    store, row = CountingStore(), make_row("r1", 1)
    books = JournalBooks(Writer(lambda: open_log(tmp_path / "calls.db", 0), no_trouble), reader, store, no_trouble)
    await books.start()
    assert books.lag_s == 0
    store.away = True
    books.book(row, make_hold(row, 100, floor=3))
    await until(lambda: books.lag_s > 0)
    store.away = False
    books.store_returned()
    await books.settled()
    assert books.lag_s == 0
    assert await books.close() == 0


async def test_a_disk_that_hangs_holds_no_caller_and_loses_no_row(tmp_path: Path, reader: Reader) -> None:
    well, row = threading.Event(), make_row("r1", 1)

    def hanging() -> Log:
        well.wait()
        return open_log(tmp_path / "calls.db", 0)

    books = JournalBooks(Writer(hanging, no_trouble), reader, CountingStore(), no_trouble, open_s=0.01)
    try:
        with pytest.raises(Unavailable) as refused:
            await books.open(row)
    finally:
        well.set()
    assert refused.value.code == "journal_unavailable"
    books.book(row, None)
    await books.start()
    assert await books.close() == 0
    assert await reader.run(lambda db: entries.rows_of(db, "r1")) == [row]

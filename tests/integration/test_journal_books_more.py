"""Record, then settle: whatever becomes of the store and of the workers, its counters come to equal the journal."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from proxy.domain.meter import Hold
from proxy.domain.row import Outcome, Rank, Row
from proxy.journal import entries
from proxy.journal.books import JournalBooks
from proxy.journal.log import open_log
from proxy.journal.reader import Reader
from proxy.journal.sweeper import Sweeper
from proxy.journal.writer import Writer
from tests.support.journal_rows import BUDGET, make_hold, make_row
from tests.support.settling import CountingStore


class Worker:
    """One worker's books on a shared file and store."""

    def __init__(self, path: Path, store: CountingStore, slot: int, workers: int) -> None:
        self.events: list[tuple[str, str]] = []
        trouble: Callable[[str, str], None] = lambda event, what: self.events.append((event, what))  # noqa: E731
        self.reader = Reader(path)
        self.writer = Writer(partial(open_log, path, slot), trouble)
        self.books = JournalBooks(self.writer, self.reader, store, trouble, workers=workers)
        self.sweeper = Sweeper(self.writer, store, self.books.committed, lambda: ("acme",), trouble)

    async def rest(self) -> None:
        """Until what was booked is settled."""
        async with asyncio.timeout(30):
            while self.writer.waiting:
                await asyncio.sleep(0.001)
            await self.writer.run(lambda _: None)
            await self.books.settled()

    async def close(self) -> None:
        await self.books.close(0.2)
        self.reader.close()


class Machine:
    """A file, a store, and workers that come and go."""

    def __init__(self, path: Path) -> None:
        self.path = path / "calls.db"
        self.store = CountingStore()
        self.workers: list[Worker] = []

    async def start(self, slot: int = 0, workers: int = 1) -> Worker:
        worker = Worker(self.path, self.store, slot, workers)
        await worker.books.start()
        self.workers.append(worker)
        return worker

    async def stop(self, worker: Worker) -> None:
        self.workers.remove(worker)
        await worker.close()

    async def rest(self) -> None:
        for worker in self.workers:
            await worker.rest()

    async def totals(self) -> dict[str, int]:
        return dict(await self.workers[0].reader.run(entries.totals))

    async def rows(self, request_id: str) -> list[Row]:
        return await self.workers[0].reader.run(lambda db: entries.rows_of(db, request_id))


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    for worker in list(machine.workers):
        await machine.stop(worker)


def a_call(request_id: str, cost: int, held: int = 100) -> tuple[Row, Hold]:
    row = make_row(request_id, cost)
    return row, make_hold(row, held, floor=3)


async def test_a_row_is_committed_and_then_counted_and_its_hold_ends(machine: Machine) -> None:
    worker = await machine.start()
    row, hold = a_call("r1", 42)
    machine.store.hold(hold)
    worker.books.book(row, hold)
    await machine.rest()
    assert machine.store.spent == {BUDGET: 42}
    assert machine.store.reserved == {BUDGET: 0}
    assert await machine.rows("r1") == [row]


async def test_entries_go_out_in_order_many_at_a_time(machine: Machine) -> None:
    worker = await machine.start()
    for n in range(700):
        worker.books.book(*a_call(f"r{n}", 1))
    await machine.rest()
    sent = [entry.seq for batch in machine.store.calls for entry in batch]
    assert sent == list(range(1, 701))
    assert len(machine.store.calls) < 60


async def test_rows_wait_in_the_file_while_the_store_is_away(machine: Machine) -> None:
    worker = await machine.start()
    machine.store.away = True
    for n in range(300):
        worker.books.book(*a_call(f"r{n}", 1))
    while worker.books.behind < 300:
        await asyncio.sleep(0.001)
    assert worker.books.healthy
    machine.store.away = False
    worker.books.store_returned()
    await machine.rest()
    assert machine.store.spent == {BUDGET: 300}


async def test_a_lost_reply_is_not_counted_twice(machine: Machine) -> None:
    worker = await machine.start()
    machine.store.lose_replies = 3
    for n in range(10):
        worker.books.book(*a_call(f"r{n}", 1))
        await asyncio.sleep(0.002)
    await machine.rest()
    assert machine.store.spent == {BUDGET: 10}


async def test_a_restarted_worker_settles_what_its_predecessor_committed(machine: Machine) -> None:
    first = await machine.start()
    machine.store.away = True
    first.books.book(*a_call("r1", 7))
    await machine.stop(first)
    machine.store.away = False
    await machine.start()
    await machine.rest()
    assert machine.store.spent == {BUDGET: 7}


async def test_slot_0_settles_for_slots_that_are_no_more(machine: Machine) -> None:
    second = await machine.start(slot=1, workers=2)
    machine.store.away = True
    second.books.book(*a_call("r1", 7))
    await machine.stop(second)
    machine.store.away = False
    await machine.start(slot=0, workers=1)
    await machine.rest()
    assert machine.store.spent == {BUDGET: 7}


async def test_a_new_engine_gets_the_sums_once_and_holds_taken_since_are_ended(machine: Machine) -> None:
    worker = await machine.start()
    for n in range(20):
        worker.books.book(*a_call(f"r{n}", 2))
    await machine.rest()
    machine.store.forget()
    row, hold = a_call("new", 5)
    machine.store.hold(hold)
    worker.books.book(row, hold)
    await machine.rest()
    assert machine.store.spent == {BUDGET: 45}
    assert machine.store.reserved == {BUDGET: 0}


async def test_an_older_copy_is_brought_up_to_date_also_when_nobody_calls(machine: Machine) -> None:
    worker = await machine.start()
    worker.books.book(*a_call("r1", 2))
    await machine.rest()
    picture = machine.store.picture()
    worker.books.book(*a_call("r2", 3))
    await machine.rest()
    machine.store.fall_back(picture)
    worker.books.store_returned()
    await machine.rest()
    assert machine.store.spent == {BUDGET: 5}


async def test_a_store_that_remembers_more_than_the_file_loses_no_new_row(machine: Machine) -> None:
    """After a power loss: the file's last second is gone, the store counted it."""
    worker = await machine.start()
    for n in range(5):
        worker.books.book(*a_call(f"r{n}", 1))
    await machine.rest()
    (lane,) = machine.store.applied_of
    machine.store.applied_of[lane] = 9
    await machine.stop(worker)
    machine.store.away = True
    worker = await machine.start()
    worker.books.book(*a_call("early", 10))
    while worker.books.behind < 1:
        await asyncio.sleep(0.001)
    machine.store.away = False
    await machine.rest()
    worker.books.book(*a_call("late", 100))
    await machine.rest()
    assert machine.store.spent == {BUDGET: 115}
    assert machine.store.applied_of[lane] == 11
    assert [event for event, _ in worker.events] == ["journal_shorter_than_store"]


async def test_an_orphan_is_told_of_by_a_sweeper_and_settled(machine: Machine) -> None:
    worker = await machine.start()
    _, hold = a_call("r1", 0)
    machine.store.hold(hold, so_far_nusd=12)
    assert await worker.sweeper.sweep() == 1
    await machine.rest()
    assert machine.store.spent == {BUDGET: 12}
    assert machine.store.reserved == {BUDGET: 0}
    assert [(row.rank, row.cost_nusd) for row in await machine.rows("r1")] == [(Rank.SWEPT, 12)]


async def test_a_caller_who_was_only_slow_pays_what_it_cost_and_not_the_sweep(machine: Machine) -> None:
    slow, sweeping = await machine.start(0, 2), await machine.start(1, 2)
    row, hold = a_call("r1", 30)
    machine.store.hold(hold, so_far_nusd=12)
    await sweeping.sweeper.sweep()
    await machine.rest()
    slow.books.book(row, hold)
    await machine.rest()
    assert machine.store.spent == {BUDGET: 30}
    assert await machine.totals() == {BUDGET: 30}
    assert await machine.rows("r1") == [row]


async def test_a_hold_that_outlived_its_final_row_is_ended_without_a_charge(machine: Machine) -> None:
    worker = await machine.start()
    row, hold = a_call("r1", 30)
    worker.books.book(row, hold)
    await machine.rest()
    machine.store.hold(hold)  # a late touch took it again
    await worker.sweeper.sweep()
    await machine.rest()
    assert machine.store.spent == {BUDGET: 30}
    assert machine.store.reserved == {BUDGET: 0}
    assert await machine.rows("r1") == [row]


async def test_an_open_row_without_an_end_is_charged_at_the_next_start(machine: Machine) -> None:
    worker = await machine.start()
    machine.store.away = True
    row = make_row("r1", 9, rank=Rank.OPEN, outcome=Outcome.PROXY_ERROR)
    await worker.books.open(row)
    await machine.stop(worker)
    machine.store.away = False
    await machine.start()
    await machine.rest()
    assert machine.store.spent == {BUDGET: 9}
    assert await machine.rows("r1") == [msgspec.structs.replace(row, rank=Rank.SWEPT)]


async def test_a_settler_that_raises_the_unexpected_is_tried_again(machine: Machine) -> None:
    worker = await machine.start()
    settle = machine.store.settle
    machine.store.settle = _raise  # type: ignore[method-assign]  # the double breaks in a way of its own
    worker.books.book(*a_call("r1", 1))
    while not worker.events:
        await asyncio.sleep(0.001)
    machine.store.settle = settle  # type: ignore[method-assign]
    await machine.rest()
    assert machine.store.spent == {BUDGET: 1}
    assert worker.events[0][0] == "settle_failed"


async def _raise(settlements: object) -> None:
    raise ZeroDivisionError(settlements)


@pytest.mark.parametrize("seed", range(100, 130))
async def test_at_rest_counters_equal_the_journal_whatever_happened(machine: Machine, seed: int) -> None:
    """Holds, ends, sweeps by two workers, flushes, failovers to an older copy, outages, lost replies, restarts."""
    dice = random.Random(seed)
    store = machine.store
    slots = {slot: await machine.start(slot, 2) for slot in (0, 1)}
    live: dict[str, tuple[Row, Hold]] = {}
    booked: dict[str, int] = {}
    picture = store.picture()

    def book() -> None:
        row, hold = live.pop(dice.choice(list(live)))
        booked[row.request_id] = row.cost_nusd
        slots[dice.randrange(2)].books.book(row, hold)

    for step in range(250):
        what = dice.random()
        if what < 0.4:
            row, hold = a_call(f"{seed}-{step}", dice.randrange(1, 90))
            live[row.request_id] = row, hold
            if not store.away:
                store.hold(hold, dice.randrange(40))
        elif what < 0.75 and live:
            book()
        elif what < 0.82 and not store.away:
            await slots[dice.randrange(2)].sweeper.sweep()
        elif what < 0.86:
            picture = store.picture()
        elif what < 0.89:
            store.fall_back(picture)
            for worker in machine.workers:
                worker.books.store_returned()
        elif what < 0.90:
            store.forget()
            picture = store.picture()
        elif what < 0.94:
            store.lose_replies = dice.randrange(3)
        elif what < 0.97:
            store.away = not store.away
        else:
            slot = dice.randrange(2)
            await machine.stop(slots[slot])
            slots[slot] = await machine.start(slot, 2)
        await asyncio.sleep(dice.choice((0, 0, 0.001, 0.006)))

    store.away, store.lose_replies = False, 0
    while live:
        book()
    await machine.rest()
    for worker in machine.workers:
        worker.books.store_returned()
    await machine.rest()
    store.claimed.clear()  # their leases run out as well
    await slots[0].sweeper.sweep()
    await machine.rest()

    assert await machine.totals() == {BUDGET: sum(booked.values())}
    assert store.spent == {BUDGET: sum(booked.values())}
    assert not store.holds
    assert set(store.reserved.values()) <= {0}
    for request_id, cost in booked.items():
        assert [(row.rank, row.cost_nusd) for row in await machine.rows(request_id)] == [(Rank.FINAL, cost)]

"""Record, then settle: whatever becomes of the store and of the workers, its counters come to equal the journal."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import msgspec
import pytest

from proxy.domain.amendment import Amendment, AmendmentKind, charge_of
from proxy.domain.errors import StoreAway
from proxy.domain.meter import Hold
from proxy.domain.row import Outcome, Rank, Row
from proxy.journal import books, entries
from proxy.journal.books import JournalBooks
from proxy.journal.log import Log, open_log
from proxy.journal.reader import Reader
from proxy.journal.sweeper import Sweeper
from proxy.journal.writer import Writer
from tests.support.journal_rows import BUDGET, make_hold, make_row, until
from tests.support.settling import CountingStore


class Worker:
    """One worker's books on a shared file and store."""

    def __init__(self, path: Path, store: CountingStore, slot: int | str, workers: int) -> None:
        self.events: list[tuple[str, str]] = []
        trouble: Callable[[str, str], None] = lambda event, what: self.events.append((event, what))  # noqa: E731
        self.reader = Reader(path)
        self.writer = Writer(partial(open_log, path, slot), trouble)
        self.books = JournalBooks(self.writer, self.reader, store, trouble, workers=workers)
        self.sweeper = Sweeper(self.writer, store, self.books.committed, lambda: ("acme",), trouble)

    async def rest(self) -> None:
        """Until what was booked is settled."""
        async with asyncio.timeout(30):
            await until(lambda: not self.writer.waiting)
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
    await until(lambda: worker.books.behind == 300)
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
    await until(lambda: worker.books.behind == 6)  # all are in doubt until the store can be asked
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


async def test_a_note_outlives_its_worker(machine: Machine) -> None:
    worker = await machine.start()
    await worker.books.put_note("calibration", b"{}")
    await machine.stop(worker)
    assert await (await machine.start()).books.note("calibration") == b"{}"


async def test_a_settler_that_raises_the_unexpected_is_tried_again(machine: Machine) -> None:
    worker = await machine.start()
    settle = machine.store.settle
    machine.store.settle = _raise  # type: ignore[method-assign]  # the double breaks in a way of its own
    worker.books.book(*a_call("r1", 1))
    await until(lambda: bool(worker.events))
    machine.store.settle = settle  # type: ignore[method-assign]
    await machine.rest()
    assert machine.store.spent == {BUDGET: 1}
    assert worker.events[0][0] == "settle_failed"


async def _raise(settlements: object) -> None:
    raise ZeroDivisionError(settlements)


class Life:
    """Random calls on two workers, and what befalls them and their store. Doubles of calls that are under way: ``live``."""

    def __init__(self, machine: Machine, slots: dict[int, Worker], seed: int) -> None:
        self.machine = machine
        self.store = machine.store
        self.slots = slots
        self.seed = seed
        self.dice = random.Random(seed)
        self.live: dict[str, tuple[Row, Hold]] = {}
        self.booked: dict[str, int] = {}
        self.picture = self.store.picture()
        self.deeds = ((30, self.begin), (30, self.book), (6, self.sweep), (4, self.take_picture), (3, self.fall_back),
                      (1, self.flush), (4, self.lose_replies), (3, self.leave_or_return), (3, self.restart))  # fmt: skip

    async def step(self) -> None:
        (deed,) = self.dice.choices([deed for _, deed in self.deeds], [weight for weight, _ in self.deeds])
        with suppress(StoreAway):  # a sweep that a lost reply broke off
            await deed()
        await asyncio.sleep(self.dice.choice((0, 0, 0.001, 0.006)))

    async def begin(self) -> None:
        row = make_row(f"{self.seed}-{len(self.live) + len(self.booked)}", self.dice.randrange(1, 90))
        hold = make_hold(row, 100, floor=3)
        self.live[row.request_id] = row, hold
        if not self.store.away:
            self.store.hold(hold, self.dice.randrange(40))

    async def book(self) -> None:
        if self.live:
            row, hold = self.live.pop(self.dice.choice(list(self.live)))
            self.booked[row.request_id] = row.cost_nusd
            self.slots[self.dice.randrange(2)].books.book(row, hold)

    async def sweep(self) -> None:
        await self.slots[self.dice.randrange(2)].sweeper.sweep()

    async def take_picture(self) -> None:
        self.picture = self.store.picture()

    async def fall_back(self) -> None:
        self.store.fall_back(self.picture)
        self.reconnect()

    async def flush(self) -> None:
        self.store.forget()
        self.picture = self.store.picture()

    async def lose_replies(self) -> None:
        self.store.lose_replies = self.dice.randrange(3)

    async def leave_or_return(self) -> None:
        self.store.away = not self.store.away

    async def restart(self) -> None:
        slot = self.dice.randrange(2)
        await self.machine.stop(self.slots[slot])
        self.slots[slot] = await self.machine.start(slot, 2)

    def reconnect(self) -> None:
        for worker in self.machine.workers:
            worker.books.store_returned()

    async def come_to_rest(self) -> None:
        self.store.away, self.store.lose_replies = False, 0
        while self.live:
            await self.book()
        self.reconnect()
        await self.machine.rest()
        self.store.claimed.clear()  # their leases run out as well
        await self.slots[0].sweeper.sweep()
        await self.machine.rest()


@pytest.mark.parametrize("seed", range(6))
async def test_at_rest_counters_equal_the_journal_whatever_happened(machine: Machine, seed: int) -> None:
    """Ends, sweeps by two workers, flushes, failovers to an older copy, outages, lost replies, restarts."""
    life = Life(machine, {slot: await machine.start(slot, 2) for slot in (0, 1)}, seed)
    for _ in range(200):
        await life.step()
    await life.come_to_rest()
    assert await machine.totals() == {BUDGET: sum(life.booked.values())}
    assert machine.store.spent == {BUDGET: sum(life.booked.values())}
    assert not machine.store.holds
    assert set(machine.store.reserved.values()) <= {0}
    for request_id, cost in life.booked.items():
        assert [(row.rank, row.cost_nusd) for row in await machine.rows(request_id)] == [(Rank.FINAL, cost)]


async def test_what_a_command_wrote_and_could_not_settle_is_settled_by_the_worker_that_runs(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "LOOK_S", 0.05)
    await machine.start(slot=1, workers=2)
    worker = await machine.start(slot=0, workers=2)
    worker.books.book(*a_call("r1", 42))
    await machine.rest()
    with closing(open_log(machine.path, "budget")) as killed:
        killed.amend(a_grant(5))
        killed.amend(a_grant(6))
    await until(lambda: machine.store.granted == {BUDGET: 11})
    with closing(open_log(machine.path, "budget")) as again:
        again.amend(a_grant(-1))
    await until(lambda: machine.store.granted == {BUDGET: 10})
    machine.store.forget()
    await until(lambda: machine.store.granted == {BUDGET: 10} and machine.store.spent == {BUDGET: 42})


async def test_a_command_and_a_worker_that_settle_at_once_count_once(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "LOOK_S", 0.001)
    await machine.start()
    total = 0
    for n in range(20):
        command = Worker(machine.path, machine.store, "budget", 1)
        await command.books.start()
        await command.books.settled()
        command.books.committed([await command.writer.run(partial(Log.amend, amendment=a_grant(n)))])
        total += n
        if n % 3:
            await command.books.settled()
        await command.close()
        assert [event for event in command.events if event[0] != "journal_recovered"] == []
        if n == 10:
            machine.store.forget()
    await until(lambda: machine.store.granted == {BUDGET: total})


def a_grant(amount: int) -> Amendment:
    kind = AmendmentKind.GRANT
    return Amendment(
        id="a", at=1.0, kind=kind, org="acme", rule="config/budget", scope="org", period="2026-11-23",
        amount_nusd=amount, reason="r", by="b", account="b", charges=(charge_of(kind, BUDGET, amount, 1_795_500_000),),
    )  # fmt: skip

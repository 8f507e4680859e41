"""The journal and a real engine: what the file says is what the counters say, after orphans, a flush and a kill."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path

import msgspec
import pytest
import redis

from proxy.config.store_url import parse_endpoint
from proxy.domain.meter import Charge, Draw, Hold, HoldState, MeterKind, Unit
from proxy.domain.row import Rank, Row
from proxy.journal import entries
from proxy.journal.books import JournalBooks
from proxy.journal.log import open_log
from proxy.journal.reader import Reader
from proxy.journal.sweeper import Sweeper
from proxy.journal.writer import Writer
from proxy.stores.meters import StoreMeters
from proxy.stores.settler import StoreSettler
from proxy.stores.store import Store
from tests.support.engines import KINDS, running_engine
from tests.support.journal_rows import BUDGET, make_hold, make_row, until
from tests.support.ledger_truth import check_rest

LEASE_S = 0.3


def a_call(name: str, cost: int) -> tuple[Row, Hold]:
    end = int(time.time()) + 1000
    row = make_row(name, cost, charges=(Charge(BUDGET, MeterKind.BUDGET, cost, 0, end),))
    draw = Draw(BUDGET, MeterKind.BUDGET, Unit.NUSD, 100, 10**12, period_start=end - 2000, period_end=end)
    return row, msgspec.structs.replace(make_hold(row, 100, floor=7), draws=(draw,))


@pytest.mark.parametrize("kind", KINDS)
async def test_counters_equal_the_journal_after_orphans_a_flush_and_a_kill(kind: str, tmp_path: Path) -> None:
    with running_engine(kind) as engine, redis.Redis(unix_socket_path=str(engine.socket)) as raw:
        store = Store(parse_endpoint(engine.url), deadline_s=2)
        store.start()
        await store.wait_up(5)
        meters, settler = StoreMeters(store, lease_s=LEASE_S), StoreSettler(store, lease_s=LEASE_S)
        events: list[str] = []
        writer = Writer(partial(open_log, tmp_path / "calls.db", 0), lambda event, _: events.append(event))
        reader = Reader(tmp_path / "calls.db")
        books = JournalBooks(writer, reader, settler, lambda event, _: events.append(event))
        store.on_return(books.store_returned)
        sweeper = Sweeper(writer, settler, books.committed, lambda: ("acme",), lambda event, _: events.append(event))
        await books.start()

        async def call(name: str, cost: int, *, ends: bool = True) -> None:
            row, hold = a_call(name, cost)
            assert (await meters.hold(hold)).state is HoldState.ADMITTED
            if ends:
                books.book(row, hold)

        async def rest() -> None:
            await until(lambda: not writer.waiting and not books.behind)
            await books.settled()

        for n in range(30):
            await call(f"before-{n}", 5)
        await rest()
        raw.flushall()
        for n in range(30):
            await call(f"flushed-{n}", 3)
        await call("orphan", 0, ends=False)
        await rest()
        engine.stop()
        late, hold = a_call("late", 11)
        books.book(late, hold)
        engine.start()
        await store.wait_up(10)
        await rest()
        swept: list[Row] = []
        while not swept:
            await asyncio.sleep(LEASE_S)
            await sweeper.sweep()
            swept = await reader.run(lambda db: entries.rows_of(db, "orphan"))
        await rest()

        assert [(row.rank, row.cost_nusd) for row in swept] == [(Rank.SWEPT, 7)]
        totals = await reader.run(entries.totals)
        assert totals == {BUDGET: 30 * 5 + 30 * 3 + 11 + 7}
        check_rest(raw, "acme", [Charge(key, MeterKind.BUDGET, amount) for key, amount in totals.items()])
        assert events == []
        await books.close()
        await store.close()
        reader.close()

"""Grants and adjustments in the log: numbered and summed like rows, and no call to anybody who reads calls."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from proxy.domain.amendment import Amendment, AmendmentKind, charge_of
from proxy.domain.meter import Charge, MeterKind, Settlement
from proxy.journal import entries
from proxy.journal.accounts import Figure, accounts, counted
from proxy.journal.amendments import amendments, granted
from proxy.journal.ledger.outbox import Outbox
from proxy.journal.ledger.pages import count
from proxy.journal.log import Log, open_log
from proxy.journal.reports import spend
from proxy.journal.schema import MIGRATIONS, connect_readonly
from tests.support.journal_rows import BUDGET, make_row

END = 1_795_500_000


def amended(amount: int, kind: AmendmentKind = AmendmentKind.GRANT, n: int = 1, key: str = BUDGET) -> Amendment:
    return Amendment(
        id=f"01a0-{n}", at=1_795_424_400.0 + n, kind=kind, org="acme", rule="config/budget", scope="org",
        period="2026-11-23", amount_nusd=amount, reason="because", by="Carla", account="root",
        charges=(charge_of(kind, key, amount, END),),
    )  # fmt: skip


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = open_log(tmp_path / "calls.db", "budget")
    yield log
    log.close()


@pytest.fixture
def db(tmp_path: Path, log: Log) -> Iterator[sqlite3.Connection]:
    del log  # makes the file
    with closing(connect_readonly(tmp_path / "calls.db")) as db:
        yield db


def test_they_are_numbered_with_the_rows_and_read_back_in_order(log: Log, db: sqlite3.Connection) -> None:
    first = log.amend(amended(5))
    (row,) = log.append([(make_row("r1", 7), "r1:1")])
    last = log.amend(amended(-3, AmendmentKind.ADJUSTMENT, 2))
    assert [one.seq for one in (first, row, last)] == [1, 2, 3]
    assert entries.after(db, log.name, "acme", 0, 9) == [first, row, last]
    assert first == Settlement("acme", log.name, 1, "", (Charge(BUDGET, MeterKind.GRANT, 5, 0, END),))
    assert list(amendments(db)) == [amended(5), amended(-3, AmendmentKind.ADJUSTMENT, 2)]
    assert [one.amount_nusd for one in amendments(db, 1_795_424_401.5)] == [-3]


def test_sums_keep_what_is_granted_and_what_is_spent_apart(log: Log, db: sqlite3.Connection) -> None:
    log.append([(make_row("r1", 70), "r1:1")])
    for n, amount in enumerate((5, 20, -1)):
        log.amend(amended(amount, n=n))
    log.amend(amended(-30, AmendmentKind.ADJUSTMENT, 9))
    assert entries.totals(db) == {BUDGET: 40}
    assert granted(db) == {BUDGET: 24}
    sums = entries.sums(db, log.name, "acme", settled=5, limit=100)
    assert sums.seq == 5
    assert {(one.kind, one.amount, one.period_end) for one in sums.totals} == {
        (MeterKind.BUDGET, 40, END), (MeterKind.GRANT, 24, END)
    }  # fmt: skip


def test_accounts_and_what_counters_must_show_include_them(log: Log, db: sqlite3.Connection) -> None:
    log.append([(make_row("r1", 70), "r1:1")])
    log.amend(amended(5))
    log.amend(amended(-30, AmendmentKind.ADJUSTMENT, 2))
    db.row_factory = None
    found = accounts(db)
    assert found.apart == {}
    assert found.sums == {Figure(BUDGET): 40, Figure(BUDGET, MeterKind.GRANT): 5}
    assert [(day.rows, day.cost_nusd) for day in found.days.values()] == [(1, 70)]
    assert counted(db, END - 1) == found.sums
    assert counted(db, END) == {}
    assert [str(figure) for figure in found.sums] == [BUDGET, f"{BUDGET} (granted)"]


def test_nobody_who_reads_calls_sees_them(tmp_path: Path, log: Log, db: sqlite3.Connection) -> None:
    log.append([(make_row("r1", 70), "r1:1")])
    log.amend(amended(5))
    assert entries.rows_of(db, "01a0-1") == []
    assert entries.find(db, "01a0-1", 0) is None
    assert entries.open_rows(db) == []
    assert count(db) == 1
    engine = sa.create_engine("sqlite://", creator=lambda: connect_readonly(tmp_path / "calls.db"))
    with engine.connect() as connection:
        found = spend(connection, ["team"], 0, 2e9)
    engine.dispose()
    assert (found.total.calls, found.total.cost_nusd) == (1, 70)
    with closing(Outbox(tmp_path / "calls.db")) as outbox:
        batch = outbox.next(10)
        assert batch is not None
        assert [line[0] for line in batch.lines] == ["r1"]
        outbox.save(batch.positions)
        assert outbox.next(10) is None


def test_slot_0_answers_for_the_journals_of_commands_and_others_do_not(tmp_path: Path, log: Log) -> None:
    log.amend(amended(5))
    lane = (log.name, "acme")
    for slot, answers in ((0, True), (1, False), ("budget", True)):
        with closing(open_log(tmp_path / "calls.db", slot)) as other:
            assert (lane in other.take_over(2)) is answers


def test_entries_that_a_power_loss_took_are_made_up_for_before_new_ones(log: Log, db: sqlite3.Connection) -> None:
    log.amend(amended(5))
    assert log.fill("acme", 0, 7) == 8
    assert [one.charges for one in entries.after(db, log.name, "acme", 0, 9)][:7] == [()] * 7
    assert log.amend(amended(6, n=2)).seq == 9
    assert granted(db) == {BUDGET: 11}


def test_a_file_of_an_older_release_has_granted_nothing(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old.db")) as old:
        old.executescript(MIGRATIONS[0])
        assert granted(old) == {}
        assert list(amendments(old)) == []

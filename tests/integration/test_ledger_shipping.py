"""From the file to PostgreSQL: every row once, whoever tells of it and however often, and nobody stuck."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.config.ledger_url import LedgerPlace, parse_ledger
from proxy.journal.ledger import door, schema, upsert
from proxy.journal.ledger.columns import NAMES, Line
from proxy.journal.ledger.partitions import Partitions
from proxy.journal.ledger.shipper import Shipper
from proxy.journal.log import open_log
from proxy.journal.schema import FINAL, SWEPT
from tests.support.journal_rows import make_row
from tests.support.ledger_rows import at, machine, rows_of, ship, swept, uuid7
from tests.support.postgres import Postgres, ask, running_postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_postgres() as postgres:
        yield postgres


@pytest.fixture
def place(server: Postgres) -> LedgerPlace:
    return server.place()


def test_every_field_of_a_row_arrives_as_it_was(tmp_path: Path, place: LedgerPlace) -> None:
    rows = [make_row(uuid7(at(2026, 11), n), n, project=None, model="ünï ✓", error='"\\') for n in range(5)]
    assert ship(machine(tmp_path, *rows), place, batch=2) == []
    assert rows_of(place) == rows
    (line,) = ask(place, "SELECT cost_nusd, model, project, rank FROM tallygate.attempts WHERE cost_nusd = 3")
    assert line == (3, "ünï ✓", "", FINAL)


def test_shipping_again_from_the_start_changes_nothing(tmp_path: Path, place: LedgerPlace) -> None:
    path = machine(tmp_path, *(make_row(uuid7(at(2026, 11), n), n) for n in range(7)))
    ship(path, place)
    before = ask(place, "SELECT xmin::text, request_id FROM tallygate.attempts ORDER BY 2")
    ask(place, "DELETE FROM tallygate.shipped")
    ship(path, place)
    assert ask(place, "SELECT xmin::text, request_id FROM tallygate.attempts ORDER BY 2") == before


@pytest.mark.parametrize("final_first", [False, True])
def test_what_one_machine_swept_and_another_ended_is_the_final_row_in_either_order(
    tmp_path: Path, place: LedgerPlace, *, final_first: bool
) -> None:
    row = make_row(uuid7(at(2026, 11)), 30)
    sweeper = machine(tmp_path / "a", swept(row, 100))
    owner = machine(tmp_path / "b", row)
    for path in (owner, sweeper, owner) if final_first else (sweeper, owner, sweeper):
        ship(path, place)
    assert rows_of(place) == [row]


def test_on_one_machine_a_final_row_replaces_the_swept_one_that_was_shipped(tmp_path: Path, place: LedgerPlace) -> None:
    row = make_row(uuid7(at(2026, 11)), 30)
    ship(machine(tmp_path, swept(row, 100)), place)
    assert rows_of(place) == [swept(row, 100)]
    ship(machine(tmp_path, row, slot=1), place)
    assert rows_of(place) == [row]


def test_rows_lie_in_the_month_of_their_call_and_odd_ids_before_or_beyond_all_months(
    tmp_path: Path, place: LedgerPlace
) -> None:
    rows = [make_row(uuid7(at(2026, month, day)), 1) for month, day in ((9, 30), (10, 1), (10, 31), (12, 1))]
    odd = [make_row("zzz", 1), make_row(uuid7(0), 1), make_row("0", 1)]
    assert ship(machine(tmp_path, *rows, *odd), place) == []
    found = ask(place, "SELECT tableoid::regclass::text, count(*) FROM tallygate.attempts GROUP BY 1 ORDER BY 1")
    assert found == [
        ("tallygate.attempts_2026_09", 1),
        ("tallygate.attempts_2026_10", 2),
        ("tallygate.attempts_2026_12", 1),
        ("tallygate.attempts_before", 2),
        ("tallygate.attempts_beyond", 1),
    ]


def test_next_months_place_is_made_before_it_is_needed_beside_an_open_report(
    tmp_path: Path, place: LedgerPlace
) -> None:
    path = machine(tmp_path, make_row(uuid7(at(2026, 11)), 1))
    ship(path, place)
    with psycopg.connect(**place.parameters()) as report:  # type: ignore[arg-type]  # libpq's names are open
        report.execute("SELECT count(*) FROM tallygate.attempts WHERE request_id < 'f'")
        now = at(2031, 12, 30)
        with closing(Shipper(path, place, lambda *_: None, now=lambda: now)) as shipper:
            shipper.ship()
    made = [str(name) for (name,) in ask(place, "SELECT relname FROM pg_class WHERE relkind = 'r'")]
    assert {"attempts_2031_12", "attempts_2032_01"} <= {*made}


def test_rows_of_a_month_that_was_dropped_make_it_anew(tmp_path: Path, place: LedgerPlace) -> None:
    path = machine(tmp_path, make_row(uuid7(at(2026, 10)), 1))
    trouble: list[str] = []
    log = open_log(path, 0)
    with closing(Shipper(path, place, lambda event, _: trouble.append(event))) as shipper:
        assert shipper.ship() == 1
        ask(place, "DROP TABLE tallygate.attempts_2026_10")
        for number in (2, 3):
            log.append([(make_row(uuid7(at(2026, 10), number), number), f"h{number}")])
            assert shipper.ship() == 1
    log.close()
    assert trouble == []
    assert [row.cost_nusd for row in rows_of(place)] == [2, 3]


def test_machines_that_start_at_once_make_one_ledger(tmp_path: Path, place: LedgerPlace) -> None:
    paths = [
        machine(tmp_path / str(m), *(make_row(uuid7(at(2026, 1 + n), m), 1, attempt=m) for n in range(4)))
        for m in range(6)
    ]
    failed: list[Exception] = []

    def run(path: Path) -> None:
        try:
            ship(path, place)
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=run, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(rows_of(place)) == 24


_DELIVERIES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 7), st.sampled_from([SWEPT, FINAL])), min_size=1, max_size=60
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_DELIVERIES, st.randoms(use_true_random=False))
def test_deliveries_in_any_order_and_number_end_in_the_same_ledger(
    server: Postgres, deliveries: list[tuple[int, int, int]], rng: random.Random
) -> None:
    place = parse_ledger(server.url("postgres"))
    told = {call for _, call, _ in deliveries}
    ended = {call for _, call, rank in deliveries if rank == FINAL}
    with door.connect(place) as ledger:
        schema.prepare(ledger)
        Partitions().ensure(ledger, [uuid7(at(2026, 11))])
        ledger.execute("TRUNCATE tallygate.attempts")
        while deliveries:
            batch = [deliveries.pop() for _ in range(min(len(deliveries), rng.randint(1, 9)))]
            lines = {m: [_line(call, rank) for owner, call, rank in batch if owner == m] for m in range(3)}
            for owner, mine in lines.items():
                for _ in range(rng.randint(1, 2)):
                    upsert.send(ledger, f"m{owner}", mine)
        found = ledger.execute("SELECT request_id, rank, cost_nusd FROM tallygate.attempts").fetchall()
    assert {name: (rank, cost) for name, rank, cost in found} == {
        uuid7(at(2026, 11), call): (FINAL, 10 + call) if call in ended else (SWEPT, 100 + call) for call in told
    }
    assert len(found) == len(told)


def _line(call: int, rank: int) -> Line:
    values: dict[str, object] = dict.fromkeys(NAMES, "")
    numbers = ("attempt", "input", "output", "cached_read", "cache_write", "reasoning", "saved_nusd")
    values |= dict.fromkeys(numbers, 1)
    values |= {"request_id": uuid7(at(2026, 11), call), "rank": rank, "at": 0.0}
    values["cost_nusd"] = (10 if rank == FINAL else 100) + call
    return tuple(values[name] for name in NAMES)


def test_a_character_that_postgresql_cannot_keep_stops_nothing(tmp_path: Path, place: LedgerPlace) -> None:
    rows = [make_row(uuid7(at(2026, 11), n), 1, model=f"m\0{n}", error="\0") for n in range(3)]
    assert ship(machine(tmp_path, *rows), place) == []
    assert rows_of(place) == rows
    assert ask(place, "SELECT min(model) FROM tallygate.attempts") == [("m\ufffd0",)]


def test_a_ledger_that_came_back_older_is_given_what_it_lacks(tmp_path: Path, place: LedgerPlace) -> None:
    path = machine(tmp_path, make_row(uuid7(at(2026, 11)), 1))
    ship(path, place)
    ask(place, "CREATE TABLE earlier AS TABLE tallygate.shipped")
    machine(tmp_path, make_row(uuid7(at(2026, 11), 1), 2))
    ship(path, place)
    back = "DELETE FROM tallygate.attempts WHERE cost_nusd = 2; TRUNCATE tallygate.shipped;"
    ask(place, back + "INSERT INTO tallygate.shipped TABLE earlier")
    ship(path, place)
    assert [row.cost_nusd for row in rows_of(place)] == [1, 2]


def test_another_ledger_is_given_everything_and_so_is_one_whose_tables_were_dropped(
    tmp_path: Path, server: Postgres, place: LedgerPlace
) -> None:
    path = machine(tmp_path, *(make_row(uuid7(at(2026, 11), n), n) for n in range(4)))
    ship(path, place)
    other = server.place()
    ship(path, other)
    assert rows_of(other) == rows_of(place)
    with closing(Shipper(path, place, lambda *_: None)) as shipper:
        assert shipper.ship() is None
        ask(place, "DROP SCHEMA tallygate CASCADE")
        machine(tmp_path, make_row(uuid7(at(2026, 11), 9), 9))
        with pytest.raises(door.LedgerAway, match="no tables of ours"):
            shipper.ship()
        assert shipper.ship() == 5
    assert len(rows_of(place)) == 5

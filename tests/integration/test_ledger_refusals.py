"""A ledger that will not have us, or one of our rows: it is said in words, nothing is lost, and the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from proxy.config.ledger_url import LedgerPlace, parse_ledger
from proxy.journal.ledger import door
from tests.support.journal_rows import make_row
from tests.support.ledger_rows import at, machine, rows_of, ship, uuid7
from tests.support.postgres import Postgres, ask, running_postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_postgres() as postgres:
        yield postgres


@pytest.fixture
def place(server: Postgres) -> LedgerPlace:
    return server.place()


def test_a_row_that_is_refused_is_told_of_and_the_others_go(tmp_path: Path, place: LedgerPlace) -> None:
    path = machine(tmp_path, make_row(uuid7(at(2026, 11)), 1))
    ship(path, place)
    ask(place, "ALTER TABLE tallygate.attempts ADD CHECK (cost_nusd <> 5)")
    machine(tmp_path, *(make_row(uuid7(at(2026, 11), n), n) for n in range(2, 9)))
    (trouble,) = ship(path, place)
    assert trouble.startswith(f"ledger_row_odd: attempt 1 of {uuid7(at(2026, 11), 5)} stays in the file only")
    assert [row.cost_nusd for row in rows_of(place)] == [1, 2, 3, 4, 6, 7, 8]
    assert ship(path, place) == []


def test_rows_of_a_month_that_was_detached_wait_and_it_is_said_why(tmp_path: Path, place: LedgerPlace) -> None:
    path = machine(tmp_path, make_row(uuid7(at(2026, 10)), 1))
    ship(path, place)
    ask(place, "ALTER TABLE tallygate.attempts DETACH PARTITION tallygate.attempts_2026_10")
    machine(tmp_path, make_row(uuid7(at(2026, 10), 2), 2))
    with pytest.raises(door.LedgerAway, match=r"attempts_2026_10 was detached.*attach, rename or drop it"):
        ship(path, place)
    ask(place, "ALTER TABLE tallygate.attempts_2026_10 RENAME TO old")
    assert ship(path, place) == []
    assert [row.cost_nusd for row in rows_of(place)] == [2]


def test_a_ledger_of_a_newer_release_is_left_as_it_is(tmp_path: Path, place: LedgerPlace) -> None:
    path = machine(tmp_path, make_row(uuid7(at(2026, 11)), 1))
    ship(path, place)
    ask(place, "UPDATE tallygate.version SET number = 99")
    machine(tmp_path, make_row(uuid7(at(2026, 11), 1), 2))
    with pytest.raises(door.LedgerAway, match="has schema 99, this release knows 1; run the newer release") as newer:
        ship(path, place)
    assert newer.value.refused
    assert len(rows_of(place)) == 1


def test_a_database_of_another_encoding_is_refused_in_words(tmp_path: Path, server: Postgres) -> None:
    with psycopg.connect(host=str(server.folder), user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(door.LedgerAway, match="has the encoding LATIN1; make one with UTF8"):
        ship(machine(tmp_path, make_row(uuid7(at(2026, 11)), 1)), parse_ledger(server.url("latin")))


@pytest.mark.parametrize(
    ("user", "says"),
    [("nobody_here", "cannot be reached"), ("reader", "may not do that there")],
)
def test_who_may_not_write_is_told_what_to_do_and_named_nowhere(
    tmp_path: Path, server: Postgres, user: str, says: str
) -> None:
    name = server.place().database
    ask(parse_ledger(server.url(name)), "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN")
    with pytest.raises(door.LedgerAway, match=says) as refused:
        ship(machine(tmp_path, make_row(uuid7(at(2026, 11)), 1)), parse_ledger(server.url(name, user)))
    assert user not in str(refused.value).replace(str(server.folder), "")

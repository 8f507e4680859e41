"""``tallygate ledger``: what differs is found and mended, rows leave without names, and errors say what to do."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from proxy.cli.main import app
from proxy.config.ledger_url import LedgerPlace, parse_ledger
from proxy.domain.row import Outcome, Rank, Row
from proxy.journal.ledger.months import id_at
from proxy.journal.ledger.shipper import Shipper
from proxy.journal.log import open_log
from tests.support.journal_rows import charge, make_row
from tests.support.postgres import Postgres, ask, running_postgres

NOW = time.time()
DAY = 86_400


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_postgres() as postgres:
        yield postgres


class Machine:
    """A machine's folder with a configuration; its proxy does not run."""

    def __init__(self, home: Path, ledger: str) -> None:
        self.home, self.url = home, ledger
        self.place: LedgerPlace = parse_ledger(ledger)
        self.journal = home / "state" / "calls.db"
        home.mkdir(exist_ok=True)
        (home / "tallygate.yaml").write_text(f'state: ./state\nledger: {{ url: "{ledger}" }}\n')

    def book(self, *rows: Row) -> None:
        log = open_log(self.journal, 0)
        for row in rows:
            hold = f"{row.request_id}:{row.attempt}"
            if row.rank is Rank.SWEPT:
                log.sweep(row, hold)
            else:
                log.append([(row, hold)])
        log.close()

    def ship(self) -> None:
        with closing(Shipper(self.journal, self.place, lambda *_: None)) as shipper:
            while shipper.ship() is not None:
                pass

    def run(self, *arguments: str, **env: str) -> Result:
        where = {"TALLYGATE_CONFIG": str(self.home / "tallygate.yaml"), "TALLYGATE_STATE": "", "COLUMNS": "200"}
        return CliRunner().invoke(app, ["ledger", *arguments], env=where | env)

    def verify(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        done = self.run("verify", "--json", *arguments)
        return done.exit_code, json.loads(done.stdout)


@pytest.fixture
def machine(tmp_path: Path, server: Postgres) -> Machine:
    """Twelve calls in three days, all in the ledger."""
    machine = Machine(tmp_path / "one", server.database())
    machine.book(*(call(n) for n in range(12)))
    machine.ship()
    return machine


def call(number: int, cost: int | None = None, **changes: Any) -> Row:
    began = NOW - number % 3 * DAY
    request_id = f"{id_at(began)}-7000-8000-{number:012x}"
    return make_row(request_id, number if cost is None else cost, **{"at": began, **changes})


def test_what_agrees_is_told_with_its_sums(machine: Machine) -> None:
    status, found = machine.verify()
    assert (status, found["agree"]) == (0, True)
    assert (found["sums"], found["counters"]) == ([], None)
    total = found["ledger"]["total"]
    assert (total["journal_rows"], total["ledger_rows"]) == (12, 12)
    assert total["journal_usd"] == total["ledger_usd"] == "0.000000066"
    assert len(found["ledger"]["days"]) == 3
    shown = machine.run("verify")
    assert shown.exit_code == 0
    assert "✓  ledger: the ledger at " in shown.stdout
    assert "counters: not compared, the proxy does not run" in shown.stdout


def test_rows_that_lack_differ_or_are_too_many_are_found_and_rebuilt(machine: Machine) -> None:
    ids = [call(n).request_id for n in range(3)]
    ask(machine.place, "DELETE FROM tallygate.attempts WHERE request_id = %s", ids[0])
    ask(machine.place, "UPDATE tallygate.attempts SET cost_nusd = 777 WHERE request_id = %s", ids[1])
    ask(
        machine.place,
        "UPDATE tallygate.attempts SET doc = replace(doc, 'growth', 'grOwth') WHERE request_id = %s",
        ids[2],
    )
    with sqlite3.connect(machine.journal) as file:
        file.execute("DELETE FROM attempts WHERE cost_nusd = 11")
    file.close()
    status, found = machine.verify("--since", "7d")
    total = found["ledger"]["total"]
    assert status == 1
    assert (total["missing"], total["different"], total["extra"]) == (1, 2, 1)
    assert {(one["what"], one["request_id"]) for one in found["ledger"]["examples"]} == {
        ("missing", ids[0]),
        ("different", ids[1]),
        ("different", ids[2]),
        ("extra", call(11).request_id),
    }
    assert found["sums"][0]["rows_usd"] == "0.000000055"  # and the file itself says that it lost one
    assert "`tallygate ledger rebuild` sends it again" in machine.run("verify").stdout

    assert machine.run("rebuild").stdout == "11 rows of this machine: 3 written, 8 were right already\n"
    assert machine.run("rebuild").stdout == "11 rows of this machine: 0 written, 11 were right already\n"
    total = machine.verify()[1]["ledger"]["total"]
    assert (total["missing"], total["different"], total["extra"]) == (0, 0, 1)


def test_rows_on_their_way_are_no_difference(machine: Machine) -> None:
    machine.book(call(20), call(21))
    status, found = machine.verify()
    assert (status, found["ledger"]["total"]["waiting"]) == (0, 2)


def test_what_another_machine_knew_better_is_no_difference_on_either(
    tmp_path: Path, server: Postgres, machine: Machine
) -> None:
    del server
    row = call(30, 5)
    machine.book(msgspec.structs.replace(row, rank=Rank.SWEPT, cost_nusd=9, charges=(charge(9),)))
    other = Machine(tmp_path / "other", machine.url)
    other.book(row)
    for one in (machine, other, machine):
        one.ship()
    status, found = machine.verify()
    assert (status, found["ledger"]["total"]["superseded"]) == (0, 1)
    status, found = other.verify()
    assert (status, found["ledger"]["total"]["ledger_rows"]) == (0, 1)


def test_sums_that_do_not_follow_from_rows_are_found(machine: Machine) -> None:
    with sqlite3.connect(machine.journal) as file:
        file.execute("UPDATE balances SET amount = amount + 4")
    file.close()
    status, found = machine.verify("--local")
    assert (status, found["agree"], found["ledger"]) == (1, False, None)
    (apart,) = found["sums"]
    assert (apart["rows_usd"], apart["sum_usd"]) == ("0.000000066", "0.00000007")
    assert "✗  sums: 1 differ" in machine.run("verify", "--local").stdout


@pytest.mark.parametrize("command", ["verify", "export", "rebuild"])
def test_a_ledger_that_is_away_is_told_without_credentials(machine: Machine, command: str) -> None:
    away = Machine(machine.home, "postgresql://hidden-user:hidden-word@127.0.0.1:1/ledger")
    done = away.run(command)
    assert done.exit_code == 2
    assert "The ledger at 127.0.0.1:1/ledger cannot be reached: Connection refused" in done.stderr
    assert "hidden" not in done.output
    assert away.run("verify", "--local").exit_code == 0


@pytest.mark.parametrize("command", ["verify", "export", "rebuild"])
def test_a_machine_without_a_journal_is_told_where_it_was_looked_for(
    tmp_path: Path, machine: Machine, command: str
) -> None:
    done = machine.run(command, "--state", str(tmp_path / "nowhere"))
    assert done.exit_code == 2
    assert f"There is no {tmp_path / 'nowhere' / 'calls.db'}" in done.stderr


def test_a_file_that_is_no_journal_is_named(tmp_path: Path, machine: Machine) -> None:
    (tmp_path / "calls.db").write_text("garbage " * 1000)
    for command in ("verify", "rebuild"):
        done = machine.run(command, "--state", str(tmp_path))
        assert done.exit_code == 2
        assert "calls.db cannot be read" in done.stderr


def test_an_empty_database_is_filled_from_the_disk_of_a_dead_machine(
    tmp_path: Path, server: Postgres, machine: Machine
) -> None:
    shutil.copytree(machine.home / "state", tmp_path / "disk")
    other = Machine(tmp_path / "other", server.database())
    assert "has no tables yet" in other.run("export").stderr
    done = other.run("rebuild", "--from", "yesterday", "--state", str(tmp_path / "disk"))
    assert done.stdout == "8 rows of this machine: 8 written, 0 were right already\n"
    done = other.run("rebuild", "--state", str(tmp_path / "disk"))
    assert done.stdout == "12 rows of this machine: 4 written, 8 were right already\n"
    assert ask(other.place, "SELECT count(*), sum(cost_nusd) FROM tallygate.attempts") == [(12, 66)]


def test_without_a_ledger_there_is_nothing_to_rebuild_and_the_rest_works(machine: Machine) -> None:
    (machine.home / "tallygate.yaml").write_text("state: ./state\n")
    assert "No ledger is configured" in machine.run("rebuild").stderr
    assert machine.verify()[0] == 0
    assert machine.run("export").stdout.count("\n") == 13


def test_an_export_has_exact_figures_and_nothing_that_names_a_person(machine: Machine) -> None:
    machine.book(
        call(
            40,
            4_231_000_001,
            key_id="canary-key",
            session="canary-session",
            client_request_id="canary-id",
            tags=(("who", "canary-tag"),),
            facts=b'{"user":"canary-facts"}',
            ref="PAY-12",
        )
    )
    machine.ship()
    for form in ("csv", "jsonl"):
        whole = machine.run("export", "--format", form).stdout
        assert "canary" not in whole
        assert "4.231000001" in whole
    rows = [json.loads(line) for line in whole.splitlines()]
    (row,) = [row for row in rows if row["ref"] == "PAY-12"]
    assert (row["principal"], row["cost_usd"], row["attempt"], row["rank"]) == ("p_1", "4.231000001", 1, "final")
    assert len(rows) == 13
    assert [row["request_id"] for row in rows] == sorted(row["request_id"] for row in rows)


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_text_of_a_caller_is_a_formula_for_a_spreadsheet(machine: Machine, text: str) -> None:
    machine.book(call(41, model_requested=text))
    (row,) = [
        row
        for row in csv.DictReader(io.StringIO(machine.run("export", "--local").stdout))
        if row["model_requested"].endswith(text)
    ]
    assert row["model_requested"] == f"'{text}"
    assert json.dumps(text) in machine.run("export", "--local", "--format", "jsonl").stdout


def test_a_file_is_whole_or_not_there_and_for_its_owner_only(tmp_path: Path, machine: Machine) -> None:
    out = tmp_path / "november.csv"
    done = machine.run("export", "--since", "today", "--output", str(out))
    assert (done.stdout, done.stderr) == ("", f"wrote 4 rows to {out}\n")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    before = out.read_text()
    assert before.count("\n") == 5
    ask(machine.place, "UPDATE tallygate.version SET number = 99")
    refused = machine.run("export", "--output", str(out))
    assert refused.exit_code == 2
    assert "run the newer release" in refused.stderr
    assert out.read_text() == before
    assert "cannot be written" in machine.run("export", "--local", "--output", str(tmp_path / "no" / "x")).stderr
    assert {path.name for path in tmp_path.iterdir()} == {"one", "november.csv"}


def test_a_span_that_is_none_says_what_can_be_said(machine: Machine) -> None:
    for arguments in (("export", "--since", "soon"), ("verify", "--since", "soon"), ("rebuild", "--from", "soon")):
        done = machine.run(*arguments)
        assert done.exit_code == 2
        assert "24h, 30d" in done.output


def test_a_refused_call_is_a_row_like_any_other(machine: Machine) -> None:
    machine.book(call(50, 0, attempt=0, outcome=Outcome.DENIED, upstream=None, model=None))
    machine.ship()
    assert machine.verify()[0] == 0
    assert '"outcome":"denied"' in machine.run("export", "--format", "jsonl").stdout

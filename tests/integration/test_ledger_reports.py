"""The same traffic in a file and in PostgreSQL gives the same report, to the byte."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from proxy.cli.main import app
from proxy.domain.row import Outcome, Row
from proxy.domain.usage import Usage, UsageSource
from proxy.journal.ledger.months import id_at
from proxy.journal.ledger.shipper import Shipper
from proxy.journal.log import open_log
from tests.support.journal_rows import make_row
from tests.support.postgres import Postgres, running_postgres

DAY = 86_400
# Days rather than spans that end now: two commands may run in two minutes.
_REPORTS = (
    ("--by", "team", "--since", "yesterday", "--until", "2100-01-01"),
    ("--by", "model", "--by", "upstream", "--since", "2020-01-01", "--until", "2100-01-01"),
    ("--by", "team", "--by", "project", "--since", "2020-01-01", "--until", "today"),
    ("--by", "upstream", "--since", "2099-01-01", "--until", "2100-01-01"),
)
_EVER = ("--since", "2020-01-01", "--until", "2100-01-01")


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_postgres() as postgres:
        yield postgres


@pytest.fixture(scope="module")
def home(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration with a ledger, and two hundred calls that are in both."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "tallygate.yaml").write_text(f'state: ./state\nledger: {{ url: "{server.database()}" }}\n')
    log = open_log(folder / "state" / "calls.db", 0)
    for row in traffic(random.Random(11), time.time()):
        log.append([(row, "")])
    log.close()
    return folder


@pytest.fixture(scope="module")
def shipped(home: Path) -> Path:
    from proxy.cli.records import ledger_of, settings_of  # noqa: PLC0415 - reads the environment's configuration

    place = ledger_of(settings_of(home / "tallygate.yaml"))
    assert place is not None
    with closing(Shipper(home / "state" / "calls.db", place, lambda *_: None)) as shipper:
        while shipper.ship() is not None:
            pass
    return home


def traffic(rng: random.Random, now: float) -> Iterator[Row]:
    """Calls of three months, some of which failed over, with names that sort differently in other languages."""
    for number in range(200):
        began = now - rng.random() * 80 * DAY
        request_id = f"{id_at(began)}-7000-8000-{number:012x}"
        team, project = (
            rng.choice(["growth", "Growth", "älpen", "zeta", "_x"]),
            rng.choice([None, "crm", "CRM", "site"]),
        )
        for attempt in range(1, rng.choice([1, 1, 2, 3]) + 1):
            source = rng.choice(list(UsageSource))
            yield make_row(
                request_id,
                rng.randrange(10**12),
                attempt=attempt,
                at=began,
                team=team,
                project=project,
                model=rng.choice([None, "gpt-5", "Gpt-5", "ö-1"]),
                upstream=f"u{attempt}",
                outcome=rng.choice([Outcome.OK, Outcome.UPSTREAM_ERROR, Outcome.DENIED, Outcome.CLIENT_ABORT]),
                usage=Usage(
                    input=rng.randrange(10**9), output=7, cached_read=rng.choice([None, 3]), usage_source=source
                ),
                saved_nusd=rng.randrange(100),
            )


def told(home: Path, *arguments: str) -> str:
    result = CliRunner().invoke(
        app, [*arguments, "--config", str(home / "tallygate.yaml")], env={"COLUMNS": "200", "TALLYGATE_STATE": ""}
    )
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("report", _REPORTS)
@pytest.mark.parametrize("form", ["json", "csv", "table"])
def test_a_report_says_the_same_of_the_file_and_of_the_ledger(
    shipped: Path, report: tuple[str, ...], form: str
) -> None:
    spend = ("report", "spend", *report, "--format", form)
    assert told(shipped, *spend) == told(shipped, *spend, "--local")


def test_the_ledger_is_what_was_read(shipped: Path, tmp_path: Path) -> None:
    (tmp_path / "tallygate.yaml").write_text(
        (shipped / "tallygate.yaml").read_text()
    )  # with a state folder of no calls
    whole = json.loads(told(shipped, "report", "spend", *_EVER, "--format", "json"))
    assert json.loads(told(tmp_path, "report", "spend", *_EVER, "--format", "json"))["total"] == whole["total"]
    assert whole["total"]["calls"] > 100


def test_a_call_that_failed_over_counts_once_and_costs_what_all_its_attempts_cost(shipped: Path) -> None:
    rows = list(traffic(random.Random(11), time.time()))
    done = [row for row in rows if row.outcome is not Outcome.DENIED]
    total = json.loads(told(shipped, "report", "spend", *_EVER, "--format", "json"))["total"]
    assert total["calls"] == len({row.request_id.rpartition("-")[2] for row in done}) < len(done)
    assert total["cost_usd"] == f"{sum(row.cost_nusd for row in done) / 10**9:.9f}".rstrip("0")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_says_the_same_of_the_file_and_of_the_ledger(shipped: Path, form: str) -> None:
    export = ("ledger", "export", *_EVER, "--format", form)
    whole = told(shipped, *export)
    assert whole == told(shipped, *export, "--local")
    assert whole.count("\n") > 200

"""``tallygate report spend``: true figures, exact where programs read them, and nobody is ranked."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from proxy.cli.report import report_app
from proxy.domain.row import Outcome, Rank
from proxy.domain.usage import Usage, UsageSource
from proxy.journal.log import Log, open_log
from tests.support.journal_rows import make_row

HOUR = 3600


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def running(state: Path) -> Iterator[Log]:
    """A proxy's journal, open while the report reads."""
    now = time.time()
    log = open_log(state / "calls.db", 0)
    estimated = Usage(input=7, output=3, usage_source=UsageSource.ESTIMATED)
    reported = Usage(
        input=100, output=20, cached_read=60, cache_write=5, reasoning=8, usage_source=UsageSource.REPORTED
    )
    rows = (
        make_row("a", 3_000_000_001, usage=reported, at=now - HOUR),
        make_row("a", 1_000_000_000, attempt=2, usage=estimated, upstream="azure", at=now - HOUR),
        make_row("b", 500, team="sales", project=None, usage=reported, saved_nusd=9, at=now - 2 * HOUR),
        make_row("c", 0, attempt=0, outcome=Outcome.DENIED, at=now - HOUR),
        make_row("d", 7_000, team="old", at=now - 50 * 24 * HOUR),
    )
    log.append([(row, "") for row in rows])
    log.open(make_row("e", 1, rank=Rank.OPEN, at=now))
    yield log
    log.close()


def report(state: Path, *options: str, width: int = 200) -> Result:
    return CliRunner().invoke(report_app, ["spend", "--state", str(state), *options], env={"COLUMNS": str(width)})


@pytest.mark.usefixtures("running")
def test_json_holds_exact_figures_dearest_first_and_a_call_counts_once(state: Path) -> None:
    found = json.loads(report(state, "--by", "upstream", "--format", "json").output)
    assert found["by"] == ["upstream"]
    assert found["rows"] == [
        {
            "upstream": "openai", "calls": 2, "input": 200, "cached_read": 120, "cache_write": 10, "output": 40,
            "reasoning": 16, "cost_usd": "3.000000501", "unreported_share": "0.0000", "saved_usd": "0.000000009",
        },
        {
            "upstream": "azure", "calls": 1, "input": 7, "cached_read": 0, "cache_write": 0, "output": 3,
            "reasoning": 0, "cost_usd": "1.000000", "unreported_share": "1.0000", "saved_usd": "0.000000",
        },
    ]  # fmt: skip
    assert found["total"]["calls"] == 2
    assert found["total"]["cost_usd"] == "4.000000501"
    assert found["total"]["unreported_share"] == "0.2500"


@pytest.mark.usefixtures("running")
def test_csv_groups_by_several_things_and_leaves_empty_what_rows_do_not_name(state: Path) -> None:
    lines = list(csv.DictReader(io.StringIO(report(state, "--by", "team", "--by", "project", "-f", "csv").output)))
    assert [(line["team"], line["project"], line["cost_usd"]) for line in lines] == [
        ("growth", "crm", "4.000000001"),
        ("sales", "", "0.0000005"),
    ]


@pytest.mark.usefixtures("running")
def test_the_table_has_a_total_and_shows_what_is_estimated(state: Path) -> None:
    shown = report(state, "--by", "team").output
    assert "$4.000001" in shown
    assert "total" in shown
    assert "25.0%" in shown
    assert "▇" in shown
    assert "old" not in shown


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("width", [50, 80, 100, 140])
def test_a_narrow_terminal_gets_fewer_columns_and_never_cut_figures(state: Path, width: int) -> None:
    shown = report(state, "--by", "team", width=width).output
    assert max(map(len, shown.splitlines())) <= width
    assert "…" not in shown
    assert "$4.000001" in shown
    assert ("saved" in shown) == (width >= 80)
    assert ("written" in shown) == (width >= 140)


@pytest.mark.usefixtures("running")
def test_a_span_may_begin_and_end_in_the_past(state: Path) -> None:
    found = json.loads(report(state, "--since", "60d", "--until", "40d", "--format", "json").output)
    assert [(line["team"], line["cost_usd"]) for line in found["rows"]] == [("old", "0.000007")]


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("person", ["user", "key", "principal", "session"])
def test_no_report_ranks_people(state: Path, person: str) -> None:
    refused = report(state, "--by", person)
    assert refused.exit_code == 2
    assert "no report ranks people" in refused.output


@pytest.mark.usefixtures("running")
def test_what_cannot_be_asked_is_answered_with_what_can(state: Path) -> None:
    assert "team, project, model, upstream" in report(state, "--by", "colour").output
    assert "24h, 30d" in report(state, "--since", "soon").output


def test_before_the_first_call_it_says_so(state: Path) -> None:
    shown = [report(state)]
    open_log(state / "calls.db", 0).close()
    shown.append(report(state))
    assert [result.exit_code for result in shown] == [0, 0]
    assert all("No calls" in result.output for result in shown)


def test_a_file_that_is_no_journal_is_named(state: Path) -> None:
    state.mkdir()
    (state / "calls.db").write_text("garbage " * 1000)
    refused = report(state)
    assert refused.exit_code == 2
    assert "calls.db" in refused.output.replace("\n", "")

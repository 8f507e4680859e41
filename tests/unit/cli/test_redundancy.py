"""``tallygate report redundancy``, as people and as programs see it."""

from __future__ import annotations

import pytest
from rich.console import Console
from typer.testing import CliRunner

from proxy.app.redundancy import Line, Report
from proxy.cli.redundancy import _table, document
from proxy.cli.report import report_app
from proxy.domain.repeat import names

DAYS = ("2026-11-22", "2026-11-23")


def line(team: str | None) -> Line:
    counted = dict.fromkeys(names(), (0, 0, 0)) | {
        "all": (50, 10_000, 2_000_000_000),
        "unread": (10, 2_000, 400_000_000),
        "exact:loop": (3, 800, 160_000_000),
        "near:others": (6, 1_600, 320_000_000),
        "template:same": (1, 400, 80_000_000),
    }
    return Line(team, None, counted, 7, 900_000_000)


REPORT = Report(("team",), DAYS, (line("growth"), line("smaller teams")), line(None))


def shown(width: int) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(_table(REPORT, width))
    return capture.get()


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160, 200])
def test_a_narrow_terminal_gets_fewer_columns_and_never_a_cut_figure(width: int) -> None:
    told = shown(width)
    assert max(map(len, told.splitlines())) <= width
    assert "…" not in told
    for figure in ("smaller teams", "$2.000000", "$0.480000", "30.0%"):
        assert figure in told


def test_a_wide_one_gets_who_repeats_and_how_as_a_bar() -> None:
    told = shown(160)
    for figure in ("10.0%", "20.0%", "5.0%", "$0.900000", "█▓▓"):
        assert figure in told


def test_programs_get_exact_figures_and_what_was_not_looked_at() -> None:
    told = document(REPORT)
    assert (told["since"], told["until"], told["by"]) == (*DAYS, ["team"])
    total = told["total"]
    assert isinstance(total, dict)
    assert (total["repeated_share"], total["repeated_usd"], total["not_compared"]) == ("0.3000", "0.480000", 10)
    assert total["near"] == {"calls": 6, "input": 1600, "cost_usd": "0.320000"}
    assert total["by_whom"]["loop"]["calls"] == 3
    assert (total["cache_hits"], total["saved_usd"]) == (7, "0.900000")


@pytest.mark.parametrize("name", ["user", "key", "session"])
def test_no_report_ranks_people(name: str) -> None:
    told = CliRunner().invoke(report_app, ["redundancy", "--by", name], env={"COLUMNS": "200"})
    assert told.exit_code == 2
    assert "no report ranks people" in told.output

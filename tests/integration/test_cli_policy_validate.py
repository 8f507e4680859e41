"""``tallygate policy`` in real processes, on the example."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.policies import EXAMPLE

PROGRAM = "from proxy.cli.policy import app; app()"


def policy(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, *arguments],
        cwd=folder,
        env={**inherited, "COLUMNS": "160", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def company(tmp_path: Path) -> Path:
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def broken(company: Path) -> Path:
    path = company / "policies" / "org.yaml"
    text = (
        path.read_text()
        .replace("  - name: key-parallel", "  - name: key-paralel", 1)
        .replace("limit: 8", "limit: eight")
    )
    path.write_text(text.replace("clock.weekday", "clock.weekdya"))
    return company


def test_the_example_is_good_and_its_untested_rules_are_noted(company: Path) -> None:
    done = policy(company, "validate")
    assert (done.returncode, done.stderr) == (0, "")
    # The example's exemption ends one day, and that is remarked on.
    assert "good: 16 rules in 2 policies, 1 exemption, 7 tests; " in done.stdout
    assert done.stdout.endswith("11 notes\n7 tests not run; run them: tallygate policy test\n")
    assert "note: policies/teams/growth.yaml:9:11: rules.0.name: no test names team-growth/growth-month" in done.stdout


def test_every_mistake_is_told_with_a_caret_and_status_2(broken: Path) -> None:
    done = policy(broken, "validate", "policies")
    assert done.returncode == 2
    assert "policies/org.yaml:47:24: rules.6.parallel.limit: 'eight' is not a number; write digits" in done.stdout
    assert (
        "policies/org.yaml:74:48: rules.11.when: there is no fact 'clock.weekdya'; did you mean 'clock.weekday'?"
        in done.stdout
    )
    assert "there is no rule 'org/key-parallel'; did you mean 'org/key-paralel'?" in done.stdout
    caret = done.stdout.splitlines()[done.stdout.splitlines().index("        parallel: { limit: eight, per: key }") + 1]
    assert caret.index("^") == "        parallel: { limit: eight, per: key }".index("eight")
    assert done.stdout.rstrip().endswith("4 problems: these policies cannot be used")


def test_names_of_a_file_that_cannot_be_parsed_are_not_missed_elsewhere(company: Path) -> None:
    path = company / "policies" / "org.yaml"
    path.write_text(path.read_text().replace("limit: 8, per: key", "limit: [8, per: key"))
    done = policy(company, "validate")
    assert done.returncode == 2
    assert (
        "policies/org.yaml:47:37: the [ on line 47 is not closed before this; a ] or a comma is missing" in done.stdout
    )
    assert done.stdout.rstrip().endswith("\n1 problem: these policies cannot be used")


def test_programs_read_json(broken: Path) -> None:
    found = json.loads(policy(broken, "validate", "--format", "json").stdout)
    assert found["counts"] == {"error": 4, "warning": 0, "note": 0}
    assert {(one["file"], one["line"]) for one in found["findings"]} == {
        ("policies/org.yaml", 47), ("policies/org.yaml", 74), ("policies/tests/org.test.yaml", 31), ("policies/tests/org.test.yaml", 32),
    }  # fmt: skip


def test_github_marks_the_lines_of_a_pull_request(broken: Path) -> None:
    lines = policy(broken, "validate", "--format", "github").stdout.splitlines()
    assert lines[0].startswith(
        "::error file=policies/org.yaml,line=47,col=24,title=tallygate policy::rules.6.parallel.limit: "
    )


def test_other_tools_read_sarif(company: Path) -> None:
    log = json.loads(policy(company, "validate", "--format", "sarif").stdout)
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    declared = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert run["results"]
    for result in run["results"]:
        assert result["ruleId"] in declared
        assert result["locations"][0]["physicalLocation"]["region"]["startLine"] > 0


def test_strict_fails_on_warnings_only(company: Path) -> None:
    (company / "policies" / "exemptions" / "2026-11-eval-week.yaml").unlink()
    assert policy(company, "validate", "--strict").returncode == 0
    path = company / "policies" / "teams" / "growth.yaml"
    path.write_text(path.read_text().replace("route: gpt-5-mini", "route: gpt-4.1"))
    done = policy(company, "validate", "--strict")
    assert done.returncode == 1
    assert (
        "warning: policies/teams/growth.yaml:17:12: rules.2.route: routes to gpt-4.1, which org/approved-models"
        in done.stdout
    )


def test_folder_and_directory_are_enough_without_a_configuration(company: Path) -> None:
    (company / "tallygate.yaml").unlink()
    done = policy(company, "validate", "policies", "--directory", "directory.yaml")
    assert "no model fits 'vllm/*'" in done.stdout
    path = company / "policies" / "org.yaml"
    path.write_text(path.read_text().replace(', "vllm/*"', ""))
    assert policy(company, "validate", "policies", "--directory", "directory.yaml").returncode == 0


def test_a_broken_directory_is_told_like_a_broken_policy(company: Path) -> None:
    (company / "directory.yaml").write_text("org: acme\ntaems: {}\n")
    done = policy(company, "validate")
    assert done.returncode == 2
    assert "unknown key 'taems'; did you mean 'teams'?" in done.stdout


def test_a_folder_that_is_not_there_is_told(company: Path) -> None:
    done = policy(company, "validate", "polices")
    assert (done.returncode, "polices: there is no such file or folder" in done.stdout) == (2, True)


def test_the_schema_is_json(company: Path) -> None:
    assert json.loads(policy(company, "schema").stdout)["properties"]["kind"]["enum"][0] == "Policy"


def test_fmt_tidies_and_check_only_tells(company: Path) -> None:
    path = company / "policies" / "teams" / "growth.yaml"
    right = path.read_text()
    path.write_text(right.replace("{ teams: [growth] }", "{teams: [ growth ]}   ").replace("\n", "\r\n"))
    wrong = path.read_bytes()
    done = policy(company, "fmt", "--check")
    assert (done.returncode, path.read_bytes()) == (1, wrong)
    assert "would tidy" in done.stdout
    assert policy(company, "fmt").returncode == 0
    assert path.read_text() == right
    assert policy(company, "fmt", "--check").returncode == 0

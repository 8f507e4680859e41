"""``tallygate policy test`` in real processes, on the example and on the policies that ship."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.engines import short_folder
from tests.support.policies import EXAMPLE

PROGRAM = "from proxy.cli.main import main; main()"


def tallygate(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, "policy", *arguments],
        cwd=folder,
        env={**inherited, "COLUMNS": "160", "PYTHONPATH": str(Path(__file__).parents[2]), **more},
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
def failing(company: Path) -> Path:
    path = company / "policies" / "tests" / "org.test.yaml"
    text = path.read_text()
    assert "deny: org/night-batch-only, status: 403" in text
    path.write_text(text.replace("deny: org/night-batch-only, status: 403", "deny: org/approved-models, status: 400"))
    return company


def test_the_example_passes_its_tests_and_rules_that_none_fires_are_listed(company: Path) -> None:
    done = tallygate(company, "test", "--coverage", "-v")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "ok   policies/tests/org.test.yaml:7:5: preview models are refused"
    assert "no test fires team-growth/duplicate-burst (policies/teams/growth.yaml:18)" in lines
    assert not [line for line in lines if "no test fires org/night-batch-only" in line]
    assert lines[-1].startswith("7 passed, 0 failed, ")


def test_a_failing_test_is_told_with_its_place_what_came_and_why(failing: Path) -> None:
    done = tallygate(failing, "test", "policies")
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[:3] == [
        "FAIL policies/tests/org.test.yaml:23:5: long generations wait for the evening",
        "  deny: expected org/approved-models, got org/night-batch-only",
        "  status: expected 400, got 403",
    ]
    assert "    refused 403  org/night-batch-only  (policies/org.yaml:71)" in lines
    assert "      ask    security@acme.example" in lines
    assert lines[-1].startswith("6 passed, 1 failed in ")


def test_programs_read_json(failing: Path) -> None:
    done = tallygate(failing, "test", "--format", "json", "-k", "EVENING")
    found = json.loads(done.stdout)
    assert (done.returncode, found["counts"]) == (1, {"passed": 0, "failed": 1, "todo": 0})
    (one,) = found["tests"]
    assert (one["file"], one["line"], one["col"]) == ("policies/tests/org.test.yaml", 23, 5)
    assert (one["got"]["deny"], one["got"]["status"]) == (["org/night-batch-only"], 403)
    assert one["faults"] == [
        "deny: expected org/approved-models, got org/night-batch-only",
        "status: expected 400, got 403",
    ]


def test_a_pull_request_on_github_shows_it_at_its_line(failing: Path) -> None:
    done = tallygate(failing, "test", "-f", "github", "--coverage")
    assert done.stdout.startswith("::error file=policies/tests/org.test.yaml,line=23,col=5,title=tallygate policy::")
    assert "::notice file=policies/teams/growth.yaml,line=18,col=1,title=tallygate policy::" in done.stdout


def test_todo_is_told_and_fails_nothing(failing: Path) -> None:
    path = failing / "policies" / "tests" / "org.test.yaml"
    text = path.read_text().replace("  - name: long gen", "  - todo: true\n    name: long gen")
    path.write_text(text.replace("  - name: preview", "  - todo: true\n    name: preview"))
    done = tallygate(failing, "test")
    assert (done.returncode, done.stdout.splitlines()[:-1]) == (
        0,
        [
            "todo policies/tests/org.test.yaml:7:5: preview models are refused (passes now; take todo: away)",
            "todo policies/tests/org.test.yaml:24:5: long generations wait for the evening (fails, as is known)",
        ],
    )
    assert done.stdout.splitlines()[-1].startswith("5 passed, 0 failed, 2 todo in ")


def test_policies_that_do_not_load_are_not_tested(company: Path) -> None:
    path = company / "policies" / "org.yaml"
    path.write_text(path.read_text().replace("models:\n      allow", "modles:\n      allow"))
    done = tallygate(company, "test")
    assert done.returncode == 2
    assert "did you mean 'models'?" in done.stdout
    assert done.stdout.rstrip().endswith("nothing was tested")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("-k", "nobody"), "no test has 'nobody' in its name or file"), (("policies/teams",), "there are no tests here")],
)
def test_nothing_tested_does_not_look_like_all_is_well(company: Path, arguments: tuple[str, ...], told: str) -> None:
    done = tallygate(company, "test", *arguments)
    assert done.returncode == 2
    assert told in done.stdout


def test_the_policies_that_ship_pass_anywhere(tmp_path: Path) -> None:
    shutil.copytree(Path(__file__).parents[2] / "policies", tmp_path / "policies")
    (tmp_path / "directory.yaml").write_text("org: my-org\nteams: { my-team: {} }\n")
    done = tallygate(tmp_path, "test", "policies", "--directory", "directory.yaml")
    assert (done.returncode, done.stdout.split(" in ")[0]) == (0, "11 passed, 0 failed")


def test_nothing_is_left_behind(company: Path) -> None:
    with short_folder() as temporary:
        assert tallygate(company, "test", TMPDIR=str(temporary)).returncode == 0
        assert list(temporary.iterdir()) == []
    assert not (company / "state").exists()


def test_a_temporary_folder_with_too_long_a_name_is_told(company: Path) -> None:
    deep = company / ("x" * 100)
    deep.mkdir()
    done = tallygate(company, "test", TMPDIR=str(deep))
    assert (done.returncode, done.stdout) == (2, "")
    assert "set TMPDIR to a shorter one" in done.stderr

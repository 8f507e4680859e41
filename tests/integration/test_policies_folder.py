"""The folder `policies/` as people take it: beside what `tallygate init` writes, and with the recipes of its README."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.snippets import POLICIES, README, snippets

_NAMED = re.compile(r"`([\w./-]+\.yaml)`\n\n```yaml\n(.*?)```", re.DOTALL)


def tallygate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "proxy", *arguments],
        cwd=folder,
        env={**inherited, "COLUMNS": "160", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """A first run, and the folder beside it."""
    shutil.copytree(POLICIES, tmp_path / "policies")
    assert tallygate(tmp_path, "init").returncode == 0
    return tmp_path


def test_the_set_is_good_beside_a_first_run(company: Path) -> None:
    done = tallygate(company, "policy", "validate", "--strict")
    assert (done.returncode, done.stderr) == (0, "")
    summary, _ = done.stdout.splitlines()
    assert summary == "good: 8 rules in 1 policy, 0 exemptions, 11 tests; 0 warnings, 0 notes"


def test_its_files_are_tidy(company: Path) -> None:
    done = tallygate(company, "policy", "fmt", "--check")
    assert (done.returncode, done.stdout) == (0, "2 files, 0 to tidy\n")


def test_recipes_are_good_as_the_files_that_they_are_called(company: Path) -> None:
    (company / "policies" / "tests" / "org.test.yaml").unlink()
    (directory,) = [one.text for one in snippets(README, "yaml") if one.text.startswith("org:")]
    (company / "directory.yaml").write_text(directory, "utf-8")
    recipes = _NAMED.findall(README.read_text("utf-8"))
    assert len(recipes) == 9
    for name, text in recipes:
        path = company / "policies" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    done = tallygate(company, "policy", "validate")
    assert (done.returncode, done.stderr) == (0, "")
    assert "good: 14 rules in 5 policies, 1 exemption, 12 tests; " in done.stdout
    told = [line for line in done.stdout.splitlines() if line.startswith(("error", "warning"))]
    # The exemption of the example ends one day, and that is told.
    assert all("2026-11-opus-for-research.yaml" in line for line in told)
    assert tallygate(company, "policy", "fmt", "--check").returncode == 0


def test_the_schema_is_where_the_readme_writes_it_and_no_policy(company: Path) -> None:
    folder = company / "policies" / ".schema"
    folder.mkdir()
    (folder / "policy.json").write_text(tallygate(company, "policy", "schema").stdout, "utf-8")
    assert tallygate(company, "policy", "validate", "--strict").returncode == 0

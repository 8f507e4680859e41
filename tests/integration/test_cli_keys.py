"""The first minutes with the command line, in real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.config.directory_loader import load_directory
from tests.support.config_files import DIRECTORY

CANARY = "sk-Canary0123456789abcdefghij"


def tallygate(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", "from proxy.cli.main import main; main()", *arguments],
        cwd=folder,
        env={**inherited, "USER": "ann", "COLUMNS": "160", "PYTHONPATH": str(Path(__file__).parents[2]), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def told(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def company(tmp_path: Path) -> Path:
    (tmp_path / "tallygate.yaml").write_text("budget: {limit: $100/day}\n")
    (tmp_path / "directory.yaml").write_text(DIRECTORY)
    return tmp_path


def test_init_gives_two_files_a_key_and_three_lines_to_paste(tmp_path: Path) -> None:
    said = told(tallygate(tmp_path, "init"))
    base, key, curl = said.strip().splitlines()[-3:]
    assert base == "export OPENAI_BASE_URL=http://127.0.0.1:8080/v1"
    token = key.removeprefix("export OPENAI_API_KEY=")
    principal = load_directory(tmp_path / "directory.yaml", b"").principal_of(token, 0.0)
    assert principal is not None
    assert (principal.user, principal.team) == ("ann", "my-team")
    assert curl.startswith("curl -N ")
    assert '"model":"demo-small"' in curl
    assert subprocess.run(["bash", "-n", "-c", curl], check=False).returncode == 0
    assert "configuration" in told(tallygate(tmp_path, "check"))


def test_init_leaves_what_is_there_alone(company: Path) -> None:
    said = told(tallygate(company, "init"))
    assert (company / "directory.yaml").read_text() == DIRECTORY
    assert "The directory was there already; `tallygate keys issue` makes another key." in said


def test_init_with_names_that_are_none_writes_no_directory(tmp_path: Path) -> None:
    done = tallygate(tmp_path, "init", "--org", "Acme Inc: {")
    assert done.returncode == 2
    assert "directory" in done.stderr
    assert not (tmp_path / "directory.yaml").exists()


def test_keys_are_issued_listed_and_revoked(company: Path) -> None:
    token = told(tallygate(company, "keys", "issue", "--user", "ann@acme.example", "--expires", "90d")).split()[-1]
    listed = json.loads(told(tallygate(company, "keys", "list", "--json")))
    assert [(row["id"] == "key_1", row["team"], row["state"]) for row in listed] == [
        (True, "growth", "valid"),
        (False, "growth", "valid"),
    ]
    table = told(tallygate(company, "keys", "list"))
    assert token not in table
    assert listed[1]["id"] in table
    told(tallygate(company, "keys", "revoke", listed[1]["id"]))
    assert (company / "directory.yaml").read_text() == DIRECTORY


def test_a_key_may_name_its_own_project_beside_those_it_is_allowed(company: Path) -> None:
    told(tallygate(company, "keys", "issue", "--user", "ann@acme.example", "--project", "crm", "--allow", "site"))
    listed = json.loads(told(tallygate(company, "keys", "list", "--json")))
    assert (listed[1]["project"], listed[1]["projects"]) == ("crm", ["crm", "site"])


def test_a_printed_row_can_be_pasted_by_hand(company: Path) -> None:
    said = told(tallygate(company, "keys", "issue", "--service", "etl", "--team", "platform", "--print"))
    assert (company / "directory.yaml").read_text() == DIRECTORY
    row, token = said.splitlines()[0], said.split()[-1]
    (company / "directory.yaml").write_text(DIRECTORY.replace("\n\n# where", f"\n  {row}\n\n# where"))
    principal = load_directory(company / "directory.yaml", b"").principal_of(token, 0.0)
    assert principal is not None
    assert (principal.service, principal.team) == ("etl", "platform")


def test_the_configuration_is_found_by_the_environment(company: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert "key_1" in told(tallygate(elsewhere, "keys", "list", TALLYGATE_CONFIG=str(company / "tallygate.yaml")))
    assert "key_1" in told(tallygate(elsewhere, "keys", "list", "--config", str(company)))
    assert "key_1" in told(tallygate(elsewhere, "keys", "list", "--directory", str(company / "directory.yaml")))


def test_check_tells_every_problem_and_ends_with_two(company: Path) -> None:
    (company / "tallygate.yaml").write_text(f"lisen: x\nlease: 5\nupstreams: {{o: {{dialect: no, key: {CANARY}}}}}\n")
    done = tallygate(company, "check")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(
        "tallygate.yaml:1:1: unknown key 'lisen'; did you mean 'listen'?\n    lisen: x\n    ^\n"
    )
    assert done.stderr.count("\ntallygate.yaml:") == 4
    assert CANARY not in done.stderr
    assert "Traceback" not in done.stderr


def test_check_looks_at_both_files_even_if_the_first_is_wrong(company: Path) -> None:
    (company / "tallygate.yaml").write_text("lease: 5")
    (company / "directory.yaml").write_text(DIRECTORY.replace("team: growth", "team: grwth"))
    said = tallygate(company, "check").stderr
    assert "tallygate.yaml:1:8: lease: '5' is not a duration" in said
    assert "directory.yaml:8:29: users.ann@acme.example.team: there is no team 'grwth'; did you mean 'growth'?" in said


def test_check_finds_what_only_the_price_table_can_tell(company: Path) -> None:
    one = "upstreams:\n  o:\n    dialect: openai\n    base_url: https://a.example\n    prices_from: opnai\n"
    (company / "tallygate.yaml").write_text(one)
    done = tallygate(company, "check")
    assert done.returncode == 2
    assert (
        "tallygate.yaml:5:18: upstreams.o.prices_from: 'opnai' is not in the price table; did you mean 'openai'?"
        in done.stderr
    )


def test_check_says_what_is_on_and_what_is_off(company: Path) -> None:
    (company / "tallygate.yaml").write_text(
        "upstreams:\n"
        "  openai: {dialect: openai, base_url: https://api.openai.com/v1, key: env:OPENAI_API_KEY, models: [gpt-*]}\n"
        "  claude: {dialect: anthropic, base_url: https://api.anthropic.com, key: env:ANTHROPIC_API_KEY}\n"
    )
    said = told(tallygate(company, "check", OPENAI_API_KEY=CANARY))
    assert "openai at https://api.openai.com/v1, models gpt-*" in said
    assert "upstream claude is off: the environment variable ANTHROPIC_API_KEY is not set" in said
    assert "acme: 2 teams, 2 users, 1 keys" in said
    assert CANARY not in said


def test_nothing_here_yet_says_what_to_do(tmp_path: Path) -> None:
    done = tallygate(tmp_path, "keys", "list")
    assert (done.returncode, done.stderr) == (2, "tallygate.yaml: there is no such file; `tallygate init` writes one\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["keys", "issue"], "say whose key it is"),
        (["keys", "issue", "--user", "x", "--expires", "soon"], "'soon' is not a d"),
        (["keys", "issue", "--user", "x", "--expires", "2001-01-01"], "lies in the past"),
        (["keys", "revoke", "key_9"], "there is no key 'key_9'; did you mean 'key_1'?"),
        (["keys", "issue", "--user", "zoe"], "there is no user 'zoe'; add it under users:"),
    ],
)
def test_a_command_that_cannot_be_done_ends_with_two_and_says_why(
    company: Path, arguments: list[str], message: str
) -> None:
    done = tallygate(company, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert (company / "directory.yaml").read_text() == DIRECTORY


@pytest.mark.parametrize("command", [["init"], ["check"], ["keys", "issue"], ["keys", "list"], ["keys", "revoke"]])
def test_every_command_explains_itself_with_an_example(tmp_path: Path, command: list[str]) -> None:
    assert "Example" in told(tallygate(tmp_path, *command, "--help"))

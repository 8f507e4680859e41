"""``tallygate budget`` beside a store that other machines share: no proxy of this machine need run, and nothing is lost."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from typer.testing import CliRunner, Result

from proxy.app.budgets import amending
from proxy.cli.main import app
from proxy.journal.log import open_log
from proxy.stores.clock import StoreClock
from proxy.stores.engine import Engine
from tests.support.engines import running_engine
from tests.support.running import DIRECTORY

KEY = "{acme}:m:config/budget:nusd:org:total"
CONFIG = """\
state: {home}/state
directory: {directory}
budget: {{ limit: $10/total, timezone: UTC }}
store: {{ url: "{store}" }}
upstreams:
  one: {{ dialect: openai, base_url: "http://127.0.0.1:9/v1", models: ["*"], prices: {{ input: 1, output: 2 }} }}
"""


class Machine:
    """A machine whose proxy has run, and is not running now."""

    def __init__(self, home: Path, directory: Path, engine: Engine) -> None:
        home.mkdir()
        self.config = home / "tallygate.yaml"
        self.config.write_text(CONFIG.format(home=home, directory=directory, store=engine.url))
        open_log(home / "state" / "calls.db", 0).close()

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["budget", *arguments], env={"TALLYGATE_CONFIG": str(self.config)})

    def grant(self, amount: str) -> Result:
        return self.run("grant", "config/budget", amount, "--reason", "a test", "--yes")

    def logged(self) -> list[str]:
        return [one["amount_usd"] for one in json.loads(self.run("log", "--json").stdout)]


@pytest.fixture
def engine() -> Iterator[Engine]:
    with running_engine("valkey") as engine:
        yield engine


@pytest.fixture
def raw(engine: Engine) -> Iterator[redis.Redis]:
    with redis.Redis(unix_socket_path=str(engine.socket)) as raw:
        yield raw


@pytest.fixture
def machines(tmp_path: Path, engine: Engine) -> list[Machine]:
    """Two, of one company."""
    (tmp_path / "directory.yaml").write_text(DIRECTORY)
    return [Machine(tmp_path / name, tmp_path / "directory.yaml", engine) for name in ("one", "two")]


def given(raw: redis.Redis) -> int:
    return int(raw.hget(KEY, "g") or 0) // 10**9


def test_any_machine_grants_and_each_logs_its_own(machines: list[Machine], raw: redis.Redis) -> None:
    one, two = machines
    for machine, amount in ((one, "$3"), (two, "$4"), (one, "-$1"), (two, "$10")):
        done = machine.grant(amount)
        assert (done.exit_code, "the log of it is on this machine" in done.stdout) == (0, True)
    assert given(raw) == 16
    assert (one.logged(), two.logged()) == (["3.000000", "-1.000000"], ["4.000000", "10.000000"])


def test_a_store_that_forgot_gets_all_of_a_machine_back_by_its_next_command(
    machines: list[Machine], raw: redis.Redis
) -> None:
    one, two = machines
    one.grant("$3")
    two.grant("$4")
    raw.flushall()
    assert one.grant("$5").exit_code == 0
    assert given(raw) == 8
    assert two.grant("$1").exit_code == 0
    assert given(raw) == 13


def test_nothing_is_written_while_the_store_is_away(machines: list[Machine], engine: Engine) -> None:
    engine.stop()
    done = machines[0].grant("$3")
    assert done.exit_code == 2
    assert done.stderr.startswith("The store is away: ")
    assert machines[0].run("show").exit_code == 2
    assert machines[0].logged() == []


def test_a_store_that_stops_in_between_is_told_of_and_heard_later(
    machines: list[Machine], raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amending, "SETTLE_S", 0.5)
    one = machines[0]
    raw.client_pause(60_000, all=False)
    done = one.grant("$3")
    assert done.exit_code == 3
    assert "It is written, and not counted yet" in done.stderr
    assert one.logged() == ["3.000000"]
    again = one.grant("$4")  # nothing is put on top of what nobody counts
    assert (again.exit_code, one.logged()) == (2, ["3.000000"])
    raw.client_unpause()
    assert one.grant("$4").exit_code == 0
    assert given(raw) == 7


def test_a_file_that_lost_its_last_rows_numbers_on_behind_what_the_store_counted(
    machines: list[Machine], raw: redis.Redis
) -> None:
    one = machines[0]
    journal = one.config.parent / "state" / "calls.db"
    before = journal.read_bytes()
    for _ in range(3):
        assert one.grant("$1").exit_code == 0
    for beside in journal.parent.glob("calls.db-*"):
        beside.unlink()
    journal.write_bytes(before)
    assert one.grant("$2").exit_code == 0
    assert given(raw) == 5
    assert one.logged() == ["2.000000"]


def test_two_commands_at_once_give_no_number_twice(machines: list[Machine], raw: redis.Redis) -> None:
    words = ["budget", "grant", "config/budget", "$1", "--reason", "at once", "--yes"]
    command = [sys.executable, "-m", "proxy", *words, "--config", str(machines[0].config)]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [process.wait(60) for process in running] == [0] * 4
    assert given(raw) == 4
    assert machines[0].logged() == ["1.000000"] * 4


@pytest.mark.parametrize(("answer", "status", "grants"), [("n", 1, []), ("y", 0, ["2.000000"])])
def test_people_are_asked_with_all_that_they_should_know(
    machines: list[Machine], answer: str, status: int, grants: list[str]
) -> None:
    ours, theirs = pty.openpty()
    words = ["budget", "grant", "config/budget", "$2", "--reason", "why not", "--config", str(machines[0].config)]
    with subprocess.Popen(
        [sys.executable, "-m", "proxy", *words],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        said, _ = process.communicate(timeout=60)
    os.close(ours)
    assert (process.returncode, machines[0].logged()) == (status, grants)
    assert "then    limit $10.00 + $2.00 granted; $0.00 spent; $12.00 left" in said
    assert "until   it is taken back: this budget never resets" in said
    assert "Write this? [y/N]" in said


def test_a_folder_of_somebody_else_is_left_alone(machines: list[Machine], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    done = machines[0].grant("$1")
    assert done.exit_code == 2
    assert "run this as that user" in done.stderr
    with closing(open_log(machines[0].config.parent / "state" / "calls.db", 0)) as log:
        assert log.take_over(1) == {}


def test_a_period_that_ended_while_somebody_was_asked_gets_nothing(
    machines: list[Machine], raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = machines[0].config
    path.write_text(path.read_text().replace("$10/total", "$10/hour"))
    monkeypatch.setattr(StoreClock, "time_us", lambda _: int((time.time() - 3600) * 1e6))
    real = amending.write

    def later(*arguments: Any) -> bool:
        monkeypatch.undo()
        return real(*arguments)

    monkeypatch.setattr(amending, "write", later)
    done = machines[0].grant("$3")
    assert done.exit_code == 2
    assert "has ended meanwhile; run this again for the new one" in done.stderr
    assert (machines[0].logged(), raw.keys("*")) == ([], [])

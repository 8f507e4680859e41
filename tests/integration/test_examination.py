"""Files are examined by a process of its own, whose own troubles are no fault of the files and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from proxy.app.examination import examine, examined
from proxy.app.following import Follower
from proxy.config.reading import read
from proxy.telemetry.accumulator import Accumulator
from proxy.telemetry.files import MetricFiles, prepare
from proxy.telemetry.logs import setup
from tests.support.config_files import DIRECTORY
from tests.support.policies import policy
from tests.support.waiting import until

CONFIG = """\
state: state
directory: directory.yaml
policies: policies
upstreams:
  a: { dialect: openai, base_url: http://127.0.0.1:9/v1, models: [gpt-3.5-turbo], unpriced: free }
"""
RULES = '  - name: none\n    match: { models: ["gpt-3*"] }\n    deny: { reason: "Too old." }\n'
HEAD = "kind: Tests\ngiven: { principal: { user: ann@acme.example }, clock: 2026-11-23T10:00:00Z }\ntests:\n"
TEST = "  - { name: 'old %d', request: { model: gpt-3.5-turbo }, expect: { deny: p/none } }\n"


def company(home: Path, tests: int) -> Path:
    """A configuration with policies and so many tests of them."""
    (home / "policies" / "tests").mkdir(parents=True)
    (home / "directory.yaml").write_text(DIRECTORY)
    (home / "policies" / "p.yaml").write_text(policy(RULES))
    (home / "policies" / "tests" / "p.test.yaml").write_text(HEAD + "".join(TEST % number for number in range(tests)))
    (home / "tallygate.yaml").write_text(CONFIG)
    return home / "tallygate.yaml"


@pytest.fixture
def aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the examiner's engine has its folder."""
    folder = tmp_path / "aside"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


async def test_an_examiner_that_is_ended_takes_its_engine_and_its_files_along(tmp_path: Path, aside: Path) -> None:
    asking = asyncio.create_task(examined(company(tmp_path, 2000)))

    def below() -> list[Path]:
        return list(aside.iterdir())

    async def began() -> bool:
        return bool(below())

    await until(began)
    asking.cancel()
    await asyncio.wait({asking})
    assert asking.cancelled()
    assert below() == []


async def test_one_that_takes_too_long_says_nothing_of_the_files(tmp_path: Path) -> None:
    verdict = await examined(company(tmp_path, 1), patience_s=0.01)
    assert verdict.unknown
    assert "could not be examined: not done in 0.01 s" in str(verdict.problems[0])


def test_an_engine_that_cannot_be_started_is_no_fault_of_the_files(
    tmp_path: Path, aside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = company(tmp_path, 1)
    good = examine(config)
    assert (good.unknown, good.problems, good.failing) == (False, (), ())
    long = aside / ("x" * 100)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    verdict = examine(config)
    assert verdict.unknown
    assert "could not be run" in str(verdict.problems[0])


async def test_what_could_not_be_examined_is_examined_again_until_it_is_known(
    tmp_path: Path, aside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = company(tmp_path, 1)
    metrics = tmp_path / "metrics"
    prepare(metrics)
    reading = read(config, os.environ)
    accumulator = Accumulator(MetricFiles(metrics, "supervisor"))
    follower = Follower(reading, setup("error", "json"), accumulator)
    orders: list[str] = []
    before = follower.reading.generation
    monkeypatch.setenv("TMPDIR", str(aside / "missing" / ("x" * 100)))
    (aside / "missing" / ("x" * 100)).mkdir(parents=True)
    (tmp_path / "policies" / "p.yaml").write_text(policy(RULES.replace("Too old.", "Old.")))
    task = asyncio.create_task(follower.run(lambda: orders.append(follower.reading.generation)))

    async def refused() -> bool:
        return bool(follower.degraded)

    async def taken() -> bool:
        return bool(orders)

    try:
        await until(refused)
        assert "could not be examined" in follower.degraded[0]
        assert (orders, follower.reading.generation) == ([], before)
        monkeypatch.setenv("TMPDIR", str(aside))
        await until(taken)
        assert orders == [follower.reading.generation] != [before]
        assert follower.degraded == ()
    finally:
        task.cancel()
        await asyncio.wait({task})
        accumulator.close()

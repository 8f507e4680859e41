"""Exemptions are shown, and told of before they end, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.app.exemptions import ExemptionWatch
from proxy.policy.remarks import SOON_S
from proxy.policy.rule import Exemption, Selector
from proxy.telemetry import files, metrics
from proxy.telemetry.accumulator import Accumulator

NOW = 1_795_435_200.0  # 2026-11-23T12:00:00Z
DAY = 86_400.0


class Told:
    """A log that is read."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def event(self, _: str, event: str, **fields: Any) -> None:
        self.lines.append(f"{event}: {fields['detail']}")


@pytest.fixture
def accumulator(tmp_path: Path) -> Iterator[Accumulator]:
    files.prepare(tmp_path)
    made = Accumulator(files.MetricFiles(tmp_path, "0"))
    yield made
    made.close()


def exemption(name: str, until: float) -> Exemption:
    return Exemption(
        name=name, owner="o", approved_by="a", reason="r", place="e.yaml:1", match=Selector(), since=0, until=until
    )


def shown(tmp_path: Path, accumulator: Accumulator) -> str:
    accumulator.flush()
    lines = files.render(tmp_path).decode().splitlines()
    return "\n".join(line for line in lines if line.startswith(metrics.EXEMPTION_EXPIRES.name))


def watch(accumulator: Accumulator, told: Told, *, speaks: bool = True) -> ExemptionWatch:
    return ExemptionWatch(accumulator, told, speaks=speaks)  # type: ignore[arg-type]  # what it needs of a log


def test_it_is_told_days_before_and_at_the_end_and_each_once(accumulator: Accumulator) -> None:
    told = Told()
    one = watch(accumulator, told)
    one.follow([exemption("eval-week", NOW + 7 * DAY)], NOW)
    for hour in range(24 * 10):
        one.look(NOW + hour * 3600)
    assert told.lines == [
        "exemption_ends: exemption eval-week ends 2026-11-30 12:00 UTC",
        "exemption_ends: exemption eval-week has ended",
    ]


def test_what_ends_soon_when_it_is_loaded_was_remarked_on_then(accumulator: Accumulator) -> None:
    told = Told()
    one = watch(accumulator, told)
    one.follow([exemption("soon", NOW + SOON_S / 2), exemption("over", NOW - 1)], NOW)
    one.look(NOW + 1)
    assert told.lines == []


def test_one_worker_speaks_for_its_machine(accumulator: Accumulator) -> None:
    told = Told()
    one = watch(accumulator, told, speaks=False)
    one.follow([exemption("eval-week", NOW + 7 * DAY)], NOW)
    one.look(NOW + 9 * DAY)
    assert told.lines == []


def test_its_end_is_a_metric_as_long_as_it_is_in_the_files(tmp_path: Path, accumulator: Accumulator) -> None:
    one = watch(accumulator, Told())
    one.follow([exemption("a", NOW), exemption("b", NOW + 1)], NOW)
    assert shown(tmp_path, accumulator).count("exemption=") == 2
    one.follow([exemption("b", NOW + 2)], NOW)
    assert shown(tmp_path, accumulator) == f'{metrics.EXEMPTION_EXPIRES.name}{{exemption="b"}} 1.795435202e+09'

"""Files of metrics over the life of workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.telemetry import metrics
from proxy.telemetry.accumulator import Accumulator
from proxy.telemetry.files import MetricFiles, forget, prepare, render
from tests.support.exposition import value

BUDGET = {"scope": "org", "name": "config/budget"}


def started(folder: Path, slot: str) -> Accumulator:
    return Accumulator(MetricFiles(folder, slot))


def test_two_workers_are_added_up(folder: Path) -> None:
    workers = [started(folder, slot) for slot in ("0", "1")]
    for worker in workers:
        worker.cell(metrics.INFLIGHT).value = 2
        worker.cell(metrics.RELOAD_FAILURES).value += 3
        worker.flush()
    assert value(folder, metrics.INFLIGHT.name) == 4
    assert value(folder, metrics.RELOAD_FAILURES.name) == 6
    for worker in workers:
        worker.close()


def test_the_most_recent_view_of_a_budget_is_shown(folder: Path) -> None:
    one, two = started(folder, "0"), started(folder, "1")
    cells = [worker.cell(metrics.BUDGET, "org", "config/budget") for worker in (one, two)]
    for worker, cell, ratio, at in ((one, cells[0], 0.5, 1.0), (two, cells[1], 0.4, 2.0), (one, cells[0], 0.5, 3.0)):
        cell.set(ratio, at)
        worker.flush()
    assert value(folder, metrics.BUDGET.name, **BUDGET) == 0.5
    one.close()
    two.close()


def test_a_successor_continues_the_counters_and_not_the_gauges(folder: Path) -> None:
    first = started(folder, "0")
    first.cell(metrics.RELOAD_FAILURES).value += 3
    first.histogram(metrics.STAGES, "hold").observe(0.001)
    first.cell(metrics.INFLIGHT).value = 5
    first.close()
    second = started(folder, "0")
    second.cell(metrics.RELOAD_FAILURES).value += 1
    second.histogram(metrics.STAGES, "hold").observe(0.001)
    second.flush()
    assert value(folder, metrics.RELOAD_FAILURES.name) == 4
    assert value(folder, f"{metrics.STAGES.name}_count", stage="hold") == 2
    assert value(folder, metrics.INFLIGHT.name) == 0
    second.close()


def test_restarts_do_not_grow_the_folder(folder: Path) -> None:
    names = set()
    for _ in range(5):
        worker = started(folder, "0")
        worker.flush()
        names.add(tuple(sorted(file.name for file in folder.iterdir())))
        worker.close()
    assert len(names) == 1


def test_a_worker_that_drains_keeps_its_slot(folder: Path) -> None:
    draining, new = MetricFiles(folder, "0"), MetricFiles(folder, "0")
    assert draining.slot == "0"
    assert new.slot != "0"
    draining.close()
    new.close()
    again = MetricFiles(folder, "0")
    assert again.slot == "0"
    again.close()


def test_forgetting_the_dead_leaves_the_living(folder: Path) -> None:
    worker = started(folder, "0")
    worker.cell(metrics.INFLIGHT).value = 5
    worker.flush()
    forget(folder)
    assert value(folder, metrics.INFLIGHT.name) == 5
    worker.close()
    assert value(folder, metrics.INFLIGHT.name) is None


@pytest.mark.parametrize("torn", [b"", b"\x40", b"\x40\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\x7f" + b"x" * 90])
def test_a_torn_file_is_left_out_and_replaced(folder: Path, torn: bytes) -> None:
    worker = started(folder, "0")
    worker.cell(metrics.RELOAD_FAILURES).value += 2
    worker.flush()
    (folder / "counter_1.db").write_bytes(torn)
    assert value(folder, metrics.RELOAD_FAILURES.name) == 2
    successor = started(folder, "1")
    successor.cell(metrics.RELOAD_FAILURES).value += 1
    successor.flush()
    assert value(folder, metrics.RELOAD_FAILURES.name) == 3
    worker.close()
    successor.close()


def test_an_empty_folder_is_an_empty_page(tmp_path: Path) -> None:
    prepare(tmp_path / "new" / "metrics")
    assert render(tmp_path / "new" / "metrics") == b""


def test_a_fresh_start_counts_from_zero(folder: Path) -> None:
    worker = started(folder, "0")
    worker.cell(metrics.RELOAD_FAILURES).value += 2
    worker.close()
    prepare(folder)
    assert list(folder.iterdir()) == []

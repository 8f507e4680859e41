"""Counting in memory and showing it in files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.telemetry import metrics
from proxy.telemetry.accumulator import Accumulator
from proxy.telemetry.files import MetricFiles
from tests.support.exposition import shown, value

GROWTH = {"team": "growth", "project": "crm", "model": "m"}


def test_nothing_is_shown_before_the_flush_and_all_after(accumulator: Accumulator, folder: Path) -> None:
    cell = accumulator.cell(metrics.COST, "growth", "crm", "m")
    accumulator.flush()
    cell.value += 4_231_000
    assert value(folder, "tallygate_cost_usd_total", **GROWTH) == 0
    accumulator.flush()
    assert value(folder, "tallygate_cost_usd_total", **GROWTH) == pytest.approx(0.004231)


def test_flushing_twice_is_flushing_once(accumulator: Accumulator, folder: Path) -> None:
    accumulator.cell(metrics.COST, "growth", "crm", "m").value += 1_000_000_000
    accumulator.flush()
    accumulator.flush()
    assert value(folder, "tallygate_cost_usd_total", **GROWTH) == 1


def test_the_same_labels_are_the_same_cell(accumulator: Accumulator) -> None:
    assert accumulator.cell(metrics.SAVED, "a", "b") is accumulator.cell(metrics.SAVED, "a", "b")
    assert accumulator.histogram(metrics.STAGES, "hold") is accumulator.histogram(metrics.STAGES, "hold")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(values=st.lists(st.floats(0, 1000), max_size=30))
def test_a_histogram_counts_every_value_in_its_bucket(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    folder = tmp_path_factory.mktemp("metrics")
    accumulator = Accumulator(MetricFiles(folder, "0"))
    histogram = accumulator.histogram(metrics.FIRST_TOKEN, "u", "m")
    for one in values:
        histogram.observe(one)
    accumulator.flush()
    labels = {"upstream": "u", "model": "m"}
    name = metrics.FIRST_TOKEN.name
    for bound in metrics.FIRST_TOKEN.buckets:
        assert value(folder, f"{name}_bucket", le=str(bound), **labels) == sum(one <= bound for one in values)
    assert value(folder, f"{name}_count", **labels) == len(values)
    assert value(folder, f"{name}_sum", **labels) == pytest.approx(sum(values))
    accumulator.close()


def test_labels_beyond_the_bound_are_counted_as_other(folder: Path) -> None:
    accumulator = Accumulator(MetricFiles(folder, "0"), most_series=40)
    for number in range(100):
        accumulator.cell(metrics.SAVED, f"team{number}", "exact").value += 1_000_000_000
    accumulator.flush()
    samples = {labels: value for (name, labels), value in shown(folder).items() if name == metrics.SAVED.name}
    assert sum(samples.values()) == 100
    assert len(samples) < 41
    dropped = value(folder, metrics.SERIES_DROPPED.name, metric=metrics.SAVED.name)
    assert dropped == 100 - (len(samples) - 1)
    accumulator.close()


def test_wrong_labels_are_a_mistake_of_ours(accumulator: Accumulator) -> None:
    with pytest.raises(ValueError, match="takes the labels"):
        accumulator.cell(metrics.SAVED, "growth")


def test_only_one_generation_is_in_force(accumulator: Accumulator, folder: Path) -> None:
    accumulator.cell(metrics.STORE_UP, "store").set(1)
    for generation in ("a", "b"):
        accumulator.flush()
        accumulator.only(
            metrics.POLICY, generation
        )  # shown at once: whoever scrapes before the next flush misses nothing
    shown_policies = {labels for name, labels in shown(folder) if name == metrics.POLICY.name}
    assert shown_policies == {frozenset({("generation", "b")})}
    assert value(folder, metrics.POLICY.name, generation="b") == 1
    assert value(folder, metrics.STORE_UP.name, store="store") == 1


def test_a_gauge_that_is_zero_is_shown(accumulator: Accumulator, folder: Path) -> None:
    accumulator.cell(metrics.STORE_UP, "store").set(0)
    accumulator.flush()
    assert value(folder, metrics.STORE_UP.name, store="store") == 0


def test_a_gauge_that_is_forgotten_is_shown_no_longer_and_takes_no_room(accumulator: Accumulator, folder: Path) -> None:
    for name in ("gone", "here"):
        accumulator.cell(metrics.UPSTREAM_UP, name).set(1)
    accumulator.flush()
    accumulator.forget(metrics.UPSTREAM_UP, "gone")
    accumulator.forget(metrics.UPSTREAM_UP, "never there")
    accumulator.flush()
    assert value(folder, metrics.UPSTREAM_UP.name, upstream="gone") is None
    assert value(folder, metrics.UPSTREAM_UP.name, upstream="here") == 1
    accumulator.cell(metrics.UPSTREAM_UP, "gone").set(0)
    accumulator.flush()
    assert value(folder, metrics.UPSTREAM_UP.name, upstream="gone") == 0

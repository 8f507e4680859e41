"""A folder for metric files, and a way to read what is shown of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.telemetry.accumulator import Accumulator
from proxy.telemetry.files import MetricFiles, prepare


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder of metrics."""
    prepare(tmp_path / "metrics")
    return tmp_path / "metrics"


@pytest.fixture
def accumulator(folder: Path) -> Iterator[Accumulator]:
    """The accumulator of one worker."""
    made = Accumulator(MetricFiles(folder, "0"))
    yield made
    made.close()

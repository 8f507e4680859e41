"""What Prometheus would read of a page of metrics."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from proxy.telemetry.files import render

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def shown(folder: Path) -> Samples:
    """Return every sample: (name, labels) to value."""
    families = text_string_to_metric_families(render(folder).decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(folder: Path, name: str, /, **labels: str) -> float | None:
    """Return one sample, None when it is not shown."""
    return shown(folder).get((name, frozenset(labels.items())))

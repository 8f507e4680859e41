"""Counting on the walk costs an addition; once a second the sums go to the files that are scraped.

Whoever counts asks for a cell once and keeps it: ``cell.value += n``, ``cell.observe(seconds)``. The number of label
sets is bounded; beyond it a metric's only further cell says ``other`` in every label, so that totals stay true.
"""

from __future__ import annotations

from bisect import bisect_left

from prometheus_client.mmap_dict import mmap_key

from proxy.telemetry.files import MetricFiles
from proxy.telemetry.labels import OTHER
from proxy.telemetry.metrics import METRICS, SERIES_DROPPED, Kind, Metric

_NEVER = float("nan")  # differs from every value: the first flush shows zeros too
MOST_SERIES = 6_000  # values in the files; 2 MB hold about twice as many


class Cell:
    """A counter or a gauge with its labels. ``value`` is added to or set directly: that is the fast path."""

    __slots__ = ("at", "base", "key", "labels", "metric", "prefix", "value", "written")

    def __init__(self, metric: Metric, labels: tuple[str, ...], files: MetricFiles) -> None:
        self.metric, self.labels = metric, labels
        counter = metric.kind is Kind.COUNTER
        self.prefix = "counter" if counter else f"gauge_{metric.mode}"
        family = metric.name.removesuffix("_total") if counter else metric.name
        self.key = mmap_key(family, metric.name, list(metric.labels), list(labels), metric.help)
        self.base = files.read(self.prefix, self.key) if counter else 0.0
        self.value: float = 0
        self.written = _NEVER
        self.at = 0.0

    def set(self, value: float, at: float = 0.0) -> None:
        """Set a gauge; ``at`` in unix seconds decides between processes where the most recent value counts."""
        self.value, self.at, self.written = value, at, _NEVER

    def flush(self, files: MetricFiles) -> None:
        """Write what changed since the last time."""
        if self.value != self.written:
            self.written = self.value
            files.write(self.prefix, self.key, self.base + self.value * self.metric.scale, self.at)


class HistogramCell:
    """Observations in buckets, with their labels."""

    __slots__ = ("_base", "_buckets", "_changed", "_keys", "_written", "counts", "labels", "metric", "sum")

    def __init__(self, metric: Metric, labels: tuple[str, ...], files: MetricFiles) -> None:
        self.metric, self.labels = metric, labels
        self._buckets = metric.buckets
        names = [*metric.labels, "le"]
        bounds = (*metric.buckets, float("inf"))
        self._keys = [
            mmap_key(metric.name, f"{metric.name}_bucket", names, [*labels, str(bound)], metric.help)
            for bound in bounds
        ]
        self._keys.append(mmap_key(metric.name, f"{metric.name}_sum", list(metric.labels), list(labels), metric.help))
        self._base = [files.read("histogram", key) for key in self._keys]
        self._written = [_NEVER] * len(self._keys)
        self._changed = True
        self.counts = [0] * len(bounds)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value, in the metric's unit."""
        self.counts[bisect_left(self._buckets, value)] += 1
        self.sum += value
        self._changed = True

    def flush(self, files: MetricFiles) -> None:
        """Write the buckets that changed; each holds its own count, prometheus_client adds them up."""
        if not self._changed:
            return
        self._changed = False
        for at, value in enumerate((*self.counts, self.sum)):
            if value != self._written[at]:
                self._written[at] = value
                files.write("histogram", self._keys[at], self._base[at] + value)


class Accumulator:
    """All cells of one process. Not for use from several threads."""

    def __init__(self, files: MetricFiles, most_series: int = MOST_SERIES) -> None:
        self._files = files
        self._room = most_series
        self._cells: dict[tuple[str, tuple[str, ...]], Cell] = {}
        self._histograms: dict[tuple[str, tuple[str, ...]], HistogramCell] = {}
        for metric in METRICS:
            if not metric.labels:  # present from the start, so that a rate over them exists
                (self.histogram if metric.kind is Kind.HISTOGRAM else self.cell)(metric)
        self.flush()

    def cell(self, metric: Metric, *labels: str) -> Cell:
        """Return the counter or gauge with these label values, in the table's order; the same object every time."""
        found = self._cells.get((metric.name, labels))
        if found is None:
            labels = self._admit(metric, labels, 1)
            found = self._cells.get((metric.name, labels))
        if found is None:
            found = self._cells[metric.name, labels] = Cell(metric, labels, self._files)
        return found

    def histogram(self, metric: Metric, *labels: str) -> HistogramCell:
        """Return the histogram with these label values."""
        found = self._histograms.get((metric.name, labels))
        if found is None:
            labels = self._admit(metric, labels, len(metric.buckets) + 2)
            found = self._histograms.get((metric.name, labels))
        if found is None:
            found = self._histograms[metric.name, labels] = HistogramCell(metric, labels, self._files)
        return found

    def only(self, metric: Metric, *labels: str, value: float = 1.0) -> Cell:
        """Set the gauge with these labels and forget all others of its metric: for what can only have one value."""
        for key in [key for key, cell in self._cells.items() if cell.metric == metric and cell.labels != labels]:
            del self._cells[key]
            self._room += 1
        found = self.cell(metric, *labels)
        found.set(value)
        self._write_anew(found.prefix)
        return found

    def forget(self, metric: Metric, *labels: str) -> None:
        """Show a gauge no longer: what it spoke of is gone."""
        if (gone := self._cells.pop((metric.name, labels), None)) is None:
            return
        self._room += 1
        self._write_anew(gone.prefix)

    def flush(self) -> None:
        """Write all that changed since the last time; once a second and at the end."""
        files = self._files
        for cell in self._cells.values():
            cell.flush(files)
        for histogram in self._histograms.values():
            histogram.flush(files)

    def close(self) -> None:
        """Flush for the last time and give the slot back."""
        self.flush()
        self._files.close()

    def _write_anew(self, prefix: str) -> None:
        """Start a file again without what was forgotten, at once: until the next flush its gauges would be missing."""
        self._files.clear(prefix)
        for cell in self._cells.values():
            if cell.prefix == prefix:
                cell.written = _NEVER
                cell.flush(self._files)

    def _admit(self, metric: Metric, labels: tuple[str, ...], values: int) -> tuple[str, ...]:
        """Return the labels to use: these while there is room."""
        if len(labels) != len(metric.labels):
            raise ValueError(f"{metric.name} takes the labels {metric.labels}")
        if self._room >= values or not labels or metric is SERIES_DROPPED:
            self._room -= values
            return labels
        self.cell(SERIES_DROPPED, metric.name).value += 1
        return (OTHER,) * len(labels)

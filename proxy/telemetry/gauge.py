"""The meter readings of the walk: satisfies ``ports.Gauge``, and takes what other rooms want counted.

A finished attempt costs one dictionary look-up and a dozen additions: the cells of its label set are resolved the
first time and kept together.
"""

from __future__ import annotations

import time

from proxy.domain.call import Call
from proxy.domain.errors import CallError
from proxy.domain.principal import Principal
from proxy.domain.repeat import SMALLER
from proxy.domain.row import Row
from proxy.domain.upstream import Upstream
from proxy.domain.usage import UsageSource
from proxy.telemetry import metrics
from proxy.telemetry.accumulator import Accumulator, Cell
from proxy.telemetry.labels import HOW, KINDS, NONE, OTHER, STAGES, WASTE, Known, label
from proxy.telemetry.logs import Log

_MOST_READINGS = 4_096  # label sets kept resolved; beyond, all are resolved anew
_TOKENS = ("input", "output", "cached_read", "cache_write", "reasoning")


class _Readings:
    """The cells of one label set of rows."""

    __slots__ = ("cost", "duration", "first_token", "requests", "sources", "tokens")

    def __init__(self, accumulator: Accumulator, known: Known, row: Row) -> None:
        cell = accumulator.cell
        route, upstream = label(row.endpoint, known.routes), label(row.upstream, known.upstreams)
        team, project = label(row.team, known.teams), label(row.project, known.projects)
        model = known.model(row.upstream, row.model or row.model_requested)
        self.requests = cell(metrics.REQUESTS, route, upstream, model, team, row.outcome.value)
        self.duration = accumulator.histogram(metrics.DURATION, route, upstream, model)
        self.tokens: tuple[Cell, ...] = ()
        if row.upstream is None:  # refused, or answered here: nothing was spent
            return
        self.first_token = accumulator.histogram(metrics.FIRST_TOKEN, upstream, model)
        self.cost = cell(metrics.COST, team, project, model)
        self.tokens = tuple(cell(metrics.TOKENS, team, model, kind) for kind in _TOKENS)
        self.sources = {source: cell(metrics.SOURCE, upstream, source.value) for source in UsageSource}


class CallGauge:
    """Counts and logs calls. Not for use from several threads."""

    def __init__(self, accumulator: Accumulator, log: Log, known: Known) -> None:
        self._accumulator = accumulator
        self._log = log
        self._known = known
        self._readings: dict[tuple[str | None, ...], _Readings] = {}
        self._inflight = accumulator.cell(metrics.INFLIGHT)
        self._dropped = accumulator.cell(metrics.LOG_DROPPED)
        self._stages = {stage: accumulator.histogram(metrics.STAGES, stage) for stage in STAGES}
        self._total = self._stages["total"]

    def know(self, known: Known) -> None:
        """Use new closed sets, after a reload."""
        self._known = known
        self._readings.clear()

    def began(self) -> None:
        """Count a call in."""
        self._inflight.value += 1

    def ended(self) -> None:
        """Count a call out, however it ended."""
        self._inflight.value -= 1

    def stage(self, name: str, microseconds: float) -> None:
        """Tell how long one stage of the walk took; ``name`` is one of ``labels.STAGES``, another is a ``KeyError``."""
        self._stages[name].observe(microseconds * 1e-6)

    def refused(self, call: Call | None, error: CallError) -> None:
        """Count one of our own errors. A caller who could not be identified leaves no row, so that one is logged here."""
        kind = error.kind if error.kind in KINDS else OTHER
        self._accumulator.cell(metrics.REFUSED, kind).value += 1
        if call is None:
            self._log.event("info", "refused", status=error.status, code=error.code)

    def failed_over(self, upstream: Upstream) -> None:
        """Count a call that goes on to another upstream."""
        self._accumulator.cell(metrics.FAILOVERS, upstream.name).value += 1

    def decided(self, rule: str, mode: str, action: str) -> None:
        """Count what a rule said: ``mode`` is audit, warn or enforce, ``action`` allow, deny, warn, match or failed."""
        self._accumulator.cell(metrics.DECISIONS, rule, mode, action).value += 1

    def found(self, rule: str, mode: str, place: str, detector: str, count: int) -> None:
        """Count what content rules found; all of these names are of the configuration."""
        self._accumulator.cell(metrics.FINDINGS, rule, mode, place, detector).value += count

    def compared(self, team: str, tokens: int) -> None:
        """Count input tokens of calls that were compared with earlier ones."""
        self._accumulator.cell(metrics.COMPARED, self._team(team)).value += tokens

    def repeated(self, team: str, kind: str, tokens: int) -> None:
        """Count input tokens of calls that were like earlier ones: exact, near or template."""
        self._accumulator.cell(metrics.REDUNDANT, self._team(team), kind).value += tokens

    def redundancy(self, team: str, share: float | None) -> None:
        """Show which part of a team's day so far is exact and near repeats; None: show nothing of it any more."""
        if share is None:
            self._accumulator.forget(metrics.REDUNDANCY, self._team(team))
        else:
            self._accumulator.cell(metrics.REDUNDANCY, self._team(team)).set(share, time.time())

    def looked_up(self, result: str, reason: str) -> None:
        """Count what became of a call at the cache; both are words of the code."""
        self._accumulator.cell(metrics.CACHE, result, reason or NONE).value += 1

    def kept(self, why: str) -> None:
        """Count an answer that was to be kept for repeats, and ``why`` it was not; a word of the code."""
        self._accumulator.cell(metrics.CACHE_ANSWERS, why or "kept").value += 1

    def forgotten(self, who: Principal, name: str) -> None:
        """Leave a line of who took a stored answer away; its name says nothing of what was asked."""
        self._log.event("info", "answer_deleted", key=who.key_id, principal=who.pseudonym, team=who.team, id=name)

    def finished(self, row: Row) -> None:
        """Count an attempt and write its log line."""
        key = (row.endpoint, row.upstream, row.model or row.model_requested, row.team, row.project, row.outcome)
        readings = self._readings.get(key)
        if readings is None:
            readings = self._resolve(key, row)
        readings.requests.value += 1
        readings.duration.observe(row.duration_ms * 1e-3)
        self._total.observe(row.overhead_us * 1e-6)
        if readings.tokens:
            _spent(readings, row)
        if row.saved_nusd or row.waste_nusd or row.saved_input or row.saved_output:
            self._worth(row)
        elif row.cache == "shadow-hit":
            self._accumulator.cell(metrics.CACHE_SHADOW, label(row.team, self._known.teams)).value += row.cost_nusd
        self._log.call(row)

    def refresh(self) -> None:
        """Bring gauges up to date that nobody sets; for ``Heartbeat.before_flush``."""
        self._dropped.value = self._log.sink.dropped

    def _team(self, team: str) -> str:
        return team if team == SMALLER else label(team, self._known.teams)

    def _resolve(self, key: tuple[str | None, ...], row: Row) -> _Readings:
        if len(self._readings) >= _MOST_READINGS:
            self._readings.clear()
        found = self._readings[key] = _Readings(self._accumulator, self._known, row)
        return found

    def _worth(self, row: Row) -> None:
        team = label(row.team, self._known.teams)
        if row.saved_nusd:
            self._accumulator.cell(metrics.SAVED, team, label(row.cache, HOW)).value += row.saved_nusd
        if row.saved_input or row.saved_output:
            model = self._known.model(row.upstream, row.model or row.model_requested)
            self._accumulator.cell(metrics.SAVED_TOKENS, team, model, "input").value += row.saved_input
            self._accumulator.cell(metrics.SAVED_TOKENS, team, model, "output").value += row.saved_output
        if row.waste_nusd:
            self._accumulator.cell(metrics.WASTE, team, label(row.waste_reason, WASTE)).value += row.waste_nusd


def _spent(readings: _Readings, row: Row) -> None:
    """Add what an upstream's answer used."""
    usage = row.usage
    if row.ttft_ms is not None:
        readings.first_token.observe(row.ttft_ms * 1e-3)
    readings.sources[usage.usage_source].value += 1
    readings.cost.value += row.cost_nusd
    given, made, cached, written, reasoned = readings.tokens
    given.value += usage.input or 0
    made.value += usage.output or 0
    cached.value += usage.cached_read or 0
    written.value += usage.cache_write or 0
    reasoned.value += usage.reasoning or 0

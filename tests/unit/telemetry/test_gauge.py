"""What a finished attempt counts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.domain.errors import Throttled, Unauthenticated
from proxy.domain.row import Outcome
from proxy.domain.usage import NO_USAGE
from proxy.ports import Gauge
from proxy.telemetry import metrics
from proxy.telemetry.accumulator import Accumulator
from proxy.telemetry.gauge import CallGauge
from proxy.telemetry.labels import Known
from proxy.telemetry.logs import Log
from proxy.telemetry.sink import Sink
from tests.support.exposition import shown, value
from tests.support.rows import a_row

KNOWN = Known(
    routes=frozenset({"/v1/chat/completions"}),
    upstreams=frozenset({"openai"}),
    teams=frozenset({"growth"}),
    projects=frozenset({"crm"}),
    canonical=lambda _upstream, model: "gpt-5.1" if model.startswith("gpt-5.1") else None,
)


class Counting:
    """A gauge, what it shows and what it logs."""

    def __init__(self, accumulator: Accumulator, folder: Path, log: Path) -> None:
        self._accumulator, self._folder, self._log = accumulator, folder, log
        self._descriptor = os.open(log, os.O_WRONLY | os.O_CREAT)
        self.gauge = CallGauge(accumulator, Log(Sink(self._descriptor), "info", text=False), KNOWN)

    def shows(self, metric: metrics.Metric, suffix: str = "", **labels: str) -> float | None:
        self._accumulator.flush()
        return value(self._folder, metric.name + suffix, **labels)

    def names(self) -> set[str]:
        self._accumulator.flush()
        return {one for _, labels in shown(self._folder) for _, one in labels}

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_bytes().splitlines()]

    def close(self) -> None:
        os.close(self._descriptor)


@pytest.fixture
def counting(accumulator: Accumulator, folder: Path, tmp_path: Path) -> Iterator[Counting]:
    made = Counting(accumulator, folder, tmp_path / "log")
    yield made
    made.close()


def test_the_port_is_satisfied(counting: Counting) -> None:
    port: Gauge = counting.gauge
    port.began()
    assert counting.shows(metrics.INFLIGHT) == 1
    port.ended()
    assert counting.shows(metrics.INFLIGHT) == 0


def test_an_attempt_counts_requests_tokens_money_and_time(counting: Counting) -> None:
    for _ in range(2):
        counting.gauge.finished(a_row())
    labels = {"route": "/v1/chat/completions", "upstream": "openai", "model": "gpt-5.1"}
    assert counting.shows(metrics.REQUESTS, team="growth", outcome="ok", **labels) == 2
    assert counting.shows(metrics.DURATION, "_sum", **labels) == pytest.approx(3.686)
    assert counting.shows(metrics.FIRST_TOKEN, "_count", upstream="openai", model="gpt-5.1") == 2
    assert counting.shows(metrics.STAGES, "_sum", stage="total") == pytest.approx(0.00062)
    assert counting.shows(metrics.COST, team="growth", project="crm", model="gpt-5.1") == pytest.approx(0.008462)
    assert counting.shows(metrics.SOURCE, upstream="openai", source="reported") == 2
    for kind, tokens in (
        ("input", 2408),
        ("output", 636),
        ("cached_read", 2048),
        ("cache_write", 0),
        ("reasoning", 128),
    ):
        assert counting.shows(metrics.TOKENS, team="growth", model="gpt-5.1", type=kind) == tokens
    assert len(counting.lines()) == 2


def test_names_that_nobody_configured_become_other(counting: Counting) -> None:
    counting.gauge.finished(
        a_row(
            team="canary1", project="canary2", upstream="canary3", endpoint="/canary4", model="canary5", ref="canary6"
        )
    )
    assert not [name for name in counting.names() if "canary" in name]
    assert counting.shows(metrics.COST, team="other", project="other", model="other") == pytest.approx(0.004231)


def test_a_refused_call_spends_nothing(counting: Counting) -> None:
    row = a_row(upstream=None, model=None, project=None, outcome=Outcome.DENIED, usage=NO_USAGE, cost_nusd=0, attempt=0)
    counting.gauge.finished(row)
    labels = {"route": "/v1/chat/completions", "upstream": "none", "model": "gpt-5.1", "team": "growth"}
    assert counting.shows(metrics.REQUESTS, outcome="denied", **labels) == 1
    assert metrics.TOKENS.labels[0] == "team"
    assert counting.shows(metrics.TOKENS, team="growth", model="gpt-5.1", type="input") is None


def test_saved_and_wasted_money_is_counted_by_its_reason(counting: Counting) -> None:
    counting.gauge.finished(a_row(upstream=None, outcome=Outcome.CACHE_HIT, cache="near", saved_nusd=2_000_000_000))
    counting.gauge.finished(a_row(waste_reason="loop", waste_nusd=3_000_000_000))
    assert counting.shows(metrics.SAVED, team="growth", how="near") == 2
    assert counting.shows(metrics.WASTE, team="growth", reason="loop") == 3


def test_new_names_are_known_after_a_reload(counting: Counting) -> None:
    counting.gauge.finished(a_row(team="infra"))
    counting.gauge.know(Known(teams=frozenset({"infra"})))
    counting.gauge.finished(a_row(team="infra"))
    labels = {"route": "other", "upstream": "other", "model": "other"}
    assert counting.shows(metrics.REQUESTS, team="infra", outcome="ok", **labels) == 1


def test_a_stranger_leaves_a_line_and_no_row(counting: Counting) -> None:
    counting.gauge.refused(None, Unauthenticated("the key canary is unknown"))
    assert counting.shows(metrics.REFUSED, kind="unauthenticated") == 1
    (line,) = counting.lines()
    assert (line["event"], line["status"], line["code"]) == ("refused", 401, "invalid_api_key")
    assert "canary" not in str(line)


def test_refusals_are_counted_by_kind(counting: Counting) -> None:
    counting.gauge.refused(None, Throttled("wait"))
    counting.gauge.decided("config/budget", "enforce", "deny")
    assert counting.shows(metrics.REFUSED, kind="throttled") == 1
    assert counting.shows(metrics.DECISIONS, rule="config/budget", mode="enforce", action="deny") == 1


def test_stages_are_measured_and_their_names_are_fixed(counting: Counting) -> None:
    counting.gauge.stage("hold", 250)
    assert counting.shows(metrics.STAGES, "_sum", stage="hold") == pytest.approx(0.00025)
    with pytest.raises(KeyError):
        counting.gauge.stage("gossip", 1)

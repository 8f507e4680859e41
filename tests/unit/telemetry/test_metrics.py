"""The table of metrics keeps its own rules."""

from __future__ import annotations

from proxy.telemetry.metrics import METRICS, Kind

FORBIDDEN = {"principal", "user", "key", "session", "ref", "prompt", "request_id"}
CORE = [
    "requests_total",
    "request_duration_seconds",
    "time_to_first_token_seconds",
    "overhead_seconds",
    "tokens_total",
    "cost_usd_total",
    "saved_usd_total",
    "waste_usd_total",
    "policy_decisions_total",
    "budget_remaining_ratio",
    "usage_source_total",
    "redundant_tokens_total",
    "store_up",
    "journal_lag_seconds",
    "ledger_drift_usd",
    "policy_info",
    "policy_reload_failures_total",
    "series_dropped_total",
    "inflight_requests",
    "loop_lag_seconds",
]


def test_the_core_of_the_design_is_there() -> None:
    assert {f"tallygate_{name}" for name in CORE} <= {metric.name for metric in METRICS}


def test_names_follow_the_conventions_of_prometheus() -> None:
    for metric in METRICS:
        assert metric.name.startswith("tallygate_")
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
        assert metric.help.endswith(".")
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_no_label_names_a_person() -> None:
    for metric in METRICS:
        assert not FORBIDDEN & set(metric.labels)


def test_each_kind_has_what_it_needs() -> None:
    for metric in METRICS:
        assert (metric.kind is Kind.HISTOGRAM) == bool(metric.buckets)
        assert list(metric.buckets) == sorted(set(metric.buckets))
        assert (metric.kind is Kind.GAUGE) == bool(metric.mode)
        assert not metric.mode or metric.mode.startswith("live")

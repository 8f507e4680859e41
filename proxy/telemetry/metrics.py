"""Every metric of Tallygate, in one table: name, kind, what it means, labels, buckets.

Labels come from closed sets only: team and project (directory), upstream (configuration), model (price table, else
``other``), outcome, reason, stage. Never a principal, session, ref or prompt: a label lives for ever in somebody's
Prometheus. Names carry the prefix ``tallygate_`` and base units; counters end in ``_total``.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What a metric does with what it is given."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Metric(msgspec.Struct, frozen=True):
    """One row of the table. ``mode`` says how a gauge's values of several processes become one."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    mode: str = ""  # livesum, livemax, livemin, livemostrecent: `live` ones are forgotten with their process
    scale: float = 1.0  # what is counted here, times this, is the exported unit: nano-dollars stay integers


_C, _G, _H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM
_NANO = 1e-9

# OpenTelemetry's advice for gen_ai.client.operation.duration, two steps longer: thinking models take minutes.
LATENCY = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68)
# Our own work: the target is 100 µs.
OVERHEAD = (0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)
LAG = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

REQUESTS = Metric(
    "tallygate_requests_total",
    _C,
    "Attempts that left a row; a call that failed over left several.",
    ("route", "upstream", "model", "team", "outcome"),
)
DURATION = Metric(
    "tallygate_request_duration_seconds",
    _H,
    "From the complete head to the last byte.",
    ("route", "upstream", "model"),
    LATENCY,
)
FIRST_TOKEN = Metric(
    "tallygate_time_to_first_token_seconds",
    _H,
    "From the complete head to the first byte of an upstream's answer.",
    ("upstream", "model"),
    LATENCY,
)
STAGES = Metric(
    "tallygate_overhead_seconds",
    _H,
    "Our own work on a call: reuse (the cache's answer), decide, hold (the store's answer), and total, until the upstream is asked.",
    ("stage",),
    OVERHEAD,
)
TOKENS = Metric(
    "tallygate_tokens_total",
    _C,
    "Tokens; cached_read and cache_write are inside input, reasoning inside output.",
    ("team", "model", "type"),
)
COST = Metric("tallygate_cost_usd_total", _C, "Cost by our price table.", ("team", "project", "model"), scale=_NANO)
SAVED = Metric("tallygate_saved_usd_total", _C, "Cost of answers that were reused.", ("team", "how"), scale=_NANO)
SAVED_TOKENS = Metric(
    "tallygate_saved_tokens_total",
    _C,
    "Tokens that reused answers would have used.",
    ("team", "model", "type"),
)
CACHE = Metric(
    "tallygate_cache_requests_total",
    _C,
    "Calls that a rule let the cache look at, by what became of them, and why where it was not a plain hit or miss.",
    ("result", "reason"),
)
CACHE_ANSWERS = Metric(
    "tallygate_cache_answers_total",
    _C,
    "Answers that came for repeats to be given, by why they were not kept; `kept` for those that were.",
    ("reason",),
)
CACHE_TROUBLES = Metric(
    "tallygate_cache_troubles_total",
    _C,
    "What went wrong with the cache: look-ups unanswered, answers unkept or too_large, entries strange or undecodable.",
    ("kind",),
)
CACHE_SHADOW = Metric(
    "tallygate_cache_shadow_usd_total",
    _C,
    "Cost of calls that the cache would have answered, had its rule not been in shadow.",
    ("team",),
    scale=_NANO,
)
CACHE_VERIFIED = Metric(
    "tallygate_cache_verified_total", _C, "Near answers that were asked again, by what came of it.", ("result",)
)
CACHE_DISAGREEMENT = Metric(
    "tallygate_cache_disagreement_ratio", _G, "Share of them that differed, worst worker.", ("rule",), mode="livemax"
)
CACHE_NEAR_OFF = Metric(
    "tallygate_cache_near_off", _G, "1 while too many differed: exact repeats alone.", ("rule",), mode="livemax"
)
WASTE = Metric("tallygate_waste_usd_total", _C, "Cost that a waste signal explains.", ("team", "reason"), scale=_NANO)
DECISIONS = Metric("tallygate_policy_decisions_total", _C, "What rules said of calls.", ("rule", "mode", "action"))
FINDINGS = Metric(
    "tallygate_content_findings_total",
    _C,
    "What content rules found in prompts and answers, by detector; a rule in audit counts as one in force.",
    ("rule", "mode", "place", "detector"),
)
REFUSED = Metric("tallygate_refused_total", _C, "Calls answered with our own error, by its kind.", ("kind",))
BUDGET = Metric(
    "tallygate_budget_remaining_ratio",
    _G,
    "Share of a budget that is left, as last seen.",
    ("scope", "name"),
    mode="livemostrecent",
)
CROSSINGS = Metric(
    "tallygate_budget_crossings_total",
    _C,
    "Thresholds (`warn_at`) that budgets crossed, each once a period and scope over all machines.",
    ("rule", "mark"),
)
NOTICES = Metric(
    "tallygate_notices_total",
    _C,
    "What was to be told by webhook (`notify`), and whether it was: sent, or dropped after some tries.",
    ("type", "outcome"),
)
SOURCE = Metric(
    "tallygate_usage_source_total",
    _C,
    "Where the usage of an upstream attempt comes from.",
    ("upstream", "source"),
)
UPSTREAM_UP = Metric(
    "tallygate_upstream_up",
    _G,
    "1 while every worker sends calls there, 0 while one leaves it alone after failures in a row.",
    ("upstream",),
    mode="livemin",
)
UPSTREAM_BREAKER = Metric(
    "tallygate_upstream_breaker_state",
    _G,
    "0 closed, 1 half open (a call probes whether it is back), 2 open; of the worker where it is worst.",
    ("upstream",),
    mode="livemax",
)
UPSTREAM_INFLIGHT = Metric("tallygate_upstream_inflight", _G, "Calls under way.", ("upstream",), mode="livesum")
UPSTREAM_QUEUE = Metric("tallygate_upstream_queue", _G, "Calls that wait their turn.", ("upstream",), mode="livesum")
UPSTREAM_FAILURES = Metric(
    "tallygate_upstream_failures_total",
    _C,
    "Attempts that failed by the upstream: connection, timeout, status (5xx), throttled (429).",
    ("upstream", "reason"),
)
FAILOVERS = Metric(
    "tallygate_failovers_total", _C, "Calls that went on to another upstream after this one failed.", ("upstream",)
)
LADDERS = Metric(
    "tallygate_waste_standing",
    _G,
    "Scopes for which this rung of a ladder stands, of those that called lately; of the worker that sees most of them.",
    ("rule", "rung"),
    mode="livemax",
)
REDUNDANT = Metric(
    "tallygate_redundant_tokens_total",
    _C,
    "Input tokens of answered calls that were paid for and had been asked in the team within a day: exactly, nearly (as "
    "the cache compares), or from the same template; each call counts as the strictest.",
    ("team", "kind"),
)
COMPARED = Metric(
    "tallygate_compared_tokens_total",
    _C,
    "Input tokens of calls that were compared with earlier ones: what redundant tokens are a part of.",
    ("team",),
)
REDUNDANCY = Metric(
    "tallygate_redundancy_ratio",
    _G,
    "Exact and near repeats as a part of the day's compared input tokens, over all machines, as last seen.",
    ("team",),
    mode="livemostrecent",
)
STORE_UP = Metric("tallygate_store_up", _G, "1 while every worker reaches this store.", ("store",), mode="livemin")
JOURNAL_LAG = Metric("tallygate_journal_lag_seconds", _G, "Age of the oldest row not settled yet.", mode="livemax")
DRIFT = Metric(
    "tallygate_ledger_drift_usd", _G, "Sum of the journal minus the counters, at rest 0.", mode="livesum", scale=_NANO
)
LEDGER_UP = Metric("tallygate_ledger_up", _G, "1 while the ledger takes rows.", ("ledger",), mode="livemin")
LEDGER_LAG = Metric("tallygate_ledger_lag_seconds", _G, "Age of the oldest row that the ledger lacks.", mode="livemax")
LEDGER_UNSHIPPED = Metric(
    "tallygate_ledger_unshipped_rows", _G, "Journal entries that the ledger was not sent.", mode="livesum"
)
LEDGER_ROWS = Metric("tallygate_ledger_rows_total", _C, "Rows sent to the ledger and committed there.")
POLICY = Metric("tallygate_policy_info", _G, "1 for generations in force.", ("generation",), mode="livemax")
RELOAD_FAILURES = Metric(
    "tallygate_policy_reload_failures_total", _C, "Configurations refused; the last good one stays in force."
)
LAST_GOOD = Metric(
    "tallygate_policy_last_good_timestamp_seconds",
    _G,
    "When a configuration was last found good, in unix time: at the start, when taken, and after one that was refused.",
    mode="livemax",
)
EXEMPTION_EXPIRES = Metric(
    "tallygate_exemption_expires_timestamp_seconds",
    _G,
    "When an exemption ends, in unix time.",
    ("exemption",),
    mode="livemax",
)
AUDIT_ONLY = Metric(
    "tallygate_audit_only", _G, "1 while no rule is felt, as `serve --audit-only` asks for.", mode="livemax"
)
SERIES_DROPPED = Metric(
    "tallygate_series_dropped_total",
    _C,
    "Label sets beyond the bound; counted under labels that all say other.",
    ("metric",),
)
LOG_DROPPED = Metric("tallygate_log_lines_dropped_total", _C, "Log lines that nobody read in time.")
INFLIGHT = Metric("tallygate_inflight_requests", _G, "Calls on their walk now.", mode="livesum")
LOOP_LAG = Metric("tallygate_loop_lag_seconds", _H, "How late the event loop woke up.", buckets=LAG)

METRICS: tuple[Metric, ...] = (
    REQUESTS,
    DURATION,
    FIRST_TOKEN,
    STAGES,
    TOKENS,
    COST,
    SAVED,
    SAVED_TOKENS,
    CACHE,
    CACHE_ANSWERS,
    CACHE_TROUBLES,
    CACHE_SHADOW,
    CACHE_VERIFIED,
    CACHE_DISAGREEMENT,
    CACHE_NEAR_OFF,
    WASTE,
    DECISIONS,
    FINDINGS,
    REFUSED,
    BUDGET,
    CROSSINGS,
    NOTICES,
    SOURCE,
    UPSTREAM_UP,
    UPSTREAM_BREAKER,
    UPSTREAM_INFLIGHT,
    UPSTREAM_QUEUE,
    UPSTREAM_FAILURES,
    FAILOVERS,
    LADDERS,
    REDUNDANT,
    COMPARED,
    REDUNDANCY,
    STORE_UP,
    JOURNAL_LAG,
    DRIFT,
    LEDGER_UP,
    LEDGER_LAG,
    LEDGER_UNSHIPPED,
    LEDGER_ROWS,
    POLICY,
    RELOAD_FAILURES,
    LAST_GOOD,
    EXEMPTION_EXPIRES,
    AUDIT_ONLY,
    SERIES_DROPPED,
    LOG_DROPPED,
    INFLIGHT,
    LOOP_LAG,
)

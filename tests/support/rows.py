"""Rows as tests write them."""

from __future__ import annotations

from typing import Any

from proxy.domain.row import Outcome, Row
from proxy.domain.usage import Usage, UsageSource

USAGE = Usage(
    input=1204,
    output=318,
    cached_read=1024,
    cache_write=0,
    reasoning=64,
    complete=True,
    usage_source=UsageSource.REPORTED,
)


def a_row(**fields: Any) -> Row:
    """Return a finished attempt, with these fields instead."""
    usual: dict[str, Any] = {
        "request_id": "0196a1f2-0000-7000-8000-000000000000",
        "attempt": 1,
        "at": 1_795_428_000.123,
        "org": "acme",
        "principal": "p_canary",
        "key_id": "k_canary",
        "team": "growth",
        "project": "crm",
        "dialect": "openai_chat",
        "endpoint": "/v1/chat/completions",
        "upstream": "openai",
        "model_requested": "gpt-5.1",
        "model": "gpt-5.1-2026-08-01",
        "status": 200,
        "outcome": Outcome.OK,
        "usage": USAGE,
        "cost_nusd": 4_231_000,
        "ttft_ms": 212.0,
        "duration_ms": 1843.0,
        "overhead_us": 310,
    }
    return Row(**(usual | fields))

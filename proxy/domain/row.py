"""The row: what remains of an attempt. No prompt, no answer, no key.

A call leaves attempt 0 when it was refused or answered here, else one row per attempt upstream.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from proxy.domain.errors import PolicyNote
from proxy.domain.meter import Charge
from proxy.domain.usage import NO_USAGE, Usage

REDACTED: Final = "redacted"  # the edit of a prompt in which a rule masked something
VERIFY: Final = "verify"  # the cache of an attempt that was made after its call had been answered with a stored answer


class Outcome(StrEnum):
    """How a call ended, as its caller would tell it."""

    OK = "ok"
    CACHE_HIT = "cache_hit"
    COALESCED = "coalesced"
    DENIED = "denied"
    THROTTLED = "throttled"
    CLIENT_ABORT = "client_abort"
    UPSTREAM_ERROR = "upstream_error"
    PROXY_ERROR = "proxy_error"


class Rank(StrEnum):
    """How sure a row is: a final row replaces a swept one everywhere, and nothing replaces a final one."""

    OPEN = "open"  # committed before forwarding while the store is away
    SWEPT = "swept"
    FINAL = "final"


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt. ``journal`` and ``seq`` are given by the journal when it takes the row."""

    request_id: str
    attempt: int
    at: float
    rank: Rank = Rank.FINAL
    client_request_id: str | None = None
    upstream_request_id: str | None = None
    org: str
    principal: str  # pseudonym
    key_id: str
    team: str
    project: str | None = None
    ref: str | None = None
    session: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    via: str = "key"
    dialect: str
    endpoint: str
    upstream: str | None = None
    model_requested: str = ""
    model: str | None = None  # that answered, or was asked of the upstream
    routed: str | None = None  # the model that rules sent it to, as callers name it
    stream: bool = False
    status: int = 0  # that the caller saw
    upstream_status: int | None = None
    outcome: Outcome
    error: str | None = None  # stable code, never text of an answer
    usage: Usage = NO_USAGE
    cost_nusd: int = 0
    held_nusd: int = 0
    charges: tuple[Charge, ...] = ()
    price_version: str = ""
    price_flag: str | None = None  # "served_unpriced": billed as requested
    decision: str = ""
    generation: str = ""
    facts: bytes = b"{}"  # canonical JSON of what decide() saw
    refused: PolicyNote | None = None  # by a rule: which, its limit, when it resets, whom to ask
    why: tuple[str, ...] = ()  # the same in plain words, with what other rules said; not kept of every call in a flood
    edits: tuple[str, ...] = ()
    cache: str = "miss"  # off | miss | refresh | bypass | shadow-hit | hit | near | coalesced | verify
    cache_reason: str = ""  # as `x-tally-cache-reason` said: why it was not looked for, not found, or not used
    saved_nusd: int = 0  # what this call would have cost, had its answer not been reused
    saved_input: int = 0  # tokens that it would have used
    saved_output: int = 0
    fingerprints: tuple[str, ...] = ()
    waste_reason: str | None = None
    waste_nusd: int = 0
    local: bool = False  # held from the local allowance
    may_follow: bool = False  # it failed, and another attempt may come after it
    ttft_ms: float | None = None
    duration_ms: float = 0.0
    overhead_us: int = 0

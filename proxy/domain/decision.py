"""What the policy says of a call: yes or no, why, and what must be held before it may go on.

Rules that need counters do not read them. They return obligations; one atomic script fulfils all of them or none.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from proxy.domain.meter import MeterKind, Unit
from proxy.domain.trace import Note


class Reserve(StrEnum):
    """How much a budget holds before the call: rule 6 of Limits in DESIGN."""

    EXPECTED = "expected"  # input and the 95th percentile of recent outputs
    MAX = "max"  # an upper bound


class StoreDown(msgspec.Struct, frozen=True):
    """What a meter does while the store is away."""

    meters: str = "local"  # local | allow | deny
    local_share_millionths: int = 250_000  # of what remained when last seen
    for_s: float = 600.0  # then: deny


class Obligation(msgspec.Struct, frozen=True, cache_hash=True):
    """One meter to be held. The period is a name; the key and its bounds are computed when the store's time is known."""

    rule: str  # "config/budget"
    kind: MeterKind
    unit: Unit
    scope: str  # "org", "team:growth", "user:p_8f…" (the pseudonym), "key:k_1", "project:crm", "model:gpt-5.1"
    limit: int  # nUSD | burst units | live calls, grace and grants included
    period: str = "day"  # budget: hour day week month total
    timezone: str = "UTC"
    interval_us: int = 0
    reserve: Reserve = Reserve.EXPECTED
    enforce: bool = True  # False: counted on the same path, never refused
    store_down: StoreDown = StoreDown()
    owner: str = ""
    message: str = ""
    mode: str = "enforce"  # of its rule: audit | warn | enforce
    place: str = ""  # "policies/org.yaml:37"
    span_s: int = 0  # rate: seconds of its pace; keeps two paces of one unit apart
    told: str = ""  # the limit as its rule writes it, where amounts do not say it: "60 requests/min"
    row: str = "default"  # budget: the row of the table that holds
    base: int = 0  # budget: the limit without grace and grants; 0: without them it is `limit`
    granted: int = 0  # budget: what exemptions add
    warn_at: tuple[int, ...] = ()  # budget: nUSD at which people are told, once each, rising
    when_spent: str = "deny"  # deny | warn | route: what happens at `limit`
    route: str = ""  # the model for calls past it
    on_outgrown: str = "finish"  # finish | cut


class Kind(StrEnum):
    """Rows of the refusals table (DESIGN section 6) that need no counter, in the order in which they are told."""

    FORBIDDEN = "forbidden"  # 403 policy_denied
    TAGS = "tags"  # 400 tags_required
    CAP = "cap"  # 400 context_length_exceeded
    CONTENT = "content"  # 400 content_policy_violation


class Denial(msgspec.Struct, frozen=True):
    """A rule in force that refuses. ``message`` is what the caller is told, complete."""

    rule: str
    kind: Kind
    message: str
    place: str = ""
    owner: str = ""
    allowed: str = ""  # what would pass: "gpt-5*, claude-*"
    param: str = ""  # the offending member of the request


class Warned(msgspec.Struct, frozen=True):
    """What the caller of an admitted call is told by a rule."""

    rule: str
    text: str


class Routed(msgspec.Struct, frozen=True):
    """The call goes to another model of the caller's dialect."""

    rule: str
    model: str  # as callers name it
    asked: str
    place: str = ""
    owner: str = ""


class Inspection(msgspec.Struct, frozen=True, cache_hash=True):
    """Texts must be looked through; ``mode`` says what a finding does."""

    rule: str
    find: tuple[str, ...]
    places: tuple[str, ...]  # prompt | answer
    then: str  # deny | redact
    restore: bool
    mode: str
    owner: str = ""
    message: str = ""
    place: str = ""


class Reuse(msgspec.Struct, frozen=True):
    """Whether a repeat may be answered here: the terms of the rule that stands."""

    rule: str
    mode: str  # off | exact | near
    shadow: bool
    share: str  # user | team | org
    ttl_s: float
    max_temperature: float | None
    time_sensitive: bool
    verify_millionths: int
    volatile: tuple[str, ...]


class Watch(msgspec.Struct, frozen=True):
    """A ladder to be remembered: since when its condition holds; 0 where it no longer does, and it may be forgotten."""

    rule: str
    scope: str
    since: int  # unix seconds
    rung: int  # that stands, from 1; 0: none


class Decision(msgspec.Struct, frozen=True):
    """The outcome of ``policy.decide``. Without ``denials`` the call may go on to its obligations.

    What rules in audit say is in ``trace`` and in obligations that are not enforced, and nowhere else.
    """

    id: str  # "d_7Kq2…", also in the row and in the refusal
    generation: str
    obligations: tuple[Obligation, ...] = ()
    denials: tuple[Denial, ...] = ()  # all of them, the one that is told first
    warnings: tuple[Warned, ...] = ()
    route: Routed | None = None  # the model that `obligations` are for, where it is not the one asked for
    max_output: int | None = None  # output tokens of one choice that may be asked for; None: as the caller says
    inspections: tuple[Inspection, ...] = ()
    reuse: Reuse | None = None  # None: no rule speaks of it
    watches: tuple[Watch, ...] = ()
    trace: tuple[Note, ...] = ()  # what every rule said that is about this call

    @property
    def denied_by(self) -> str:
        """The rule that refuses; empty where none does."""
        return self.denials[0].rule if self.denials else ""

    @property
    def reason(self) -> str:
        """What a refused caller is told."""
        return self.denials[0].message if self.denials else ""

"""Meters, and the two-phase life of what they hold: held, then settled, released or swept.

A meter is one counter of one scope in the store. Its key carries the org's hash tag and, for a budget, the period, so
that a hold can be ended by anybody who reads it. TigerBeetle names the endings (docs/coding/two-phase-transfers.md).
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec


class MeterKind(StrEnum):
    """How a meter admits: see the table in ``stores/scripts``."""

    BUDGET = "budget"  # integers s (spent) and r (reserved), nano-USD
    RATE = "rate"  # GCRA: theoretical arrival time in microseconds
    PARALLEL = "parallel"  # sorted set of leases
    GRANT = "grant"  # integer g of a budget, nano-USD: what people gave on top of its limit; charged, never drawn


class Unit(StrEnum):
    """What a meter counts; decides what a settlement charges to it."""

    NUSD = "nusd"
    REQUESTS = "requests"
    TOKENS = "tokens"
    CALLS = "calls"  # live at one time


class Draw(msgspec.Struct, frozen=True, gc=False):
    """What one call wants from one meter."""

    key: str  # "{acme}:m:config/budget:org:2026-11-23"
    kind: MeterKind
    unit: Unit
    amount: int  # to hold, in units
    limit: int  # budget: ceiling in nUSD, grace and grants included; rate: burst in units; parallel: live leases
    interval_us: int = 0  # rate: microseconds per unit
    period_start: int = 0  # budget: unix seconds; 0 for `total`
    period_end: int = 0  # budget: unix seconds; 0 for `total`
    enforce: bool = True  # False: counted on the same path, never refused (audit)
    rule: str = ""  # "config/budget"


class Hold(msgspec.Struct, frozen=True):
    """A wish for room on every meter at once, all or nothing, for one attempt."""

    id: str  # f"{request_id}:{attempt}"
    org: str
    draws: tuple[Draw, ...]
    facts: bytes  # JSON of the row's facts, enough for a sweeper to write the row
    floor_nusd: int = 0  # what a sweep charges at least: the estimated input
    whole: bool = False  # a `max` hold is charged whole when it is swept


class Level(msgspec.Struct, frozen=True, gc=False):
    """The state of one meter when it was asked: ``level`` before this hold, ``wait_us`` until it could fit (-1: never)."""

    over: bool
    level: int
    wait_us: int = 0
    granted: int = 0  # budget: what was given on top of the limit, by command, for this scope and period


class Standing(NamedTuple):
    """How a budget stands in the store, in nano-USD. ``granted`` is what was given on top of its limit by command."""

    spent: int
    held: int
    granted: int = 0


class HoldState(StrEnum):
    """How a hold ended up."""

    ADMITTED = "admitted"
    REFUSED = "refused"
    VOID = "void"  # given up earlier, see rule 4 of Limits
    STALE = "stale"  # a draw's period does not contain the store's time


class Held(msgspec.Struct, frozen=True):
    """The store's answer: ``levels`` stand in the order of the draws. ``now_us`` is the store's clock."""

    state: HoldState
    levels: tuple[Level, ...]
    now_us: int
    local: bool = False  # granted from the local allowance while the store is away


class Extension(StrEnum):
    """What became of the wish to hold more for a call that goes on."""

    HELD = "held"
    REFUSED = "refused"  # a meter that must have room has none; nothing changed
    OPEN = "open"  # nobody could say, or nothing was held any more: to be asked again later


class Extended(msgspec.Struct, frozen=True):
    """The answer, and of a refusal the rule."""

    state: Extension
    rule: str = ""


class Charge(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The final amount for one meter. Kept with the row, so that a counter can be rebuilt from the journal alone."""

    key: str
    kind: MeterKind
    amount: int
    interval_us: int = 0
    period_end: int = 0


class Settlement(msgspec.Struct, frozen=True):
    """A journal entry as the store must count it: entry ``seq`` of ``journal`` ends ``hold_id`` with these charges."""

    org: str
    journal: str
    seq: int
    hold_id: str  # "" when nothing was held
    charges: tuple[Charge, ...]
    swept: bool = False  # written by a sweeper: a later final settlement takes its charge back


class Expired(msgspec.Struct, frozen=True):
    """A hold whose lease ran out, claimed by a sweeper who must now journal and settle it."""

    hold_id: str
    org: str
    facts: bytes
    draws: tuple[Draw, ...]  # key, kind, unit, amount, interval_us and period_end are filled
    so_far_nusd: int
    floor_nusd: int
    whole: bool


class Gap(Exception):
    """The store counts a journal in order only: it has counted ``applied`` entries, and the next was not what came."""

    def __init__(self, applied: int) -> None:
        """Keep the last entry counted; 0 also when the store knows nothing of the journal."""
        super().__init__(f"counted up to {applied}")
        self.applied = applied

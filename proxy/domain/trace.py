"""What a rule said of a call. The same words in every mode: audit and enforce differ in the answer only."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Said(StrEnum):
    """What a rule wants of a call that it is about."""

    OK = "ok"  # nothing
    DENY = "deny"
    CLAMP = "clamp"
    ROUTE = "route"
    INSPECT = "inspect"
    CACHE = "cache"
    METER = "meter"  # its counter decides
    WASTE = "waste"  # a rung of its ladder stands
    ASIDE = "aside"  # its `when` does not hold
    FAILED = "failed"  # its `when` broke while it ran
    LIFTED = "lifted"  # an exemption takes it away


class Note(msgspec.Struct, frozen=True):
    """One line of the trace."""

    rule: str
    verb: str
    place: str
    mode: str  # audit | warn | enforce
    said: Said
    detail: str = ""  # "to gpt-5-mini", "by eval-week until 2026-11-30"

"""What an attempt says of its upstream: it stood, it failed, or nobody could see."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """Why an upstream failed; a closed set, for labels."""

    CONNECTION = "connection"  # refused, reset, broken off, or no HTTP
    TIMEOUT = "timeout"
    STATUS = "status"  # it answered with an error of its own
    THROTTLED = "throttled"  # it answered that it is asked too often


class Verdict(msgspec.Struct, frozen=True):
    """``good`` is None where the call says nothing of its upstream: the caller left first, or it was never asked."""

    good: bool | None
    reason: Reason | None = None  # of a failure
    told: str = ""  # the failure in words for people; holds nothing that an upstream sent but its status
    retry_after_s: float | None = None  # how long the upstream asks to be left alone


STOOD = Verdict(good=True)
UNSEEN = Verdict(good=None)

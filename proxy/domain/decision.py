"""What the policy says of a call: yes or no, why, and what must be held before it may go on.

Rules that need counters do not read them. They return obligations; one atomic script fulfils all of them or none.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from proxy.domain.meter import MeterKind, Unit


class Reserve(StrEnum):
    """How much a budget holds before the call: rule 6 of Limits in DESIGN."""

    EXPECTED = "expected"  # input and the 95th percentile of recent outputs
    MAX = "max"  # an upper bound


class StoreDown(msgspec.Struct, frozen=True):
    """What a meter does while the store is away."""

    meters: str = "local"  # local | allow | deny
    local_share_millionths: int = 250_000  # of what remained when last seen
    for_s: float = 600.0  # then: deny


class Obligation(msgspec.Struct, frozen=True):
    """One meter to be held. The period is a name; the key and its bounds are computed when the store's time is known."""

    rule: str  # "config/budget"
    kind: MeterKind
    unit: Unit
    scope: str  # "org", "team:growth"
    limit: int  # nUSD | burst units | live calls, grace and grants included
    period: str = "day"  # budget: hour day week month total
    timezone: str = "UTC"
    interval_us: int = 0
    reserve: Reserve = Reserve.EXPECTED
    enforce: bool = True
    store_down: StoreDown = StoreDown()
    owner: str = ""
    message: str = ""


class Decision(msgspec.Struct, frozen=True):
    """The outcome of ``policy.decide``. ``denied_by`` is empty when the call may go on to its obligations."""

    id: str  # "d_7Kq2…", also in the row and in the refusal
    generation: str
    obligations: tuple[Obligation, ...] = ()
    denied_by: str = ""
    reason: str = ""
    warnings: tuple[str, ...] = ()

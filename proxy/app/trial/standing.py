"""How things stand before a trial: what meters have counted, and what callers did lately.

Meters come to stand so by other calls, held and settled through the same scripts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import msgspec

from proxy.app.trial.asked import Unasked
from proxy.domain.decision import Obligation
from proxy.domain.meter import Charge, Draw, Hold, MeterKind
from proxy.policy.case import Case
from proxy.policy.facts import Facts, Recent
from proxy.policy.generation import ground_of
from proxy.policy.scopes import scope
from proxy.stores.looking import Stand
from proxy.stores.rows import EXACT
from proxy.stores.virtual import Move, Settling, Taking

Pair = tuple[Obligation, Draw]
_SCOPES = ("org", "team", "user", "key", "project", "model")
MOST_RUNNING: Final = 20_000  # half a second of the engine
_COUNTS = frozenset({"requests_1h", "requests_24h"})


class Standing(Protocol):
    """Where a trial looks both up."""

    def stands(self, pairs: Sequence[Pair]) -> Sequence[Stand]:
        """How some meters stand, in the order given."""
        ...

    def lately(self, facts: Facts) -> Facts:
        """The facts with what their scopes did lately."""
        ...


class Told:
    """As a case says; what it leaves out was never used and did not happen."""

    def __init__(self, case: Case) -> None:
        self._case = case
        standing = case.standing
        self._spent, self._running = dict(standing.spent), dict(standing.running)
        self._used = {(rule, unit): amount for rule, unit, amount in standing.used}

    def stands(self, pairs: Sequence[Pair]) -> list[Stand]:
        """By rule, each in the scope that this call falls into."""
        return [Stand(self._level(wish.rule, draw)) for wish, draw in pairs]

    def lately(self, facts: Facts) -> Facts:
        """The same for each scope of the caller: a case says it of nobody in particular."""
        standing, clock = self._case.standing, self._case.clock
        since = tuple((rule, int(clock - stood)) for rule, stood in standing.stood_s)
        said: dict[str, Any] = {name: int(value) if name in _COUNTS else value for name, value in standing.usage}
        recent, whose = Recent(**said), ground_of(facts)
        usage = tuple((scope(per, whose), recent) for per in _SCOPES) if said else ()
        return msgspec.structs.replace(facts, usage=usage, waste_since=since) if usage or since else facts

    def _level(self, rule: str, draw: Draw) -> int:
        if draw.kind is MeterKind.BUDGET:
            return self._spent.get(rule, 0)
        return self._used.get((rule, draw.unit), 0) if draw.kind is MeterKind.RATE else self._running.get(rule, 0)


def before(draw: Draw, stand: Stand, org: str, at_us: int) -> Iterator[Move]:
    """What happened on a meter until it came to stand so. Raises ``Unasked`` for more calls than can be played."""
    used = stand.used
    if draw.kind is MeterKind.BUDGET:
        charges = [Charge(draw.key, MeterKind.BUDGET, used, 0, draw.period_end)] if used else []
        charges += [Charge(draw.key, MeterKind.GRANT, stand.granted, 0, draw.period_end)] if stand.granted else []
        if charges:
            yield Settling(org, "", tuple(charges), at_us)
    elif draw.kind is MeterKind.RATE:
        if used := min(used, (EXACT - at_us) // draw.interval_us - draw.limit):  # as much as the scripts can count
            yield _taking("used", draw, org, at_us, amount=used, limit=max(used, draw.limit))
    else:
        running = min(used, draw.limit + 1)  # beyond the limit more of them change nothing
        if running > MOST_RUNNING:
            raise Unasked(f"{used:,} running calls are too many to be played; {MOST_RUNNING:,} are possible")
        for number in range(running):
            yield _taking(f"running:{number}", draw, org, at_us, amount=1, limit=used)


def _taking(name: str, draw: Draw, org: str, at_us: int, *, amount: int, limit: int) -> Taking:
    """Another call's hold on this meter alone."""
    other = Draw(draw.key, draw.kind, draw.unit, amount, limit, draw.interval_us, enforce=False)
    return Taking(Hold(f"{name}:{draw.key}", org, (other,), b""), at_us)

"""What each verb says, compiled: the values between the files of a policy and ``decide``.

The loader makes them, the verbs in ``rules/`` apply them. Names in selectors exist (the loader has checked them); money is
nano-dollars, shares are millionths, times are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from proxy.domain.decision import Reserve

NOBODY: Mapping[str, int] = {}
ANY_FAMILY = "*"
OFF = "off"  # a mode of `cache`


class Models(msgspec.Struct, frozen=True):
    """``models``: allow lists of several rules intersect, deny wins. Globs; no allow list allows all."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()


class Require(msgspec.Struct, frozen=True):
    """``require``: tags that a call must carry; ``project`` as a tag means an attribution to one."""

    tags: tuple[str, ...]


class Cap(msgspec.Struct, frozen=True):
    """``request``: the most that one call may ask for. ``clamp`` lowers the output ceiling; input is never cut, only refused."""

    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    clamp: bool = False


class Route(msgspec.Struct, frozen=True):
    """``route``: another model of the caller's dialect; by family, or one name for all."""

    to: tuple[tuple[str, str], ...]  # (family or "*", model)

    def model(self, family: str) -> str | None:
        """The model for a family, or None where the rule names none for it."""
        named = dict(self.to)
        return named.get(family, named.get(ANY_FAMILY))


class Budget(msgspec.Struct, frozen=True):
    """``budget``: money in a calendar period. ``table`` maps "team:x", "user:y", "key:z", "project:p" to its own limit."""

    limit_nusd: int
    period: str
    per: str  # org | team | user | key | project | model
    timezone: str = "UTC"
    table: Mapping[str, int] = NOBODY
    grace_millionths: int = 0
    warn_at: tuple[int, ...] = ()  # millionths of the limit, rising
    reserve: Reserve = Reserve.EXPECTED
    when_spent: Route | str = "deny"  # "deny" | "warn" | a route
    on_outgrown: str = "finish"  # finish | cut: a stream that outgrows an `expected` hold which cannot be widened


class Pace(msgspec.Struct, frozen=True):
    """One line of ``rate``: ``60 requests/min``."""

    unit: str  # requests | tokens
    amount: int
    per_s: int


class Rate(msgspec.Struct, frozen=True):
    """``rate``: at most so fast, with so much at once."""

    paces: tuple[Pace, ...]
    per: str
    burst_millionths: int = 1_000_000  # of the amount


class Parallel(msgspec.Struct, frozen=True):
    """``parallel``: at most so many at the same time."""

    limit: int
    per: str


class Inspect(msgspec.Struct, frozen=True):
    """``inspect``: what is looked for, where, and what happens to it."""

    find: tuple[str, ...]  # "secrets", "pii.email", "secrets.acme-internal-token"
    places: tuple[str, ...] = ("prompt",)  # prompt | answer
    then: str = "deny"  # deny | redact
    restore: bool = False


class Cache(msgspec.Struct, frozen=True):
    """``cache``: whether repeats may be answered here."""

    mode: str = OFF  # off | exact | near
    shadow: bool = False
    share: str = "team"  # user | team | org
    ttl_s: float = 14_400.0
    max_temperature: float | None = None
    time_sensitive: bool = False
    verify_millionths: int = 0
    volatile: tuple[str, ...] = ()


class Rung(msgspec.Struct, frozen=True):
    """One step of a ladder: ``after`` the one before it has stood so long."""

    do: str  # warn | cache | throttle | deny
    after_s: float = 0.0
    cache: Cache | None = None
    pace: Pace | None = None
    reason: str = ""  # of warn and deny, told to the caller


class Waste(msgspec.Struct, frozen=True):
    """``waste``: a ladder on usage facts of one scope."""

    above: tuple[tuple[str, float], ...]  # (fact, threshold): ("redundancy", 0.4), ("errors", 50.0)
    over: str  # 1h | 24h
    per: str
    at_least: int = 0  # requests
    then: tuple[Rung, ...] = ()


class Deny(msgspec.Struct, frozen=True):
    """``deny``: no, and why."""

    reason: str


Terms = Models | Require | Cap | Route | Budget | Rate | Parallel | Inspect | Cache | Waste | Deny


def targets(terms: Terms) -> tuple[tuple[str, str], ...]:
    """Where a rule may send calls: (family or "*", model)."""
    route = terms.when_spent if isinstance(terms, Budget) else terms
    return route.to if isinstance(route, Route) else ()


def reuses(terms: Terms) -> bool:
    """Whether a rule may have repeats answered here."""
    if isinstance(terms, Waste):
        return any(rung.cache is not None and rung.cache.mode != OFF for rung in terms.then)
    return isinstance(terms, Cache) and terms.mode != OFF

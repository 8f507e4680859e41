"""A rule, a policy's exemptions and the whole generation of them, compiled."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Protocol

import msgspec

from proxy.domain.decision import StoreDown
from proxy.policy.terms import Terms


class Mode(IntEnum):
    """What a rule does when it speaks. A rule may lower its policy's mode, never raise it."""

    AUDIT = 1  # counted and explained, never felt
    WARN = 2  # admitted, and the caller is told
    ENFORCE = 3


class Expression(Protocol):
    """A compiled ``when:``."""

    source: str

    @property
    def facts(self) -> frozenset[str]:
        """The names of the facts that it uses."""
        ...

    def holds(self, activation: Any) -> bool | None:
        """Whether it is true; None for an error while it ran, which the verb decides about."""
        ...


class Selector(msgspec.Struct, frozen=True):
    """Whom and what a rule is about: every part that is not empty must fit. Names are the directory's, models are globs."""

    teams: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    models: tuple[str, ...] = ()


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule as it stands in force."""

    id: str  # "org/person-day"
    verb: str
    terms: Terms
    mode: Mode
    owner: str
    place: str  # "policies/org.yaml:37"
    match: tuple[Selector, ...] = ()  # of the policy and of the rule: all must fit
    when: Expression | None = None
    message: str = ""
    timezone: str = "UTC"  # of clock.* and of its periods
    since: float | None = None  # unix seconds, `from:`
    until: float | None = None
    store_down: StoreDown = StoreDown()


class Exemption(msgspec.Struct, frozen=True, kw_only=True):
    """A hole in named rules, for a while, that somebody answers for."""

    name: str
    owner: str
    approved_by: str
    reason: str
    place: str
    match: Selector
    since: float
    until: float
    lift: frozenset[str] = frozenset()  # rule ids
    grant: tuple[tuple[str, int], ...] = ()  # (rule id of a budget, nano-dollars more)


class PolicySet(msgspec.Struct, frozen=True):
    """Everything that one generation says. The order of rules never matters."""

    generation: str
    rules: tuple[Rule, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    detectors: Any = None  # compiled by policy.content; None: the pack alone

"""Rules, facts and policies for tests of the decision point, compiled by hand: no file and no expression engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from proxy.domain.decision import Decision
from proxy.domain.trace import Note
from proxy.policy.decide import decide
from proxy.policy.facts import Facts
from proxy.policy.generation import Policy
from proxy.policy.rule import Exemption, Mode, PolicySet, Rule, Selector
from proxy.policy.terms import (
    Budget,
    Cache,
    Cap,
    Deny,
    Inspect,
    Models,
    Parallel,
    Rate,
    Require,
    Route,
    Terms,
    Waste,
)
from proxy.policy.views import NAMES

NOON = 1_795_435_200  # 2026-11-23T12:00:00Z, a Monday
DAY = 86_400
USD = 1_000_000_000
FACTS = Facts(
    team="growth",
    model="gpt-5.1",
    dialect="openai_chat",
    endpoint="/v1/chat/completions",
    upstream="openai",
    project="crm",
    groups=("growth",),
    input_tokens=900,
    clock=NOON,
    family="openai",
    org="acme",
    key="key_1",
    person="p_ann",
    user="ann@acme.example",
)
_VERBS: Mapping[type, str] = {
    Models: "models", Require: "require", Cap: "request", Route: "route", Budget: "budget", Rate: "rate",
    Parallel: "parallel", Inspect: "inspect", Cache: "cache", Waste: "waste", Deny: "deny",
}  # fmt: skip


class Condition:
    """An expression that is a function of the facts' dotted names; None: it breaks while it runs."""

    def __init__(
        self, holds: Callable[[Mapping[str, Any]], bool | None], source: str = "…", facts: frozenset[str] = NAMES
    ) -> None:
        self.source = source
        self.facts = facts
        self._holds = holds
        self.asked = 0

    def holds(self, activation: Any) -> bool | None:
        self.asked += 1
        return self._holds(activation)


def facts(**changes: Any) -> Facts:
    """Ann's call, unless said otherwise."""
    return msgspec.structs.replace(FACTS, **changes)


def make_rule(terms: Terms, name: str = "org/rule", **changes: Any) -> Rule:
    """A rule in force for everyone, unless said otherwise."""
    words: dict[str, Any] = {
        "mode": Mode.ENFORCE,
        "owner": "security@acme.example",
        "place": "policies/org.yaml:7",
    }
    return Rule(id=name, verb=_VERBS[type(terms)], terms=terms, **(words | changes))


def make_exemption(match: Selector, name: str = "eval-week", **changes: Any) -> Exemption:
    """An exemption of this week, unless said otherwise."""
    words: dict[str, Any] = {"since": NOON - DAY, "until": NOON + DAY}
    return Exemption(
        name=name,
        owner="research@acme.example",
        approved_by="security@acme.example",
        reason="evaluation",
        place="policies/exemptions/eval.yaml:1",
        match=match,
        **(words | changes),
    )


def make_policy(*rules: Rule, exemptions: tuple[Exemption, ...] = (), **changes: Any) -> Policy:
    """A generation of these rules, whose expressions are given the names as they are."""
    return Policy(PolicySet("g1", rules, exemptions), activate=lambda values: values, **changes)


def decided(*rules: Rule, exemptions: tuple[Exemption, ...] = (), call: Facts = FACTS, **changes: Any) -> Decision:
    """What these rules decide."""
    return decide(call, make_policy(*rules, exemptions=exemptions), "d_1", **changes)


def noted(decision: Decision, rule: str = "org/rule") -> Note:
    """The rule's line of the trace."""
    (note,) = [note for note in decision.trace if note.rule == rule]
    return note

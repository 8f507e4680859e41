"""The decision point. Pure: the same facts and the same generation give the same decision, today and in a replay."""

from __future__ import annotations

import msgspec

from proxy.domain.decision import Decision
from proxy.policy.facts import Facts
from proxy.policy.rules.budget import BudgetRule


class Policy(msgspec.Struct, frozen=True):
    """One generation of rules. Their order never matters."""

    generation: str
    rules: tuple[BudgetRule, ...] = ()


def decide(facts: Facts, policy: Policy, decision_id: str) -> Decision:
    """Yes or no, and which meters must hold first. Rules that need counters are returned as obligations."""
    return Decision(
        id=decision_id,
        generation=policy.generation,
        obligations=tuple([rule.obligation(facts) for rule in policy.rules]),
    )

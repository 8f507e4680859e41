"""Which rules can bear on what a replay tells, so that the others are asked of no call.

Rules in audit are neither felt nor told; what is left of them is the money that their budgets would hold. ``inspect`` looks
at prompts, which are not kept, and ``cache`` at answers. Meters of rules in audit hold nothing back, so none is kept of them.
"""

from __future__ import annotations

from typing import Final

import msgspec

from proxy.domain.decision import Obligation
from proxy.policy.generation import Policy
from proxy.policy.rule import Mode, PolicySet, Rule
from proxy.policy.select import Serves
from proxy.policy.terms import Budget, Cache, Inspect

REMEMBERED: Final = 32_768  # selections: people times models and projects, and none shall be worked out twice
_AUDIT: Final = "audit"


def bearing(said: PolicySet, serves: Serves) -> Policy:
    """The generation without the rules that change no outcome; ``serves``: whether a family has a model."""
    rules = tuple([rule for rule in said.rules if _bears(rule)])
    uses = {fact for rule in rules if rule.when is not None for fact in rule.when.facts}
    return Policy(msgspec.structs.replace(said, rules=rules), uses=uses, serves=serves, remembered=REMEMBERED)


def is_felt(wish: Obligation) -> bool:
    """Whether a meter may refuse a call, send it elsewhere or warn its caller. All obligations of a rule are alike in it."""
    return wish.mode != _AUDIT


def _bears(rule: Rule) -> bool:
    if isinstance(rule.terms, Inspect | Cache):
        return False
    return rule.mode is not Mode.AUDIT or isinstance(rule.terms, Budget)

"""What the composition adds to loaded rules."""

from __future__ import annotations

from proxy.app.policies import audited
from proxy.policy.rule import Mode, PolicySet
from proxy.policy.terms import Deny
from tests.support.rules import decided, make_rule

DENY = make_rule(Deny("No."), "org/no")


def test_audit_only_makes_no_rule_felt_and_every_rule_speak() -> None:
    assert decided(DENY).denials
    quiet = audited(PolicySet("g", (DENY,)))
    assert quiet.generation == "g-audit"
    (rule,) = quiet.rules
    assert rule.mode is Mode.AUDIT
    decision = decided(rule)
    assert not decision.denials
    assert [(note.rule, note.said) for note in decision.trace] == [("org/no", "deny")]

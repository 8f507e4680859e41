"""What the composition adds to loaded rules."""

from __future__ import annotations

from proxy.app.policies import audited, remarked
from proxy.policy.loaded import Level, Loaded
from proxy.policy.rule import Mode, PolicySet
from proxy.policy.terms import Cache, Deny, Rung, Waste
from tests.support.rules import Condition, decided, make_rule

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


def test_rules_of_a_cache_that_is_not_there_are_remarked_on_once() -> None:
    rules = tuple(
        make_rule(Cache(mode="exact"), name, place=f"policies/org.yaml:{line}")
        for name, line in (("org/a", 3), ("org/b", 9))
    )
    (told,) = remarked(Loaded(PolicySet("g", (DENY, *rules)))).warnings
    assert told.level is Level.NOTE
    assert str(told.problem).startswith("policies/org.yaml:3:1: org/a: answers are not cached by this release")
    assert remarked(Loaded(PolicySet("g", (DENY,)))).warnings == ()


def test_rules_that_ask_for_repeats_are_remarked_on_and_other_ladders_act() -> None:
    repeats = Waste((("redundancy", 0.4),), "24h", "user", 200, (Rung("warn"),))
    asking = Condition(lambda _: True, facts=frozenset({"usage.redundancy_1h"}))
    for rule in (make_rule(repeats), make_rule(Deny("No."), when=asking)):
        (told,) = remarked(Loaded(PolicySet("g", (rule,)))).warnings
        assert "repeats are not counted by this release" in str(told.problem)
    errors = Waste((("errors", 100.0),), "1h", "user", 200, (Rung("warn"),))
    assert remarked(Loaded(PolicySet("g", (make_rule(errors),)))).warnings == ()
    saving = Waste(errors.above, "1h", "user", 200, (Rung("cache", cache=Cache("near")),))
    (told,) = remarked(Loaded(PolicySet("g", (make_rule(saving),)))).warnings
    assert "answers are not cached by this release" in str(told.problem)

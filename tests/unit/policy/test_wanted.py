"""Whose recent usage rules ask about."""

from __future__ import annotations

from proxy.policy.generation import Policy
from proxy.policy.rule import Selector
from proxy.policy.terms import Budget, Deny, Pace, Rate, Route, Rung, Waste
from proxy.policy.wanted import Wanted
from tests.support.rules import Condition, facts, make_policy, make_rule

USES = Condition(lambda _: True, facts=frozenset({"usage.requests_1h", "request.model"}))
USES_NOT = Condition(lambda _: True, facts=frozenset({"request.model"}))


def ladder(per: str) -> Waste:
    return Waste((("errors", 100.0),), "1h", per, 200, (Rung("warn"),))


def wants(policy: Policy, **call: object) -> tuple[Wanted, ...]:
    return policy.wants(facts(**call))


def test_nothing_is_counted_where_no_rule_asks() -> None:
    policy = make_policy(
        make_rule(Rate((Pace("requests", 9, 60),), "user"), when=USES_NOT), make_rule(Deny("x"), "a/b")
    )
    assert (policy.counted, wants(policy)) == ((), ())


def test_a_condition_asks_about_the_caller_and_a_ladder_about_its_scope() -> None:
    policy = make_policy(
        make_rule(Deny("x"), "a/deny", when=USES),
        make_rule(ladder("team"), "a/team"),
        make_rule(ladder("user"), "a/user", when=USES),
        make_rule(ladder("team"), "b/team"),
    )
    assert policy.counted == ("team", "user")
    assert wants(policy) == (Wanted("team:growth", ("a/team", "b/team")), Wanted("user:p_ann", ("a/user",)))


def test_a_ladder_with_a_condition_on_usage_asks_about_both_scopes_and_stands_on_its_own() -> None:
    policy = make_policy(make_rule(ladder("project"), "a/project", when=USES))
    assert wants(policy) == (Wanted("project:crm", ("a/project",)), Wanted("user:p_ann"))


def test_everybody_is_counted_and_only_those_are_looked_up_whom_a_rule_is_about() -> None:
    policy = make_policy(make_rule(ladder("user"), "a/research", match=(Selector(teams=frozenset({"research"})),)))
    assert policy.counted == ("user",)
    assert wants(policy) == ()
    assert wants(policy, team="research") == (Wanted("user:p_ann", ("a/research",)),)


def test_what_is_asked_at_a_model_that_a_rule_may_send_the_call_to_is_looked_up_too() -> None:
    """Else a route would go around the ladder that stands there."""
    small = (Selector(models=("gpt-5-mini",)),)
    to_small = Route((("openai", "gpt-5-mini"), ("anthropic", "claude-haiku-4-5")))
    for rule in (
        make_rule(to_small, "a/route"),
        make_rule(Budget(10, "day", "user", when_spent=to_small), "a/day"),
    ):
        policy = make_policy(rule, make_rule(ladder("model"), "a/small", match=small))
        assert wants(policy) == (Wanted("model:gpt-5-mini", ("a/small",)),)
        assert wants(policy, family="anthropic") == ()
    policy = make_policy(make_rule(to_small, "a/route"), make_rule(ladder("model"), "a/model"))
    assert wants(policy) == (Wanted("model:gpt-5-mini"), Wanted("model:gpt-5.1", ("a/model",)))

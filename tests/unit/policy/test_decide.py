"""The decision point: rules together."""

from __future__ import annotations

import msgspec
import pytest

from proxy.config.settings import Budget as Shorthand
from proxy.domain.decision import Kind, Reserve, StoreDown
from proxy.domain.meter import MeterKind, Unit
from proxy.domain.trace import Said
from proxy.policy.decide import decide
from proxy.policy.rule import Mode, Selector
from proxy.policy.shorthand import budget_rule
from proxy.policy.terms import Budget, Cache, Cap, Deny, Inspect, Models, Pace, Parallel, Rate, Require, Route
from tests.support.rules import FACTS, NOON, USD, Condition, decided, facts, make_policy, make_rule, noted

GROWTH = (Selector(teams=frozenset({"growth"})),)
RESEARCH = (Selector(teams=frozenset({"research"})),)
NO_OPUS = make_rule(Models(deny=("claude-opus*",)), "org/models")


def test_a_policy_without_rules_lets_everything_pass_and_wants_nothing() -> None:
    decision = decided()
    assert (decision.id, decision.generation) == ("d_1", "g1")
    assert decision == msgspec.structs.replace(decision, obligations=(), denials=(), warnings=(), trace=(), route=None)
    assert (decision.denied_by, decision.reason, decision.max_output, decision.reuse) == ("", "", None, None)


def test_the_shorthand_is_a_rule_with_every_word_of_its_terms() -> None:
    terms = Shorthand(
        100 * USD, "month", "Europe/Berlin", Reserve.MAX, 50_000, StoreDown("deny"), "finance", "config/budget"
    )
    (wish,) = decided(budget_rule(terms)).obligations
    assert (wish.rule, wish.kind, wish.unit, wish.scope) == ("config/budget", MeterKind.BUDGET, Unit.NUSD, "org")
    assert (wish.limit, wish.base, wish.period, wish.timezone) == (105 * USD, 100 * USD, "month", "Europe/Berlin")
    assert (wish.reserve, wish.store_down, wish.owner, wish.enforce, wish.place) == (
        Reserve.MAX, StoreDown("deny"), "finance", True, "tallygate.yaml",
    )  # fmt: skip
    assert wish.warn_at == (80 * USD,)


def test_all_that_refuses_is_there_and_the_same_one_is_told_first_whatever_the_order() -> None:
    rules = (
        make_rule(Require(("purpose",)), "org/a"),
        make_rule(Cap(max_input_tokens=10), "org/b"),
        make_rule(Deny("No."), "org/z"),
        make_rule(Models(allow=("claude-*",)), "org/y"),
    )
    for order in (rules, rules[::-1]):
        decision = decided(*order)
        assert [denial.rule for denial in decision.denials] == ["org/y", "org/z", "org/a", "org/b"]
        assert [denial.kind for denial in decision.denials] == [Kind.FORBIDDEN, Kind.FORBIDDEN, Kind.TAGS, Kind.CAP]
        assert decision.denied_by == "org/y"
        assert {note.rule: note.said for note in decision.trace} == dict.fromkeys((r.id for r in rules), Said.DENY)


def test_what_refuses_hides_no_obligation() -> None:
    decision = decided(make_rule(Deny("No.")), make_rule(Parallel(2, "key"), "org/p"))
    assert decision.denials
    assert [wish.rule for wish in decision.obligations] == ["org/p"]


@pytest.mark.parametrize("mode", [Mode.AUDIT, Mode.WARN])
def test_below_enforce_nothing_changes_the_call(mode: Mode) -> None:
    decision = decided(
        make_rule(Deny("No."), "org/deny", mode=mode),
        make_rule(Cap(max_output_tokens=10, clamp=True), "org/cap", mode=mode),
        make_rule(Route((("*", "gpt-5-mini"),)), "org/route", mode=mode),
        make_rule(Cache("near"), "org/cache", mode=mode),
        make_rule(Budget(USD, "day", "org"), "org/budget", mode=mode),
        make_rule(Inspect(("secrets",)), "org/inspect", mode=mode),
    )
    assert (decision.denials, decision.max_output, decision.route, decision.reuse) == ((), None, None, None)
    assert [(wish.enforce, wish.mode) for wish in decision.obligations] == [(False, mode.name.lower())]
    assert [wish.mode for wish in decision.inspections] == [mode.name.lower()]
    warned = {"org/deny", "org/cap", "org/route"} if mode is Mode.WARN else set()
    assert {warning.rule for warning in decision.warnings} == warned
    assert len(decision.trace) == 6


def test_a_rule_in_audit_hides_no_rule_in_force() -> None:
    rules = (
        make_rule(Route((("*", "gpt-5-mini"),)), "org/route"),
        make_rule(Route((("*", "gpt-5-nano"),)), "team/route", mode=Mode.AUDIT, match=GROWTH),
        make_rule(Cache("exact"), "org/cache"),
        make_rule(Cache("off"), "team/cache", mode=Mode.AUDIT, match=GROWTH),
    )
    decision = decided(*rules)
    assert decision.route
    assert decision.reuse
    assert (decision.route.model, decision.reuse.mode) == ("gpt-5-mini", "exact")


@pytest.mark.parametrize(
    ("selector", "stands"),
    [
        (Selector(), False),
        (Selector(groups=frozenset({"growth"})), False),
        (Selector(teams=frozenset({"growth"})), False),
        (Selector(users=frozenset({"ann@acme.example"})), True),
        (Selector(projects=frozenset({"crm"})), True),
        (Selector(keys=frozenset({"key_1"})), True),
    ],
)
def test_of_single_values_the_most_specific_stands(selector: Selector, *, stands: bool) -> None:
    decision = decided(
        make_rule(Cache("off"), "org/team", match=GROWTH),
        make_rule(Cache("near"), "org/other", match=(selector,)),
        make_rule(Route((("*", "gpt-5-mini"),)), "org/team-route", match=GROWTH),
        make_rule(Route((("*", "gpt-5-nano"),)), "org/other-route", match=(selector,)),
    )
    assert decision.reuse
    assert decision.route
    if selector.teams:  # a tie, which the loader refuses: any answer, but always the same
        return
    assert (decision.reuse.mode == "near") is stands
    assert (decision.route.model == "gpt-5-nano") is stands


def test_a_condition_that_breaks_closes_a_ban_and_opens_nothing_else() -> None:
    broken = Condition(lambda _: None)
    rules = (
        make_rule(Deny("No."), "org/deny", when=broken),
        make_rule(Budget(USD, "day", "org"), "org/budget", when=broken),
        make_rule(Models(allow=("claude-*",)), "org/models", when=broken),
    )
    decision = decided(*rules)
    assert decision.denied_by == "org/deny"
    assert len(decision.denials) == 1
    assert decision.obligations == ()
    assert [note.said for note in decision.trace] == [Said.FAILED] * 3
    assert noted(decision, "org/deny").detail.endswith("denied")


def test_a_condition_that_does_not_hold_leaves_the_rule_aside_and_in_the_trace() -> None:
    decision = decided(make_rule(Deny("No."), when=Condition(lambda seen: seen["request.input_tokens"] > 1000)))
    assert not decision.denials
    assert noted(decision).said is Said.ASIDE


def keep(seen: list[object], view: object) -> bool:
    seen.append(view)
    return False


def test_every_condition_of_a_call_sees_one_layout_of_the_facts_and_of_its_own_clock() -> None:
    seen: list[object] = []
    conditions = [Condition(lambda view: keep(seen, view)) for _ in range(3)]
    zones = ("Europe/Berlin", "Europe/Berlin", "Asia/Tokyo")
    decided(
        *(
            make_rule(Deny("No."), f"org/{position}", when=condition, timezone=zone)
            for position, (condition, zone) in enumerate(zip(conditions, zones, strict=True))
        )
    )
    assert seen[0] is seen[1]
    assert [view["clock.hour"] for view in seen if isinstance(view, dict)] == [13, 13, 21]


def test_where_no_condition_asks_for_the_time_all_timezones_share_a_layout() -> None:
    seen: list[object] = []
    rules = [
        make_rule(Deny("No."), f"org/{zone}", when=Condition(lambda view: keep(seen, view)), timezone=zone)
        for zone in ("Europe/Berlin", "Asia/Tokyo")
    ]
    decide(FACTS, make_policy(*rules, uses=("request.model",)), "d_1")
    assert seen[0] is seen[1]
    assert seen[0] == {"request.model": "gpt-5.1"}


def test_a_routed_call_is_held_on_the_meters_of_the_model_that_answers() -> None:
    decision = decided(
        make_rule(Route((("*", "gpt-5-mini"),)), "org/route"),
        make_rule(Budget(USD, "day", "model"), "org/each"),
        make_rule(Parallel(3, "org"), "org/mini", match=(Selector(models=("*-mini",)),)),
        make_rule(Rate((Pace("requests", 1, 60),), "org"), "org/big", match=(Selector(models=("gpt-5.1",)),)),
    )
    assert decision.route
    assert (decision.route.model, decision.route.asked, decision.route.rule) == ("gpt-5-mini", "gpt-5.1", "org/route")
    assert {(wish.rule, wish.scope) for wish in decision.obligations} == {
        ("org/each", "model:gpt-5-mini"), ("org/mini", "org"),
    }  # fmt: skip


def test_no_route_leads_around_a_ban() -> None:
    decision = decided(
        make_rule(Route((("*", "claude-opus-4"),)), "team/route", match=GROWTH),
        NO_OPUS,
        make_rule(Deny("Not small."), "org/big", when=Condition(lambda seen: seen["request.model"] == "claude-opus-4")),
    )
    assert [denial.rule for denial in decision.denials] == ["org/big", "org/models"]
    assert decision.reason.startswith("team/route sends this call to claude-opus-4. Not small.")


def test_a_trial_of_a_route_tells_who_would_refuse_the_call_there() -> None:
    route = make_rule(Route((("*", "claude-opus-4"),)), "team/route", mode=Mode.AUDIT)
    decision = decided(route, NO_OPUS)
    assert not decision.denials
    assert noted(decision, "team/route").detail == "to claude-opus-4; refused there by org/models"


def test_the_lowest_clamp_holds_that_of_the_other_model_included() -> None:
    decision = decided(
        make_rule(Cap(max_output_tokens=300, clamp=True), "org/a"),
        make_rule(Cap(max_output_tokens=200, clamp=True), "org/b"),
        make_rule(Route((("*", "gpt-5-mini"),)), "org/route"),
        make_rule(Cap(max_output_tokens=100, clamp=True), "org/c", match=(Selector(models=("*-mini",)),)),
    )
    assert decision.max_output == 100


def test_a_rule_for_others_is_not_heard() -> None:
    decision = decided(make_rule(Deny("No."), match=RESEARCH))
    assert (decision.denials, decision.trace) == ((), ())


SMALL = Budget(USD, "day", "user", when_spent=Route((("openai", "gpt-5-mini"),)))


def test_a_spent_budget_sends_the_call_elsewhere_and_counts_it_without_refusing() -> None:
    policy = make_policy(make_rule(SMALL, "org/day"), make_rule(Budget(USD, "day", "org"), "org/all"))
    first = decide(FACTS, policy, "d_1")
    assert [(wish.rule, wish.when_spent, wish.route, wish.enforce) for wish in first.obligations] == [
        ("org/all", "deny", "", True), ("org/day", "route", "gpt-5-mini", True),
    ]  # fmt: skip
    again = decide(FACTS, policy, "d_1", frozenset({"org/day"}))
    assert again.route
    assert (again.route.model, again.route.rule) == ("gpt-5-mini", "org/day")
    assert [(wish.rule, wish.enforce) for wish in again.obligations] == [("org/all", True), ("org/day", False)]
    assert [(one.rule, one.text) for one in again.warnings] == [
        ("org/day", "The budget org/day is spent; the call went to gpt-5-mini.")
    ]
    assert again.trace == first.trace


def test_who_calls_the_small_model_anyway_is_not_refused_by_the_spent_budget_either() -> None:
    decision = decide(
        facts(model="gpt-5-mini"), make_policy(make_rule(SMALL, "org/day")), "d_1", frozenset({"org/day"})
    )
    assert decision.route is None
    assert [wish.enforce for wish in decision.obligations] == [False]


def test_of_two_spent_budgets_the_narrower_one_says_where_to_go() -> None:
    wide = msgspec.structs.replace(SMALL, per="org", when_spent=Route((("openai", "gpt-5-nano"),)))
    policy = make_policy(make_rule(SMALL, "org/a"), make_rule(wide, "org/b"))
    decision = decide(FACTS, policy, "d_1", frozenset({"org/a", "org/b"}))
    assert decision.route
    assert decision.route.model == "gpt-5-mini"
    assert [wish.enforce for wish in decision.obligations] == [False, False]


def test_a_spent_budget_that_names_no_model_of_the_dialect_goes_on_refusing_and_says_why() -> None:
    call = facts(family="anthropic", model="claude-sonnet-4-5")
    policy = make_policy(make_rule(SMALL, "org/day", message="Ask early."))
    decision = decide(call, policy, "d_1", frozenset({"org/day"}))
    (wish,) = decision.obligations
    assert (wish.when_spent, wish.enforce, decision.route) == ("deny", True, None)
    assert wish.message == "Ask early. When spent, it routes: it names no model for anthropic."


def test_where_a_spent_budget_leads_to_a_forbidden_model_the_call_is_refused() -> None:
    policy = make_policy(make_rule(SMALL, "org/day"), make_rule(Models(deny=("*-mini",)), "org/models"))
    decision = decide(FACTS, policy, "d_1", frozenset({"org/day"}))
    assert decision.denied_by == "org/models"
    assert decision.reason.startswith("org/day sends this call to gpt-5-mini. The model")


def test_a_budget_in_audit_gives_way_to_nothing() -> None:
    policy = make_policy(make_rule(SMALL, "org/day", mode=Mode.AUDIT))
    decision = decide(FACTS, policy, "d_1", frozenset({"org/day"}))
    assert decision.route is None


def test_the_same_facts_and_rules_give_the_same_decision_from_memory_too() -> None:
    policy = make_policy(make_rule(SMALL), make_rule(Deny("No."), "org/deny", when=Condition(lambda _: True)))
    assert decide(FACTS, policy, "d_1") == decide(FACTS, policy, "d_1") == decided(*policy.said.rules)


def test_what_is_remembered_has_an_end() -> None:
    policy = make_policy(make_rule(Models(allow=("gpt-*",))))
    for number in range(5000):
        decide(facts(model=f"m{number}", clock=NOON), policy, "")
    assert len(policy._known) == 4096
    assert decide(FACTS, policy, "").denials == ()

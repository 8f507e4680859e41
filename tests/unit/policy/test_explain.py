"""A decision in plain words."""

from __future__ import annotations

import msgspec

from proxy.domain.decision import Decision
from proxy.domain.meter import Level
from proxy.policy.amount_words import span_text
from proxy.policy.draws import Amounts, draw
from proxy.policy.explain import explain
from proxy.policy.levels import readings
from proxy.policy.rule import Mode, Selector
from proxy.policy.terms import Budget, Cache, Cap, Deny, Models, Pace, Parallel, Rate, Route
from tests.support.rules import NOON, USD, Condition, decided, make_exemption, make_rule

NOW_US = NOON * 1_000_000
AMOUNTS = Amounts(USD, 2_100_000_000, None, 900)


def told(decision: Decision, *levels: Level) -> list[str]:
    draws = [draw(wish, "acme", AMOUNTS, NOW_US) for wish in decision.obligations]
    return list(explain(decision, readings(decision.obligations, draws, levels), NOW_US))


def test_a_spent_budget_is_explained_with_rule_line_numbers_reset_and_owner() -> None:
    budget = Budget(15 * USD, "day", "user", "Europe/Berlin", grace_millionths=100_000)
    route = make_rule(Route((("*", "gpt-5-mini"),)), "team/cheaper", mode=Mode.AUDIT)
    month = make_rule(Budget(100 * USD, "month", "team"), "team/month")
    decision = decided(make_rule(budget, "org/day"), make_rule(Models(allow=("gpt-*",)), "org/models"), route, month)
    assert told(decision, Level(over=True, level=14_620_000_000), Level(over=False, level=85 * USD)) == [
        "refused 429  org/day  (policies/org.yaml:7)  generation g1, decision d_1",
        "  why    you have $14.62 of $15.00 (grace to $16.50) spent or held this day; this call holds $2.10",
        "  resets 2026-11-24 00:00 Europe/Berlin (in 11 h); retrying before does not help",
        "  ask    security@acme.example",
        "checked  org/models ok · org/day 101% OVER · team/month 87%",
        "audit    team/cheaper would have routed to gpt-5-mini",
    ]


def test_a_refusal_without_meters_says_what_would_pass() -> None:
    lines = told(decided(make_rule(Models(allow=("claude-*",)), "org/models"), make_rule(Deny("No."), "org/no")))
    assert lines[0] == "refused 403  org/models  (policies/org.yaml:7)  generation g1, decision d_1"
    assert lines[2:4] == ["  passes claude-*", "  ask    security@acme.example"]
    assert lines[4].startswith("refused 403  org/no")


def test_a_rate_says_when_to_come_back_or_that_it_never_helps() -> None:
    decision = decided(make_rule(Rate((Pace("tokens", 600, 60),), "user"), "org/speed"))
    soon = told(decision, Level(over=True, level=580, wait_us=2_400_000))
    assert soon[1:3] == [
        "  why    this call takes 900 tokens; 600 tokens/min lets at most 600 pass at once",
        "  resets 2026-11-23 12:00:02 UTC (in 3 s); retry then",
    ]
    assert "never: waiting does not help" in told(decision, Level(over=True, level=580, wait_us=-1))[2]


def test_parallel_calls_are_told_as_running() -> None:
    decision = decided(make_rule(Parallel(8, "key"), "org/parallel"))
    assert told(decision, Level(over=True, level=8, wait_us=1_000_000))[1] == (
        "  why    key key_1 has 8 calls running of 8"
    )


def test_an_admitted_call_says_what_was_changed_and_what_holds() -> None:
    decision = decided(
        make_rule(Cap(max_output_tokens=100, clamp=True), "org/cap"),
        make_rule(Route((("*", "gpt-5-mini"),)), "org/route"),
        make_rule(Deny("No."), "org/evening", when=Condition(lambda _: False)),
        make_rule(Budget(100 * USD, "day", "org", warn_at=(800_000,)), "org/day"),
        make_rule(Deny("No."), "org/lifted"),
        make_rule(Rate((Pace("requests", 1, 60),), "org"), "org/broken", when=Condition(lambda _: None)),
        exemptions=(make_exemption(Selector(), lift=frozenset({"org/lifted"})),),
    )
    assert told(decision, Level(over=False, level=80 * USD)) == [
        "admitted  generation g1, decision d_1",
        "  goes   to gpt-5-mini instead of gpt-5.1, by org/route",
        "  output at most 100 tokens",
        "warning  org/day: org/day at 82%",
        "checked  org/cap output to 100 tokens · org/route to gpt-5-mini · org/day 82%",
        "aside    org/evening (policies/org.yaml:7)",
        "failed   org/broken: its condition could not be evaluated: not applied",
        "lifted   org/lifted by eval-week (policies/exemptions/eval.yaml:1) until 2026-11-24 12:00 UTC",
    ]


def test_who_would_refuse_elsewhere_is_not_said_to_refuse_there() -> None:
    bans = [
        make_rule(Models(deny=("gpt-5-mini",)), f"org/{mode.name.lower()}", mode=mode)
        for mode in (Mode.AUDIT, Mode.WARN, Mode.ENFORCE)
    ]
    route = make_rule(Route((("*", "gpt-5-mini"),)), "org/cheaper", mode=Mode.AUDIT)
    assert told(decided(route, *bans))[-1] == (
        "audit    org/cheaper would have routed to gpt-5-mini; refused there by org/enforce; "
        "org/audit, org/warn would refuse there"
    )
    assert told(decided(route, bans[0]))[-1].endswith("to gpt-5-mini; org/audit would refuse there")


def test_a_rule_about_the_cache_says_what_it_means() -> None:
    def line(**terms: object) -> str:
        (found,) = [one for one in told(decided(make_rule(Cache(**terms), "org/reuse"))) if one.startswith("  cache ")]  # type: ignore[arg-type]
        return found

    same = "  cache  what is the same byte for byte as the team asked within 4 h is answered as before, at no cost, by org/reuse"
    assert line(mode="exact") == same
    means = "  cache  what means provably the same as the caller asked within 1 h would be answered as before; only counted, by org/reuse"
    assert line(mode="near", share="user", ttl_s=3600.0, shadow=True) == means
    quiet = make_rule(Cache(mode="exact"), "org/reuse", mode=Mode.AUDIT)
    assert told(decided(quiet))[-1].endswith("org/reuse would have set the cache: exact within the team")


def test_a_meter_that_only_warns_is_not_said_to_stop_anyone() -> None:
    decision = decided(make_rule(Rate((Pace("requests", 2, 60),), "user"), "org/speed", mode=Mode.WARN))
    assert told(decision, Level(over=True, level=2))[-1] == (
        "checked  org/speed requests 150% past its limit, and lets it pass"
    )


def test_a_meter_in_audit_says_that_it_would_have_refused() -> None:
    decision = decided(make_rule(Parallel(8, "org"), "org/parallel", mode=Mode.AUDIT))
    assert told(decision, Level(over=True, level=8))[1] == (
        "audit    org/parallel would have refused: the organisation has 8 calls running of 8"
    )


def test_nobody_is_named() -> None:
    decision = decided(
        make_rule(Budget(USD, "day", "user", table={"user:ann@acme.example": USD}), "org/day"),
        make_rule(Deny("No."), "org/no", match=(Selector(users=frozenset({"ann@acme.example"})),)),
    )
    for lines in (told(decision), told(msgspec.structs.replace(decision, denials=()), Level(over=True, level=USD))):
        assert "ann@" not in "\n".join(lines)


def test_spans_are_told_in_their_two_largest_parts() -> None:
    spans = {0.2: "1 s", 59: "59 s", 60: "1 min", 61: "2 min", 33_120: "9 h 12 min", 266_400: "3 d 2 h", -5: "0 s"}
    assert {seconds: span_text(seconds) for seconds in spans} == spans

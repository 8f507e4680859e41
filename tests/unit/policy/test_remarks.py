"""What loads and was perhaps not meant."""

from __future__ import annotations

import pytest

from proxy.policy.loaded import Level
from tests.support.policies import NOW, loaded, policy

DAY_S = 86_400.0
PEOPLE = "kind: Exemption\nname: e\nowner: o\napproved_by: s\nreason: r\nmatch: { teams: growth }\n"
SPAN = "from: 2026-11-01\nuntil: 2026-12-01\nlift: p/day\n"
DAY = "  - { name: day, budget: { limit: $1/day, per: org } }\n"


def remarks(rules: str, *, now: float = NOW, **files: str) -> list[str]:
    found = loaded({"p.yaml": policy(rules), **{f"{name}.yaml": text for name, text in files.items()}}, now=now)
    return [str(one.problem).splitlines()[0] for one in found.warnings]


@pytest.mark.parametrize(
    ("days_before_the_end", "said"),
    [(4, None), (2, "exemption e ends soon, 2026-12-01"), (0, "exemption e ended 2026-12-01; remove it")],
)
def test_exemptions_that_end_or_have_ended_are_told(days_before_the_end: int, said: str | None) -> None:
    now = 1_796_083_200.0 - days_before_the_end * DAY_S
    found = remarks(DAY, now=now, e=PEOPLE + SPAN)
    assert len(found) == (said is not None)
    assert said is None or found[0].startswith(f"e.yaml:8:8: until: {said}")


def test_a_rule_that_is_over_is_told() -> None:
    (said,) = remarks("  - { name: a, until: 2026-11-01, deny: { reason: x } }\n")
    assert said == "p.yaml:5:23: rules.0.until: p/a ended 2026-11-01; remove it"


def test_an_exemption_from_a_rule_that_does_not_hold_for_its_people_is_told() -> None:
    rules = "  - { name: day, match: { teams: research }, budget: { limit: $1/day, per: org } }\n"
    (said,) = remarks(rules, e=PEOPLE + SPAN)
    assert said == "e.yaml:6:8: match: p/day holds for nobody that match: names; then it exempts nothing"


def test_a_bucket_smaller_than_the_largest_call_that_is_allowed_is_told() -> None:
    cap = "  - { name: cap, request: { max_input_tokens: 200k, max_output_tokens: 16k } }\n"
    (said,) = remarks(cap + "  - { name: pace, rate: { limit: 400k tokens/min, per: user, burst: 50% } }\n")
    assert "p.yaml:6:25: rules.1.rate: lets 200000 tokens pass at once; a call may have 216000" in said
    assert remarks(cap + "  - { name: pace, rate: { limit: 400k tokens/min, per: user } }\n") == []
    assert remarks("  - { name: pace, rate: { limit: 1k tokens/min, per: user } }\n") == []


TEAMS = "  - { name: teams, budget: { limit: { default: $40/month, team:research: $50/month }, per: team } }\n"


@pytest.mark.parametrize(("limit", "said"), [(120, True), (129, True), (130, False)])
def test_budgets_of_teams_that_are_more_than_the_company_s_are_told(limit: int, *, said: bool) -> None:
    found = remarks(f"  - {{ name: month, budget: {{ limit: ${limit}/month, per: org }} }}\n" + TEAMS)
    assert len(found) == said
    if found:
        assert found[0].startswith(
            f"p.yaml:5:28: rules.0.budget: allows ${limit}.00, and the budgets of 3 teams allow $130.00 together; not every"
        )


def test_of_several_budgets_of_a_team_the_lowest_is_added_up() -> None:
    rules = "  - { name: month, budget: { limit: $100/month, per: org } }\n" + TEAMS
    assert len(remarks(rules)) == 1
    tight = "  - { name: tight, match: { teams: research }, budget: { limit: $20/month, per: team } }\n"
    assert remarks(rules + tight) == []


@pytest.mark.parametrize(
    "rule",
    [
        "  - { name: day, budget: { limit: $500/day, per: team } }\n",
        "  - { name: few, when: request.stream, budget: { limit: $500/month, per: team } }\n",
        "  - { name: dear, match: { models: [gpt-5*] }, budget: { limit: $500/month, per: team } }\n",
    ],
)
def test_budgets_of_another_period_or_of_some_calls_are_not_added_up(rule: str) -> None:
    assert remarks("  - { name: month, budget: { limit: $100/month, per: org } }\n" + rule) == []


def test_allow_lists_that_leave_nothing_are_told() -> None:
    lists = "  - { name: a, models: { allow: gpt-5* } }\n  - { name: b, match: { teams: growth }, models: { allow: claude-* } }\n"
    (said,) = remarks(lists)
    assert said.startswith("p.yaml:6:50: rules.1.models: allows nothing that p/a (p.yaml:5) allows, too")
    assert remarks(lists.replace("claude-*", "'*-mini'")) == []


def test_a_rule_about_models_that_are_denied_to_all_is_told() -> None:
    ban = "  - { name: ban, models: { deny: '*-preview*' } }\n"
    (said,) = remarks(ban + "  - { name: r, match: { models: [gpt-4.5-preview*] }, deny: { reason: x } }\n")
    assert "rules.1.match: is never reached: p/ban (p.yaml:5) denies all of these models" in said
    assert remarks(ban + "  - { name: r, match: { models: [gpt-5*] }, deny: { reason: x } }\n") == []


def test_a_route_to_a_model_that_is_not_allowed_is_told() -> None:
    allow = "  - { name: ok, models: { allow: gpt-5*, deny: gpt-5-nano } }\n"
    for target in ("gpt-4.1", "gpt-5-nano"):
        (said,) = remarks(allow + f"  - {{ name: r, route: {target} }}\n")
        assert f"rules.1.route: routes to {target}, which p/ok (p.yaml:5) does not allow" in said
    budget = "  - { name: r, budget: { limit: $1/day, per: org, when_spent: { route: gpt-4.1 } } }\n"
    assert len(remarks(allow + budget)) == 1
    assert remarks(allow + "  - { name: r, route: gpt-5-mini }\n") == []


def test_a_rule_that_no_test_names_is_noted_when_notes_are_wanted() -> None:
    text = (
        "kind: Tests\ngiven: { principal: { team: growth }, clock: 2026-11-23 }\n"
        "tests: [{ name: t, request: { model: gpt-5 }, expect: { deny: p/a } }]\n"
    )
    rules = "  - { name: a, deny: { reason: x } }\n  - { name: b, deny: { reason: x } }\n"
    found = loaded({"p.yaml": policy(rules), "tests/t.yaml": text}, notes=True).warnings
    assert [(one.level, one.problem.line, one.problem.message) for one in found] == [
        (Level.NOTE, 6, "no test names p/b")
    ]
    assert loaded({"p.yaml": policy(rules), "tests/t.yaml": text}).warnings == ()

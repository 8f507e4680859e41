"""The example's rules, loaded with the real engine of conditions, decide as their comments say."""

from __future__ import annotations

from functools import cache, partial

import pytest

from proxy.config.policy_files import read_policy_files
from proxy.domain.decision import Decision, Reserve
from proxy.domain.meter import Level, Unit
from proxy.domain.trace import Said
from proxy.policy.decide import decide
from proxy.policy.draws import Amounts, draw
from proxy.policy.expr import activation
from proxy.policy.facts import Facts, Recent
from proxy.policy.generation import Policy
from proxy.policy.levels import readings, reroute, warnings
from proxy.policy.load import load
from tests.support.policies import EXAMPLE, acme, known
from tests.support.rules import NOON, USD, facts, noted

NINE = 1_795_424_400  # 2026-11-23 10:00 in Berlin
HOUR = 3600
ROB = {"team": "research", "user": "rob@acme.example", "person": "p_rob", "key": "key_eval_01", "project": "evals",
       "groups": ("research",)}  # fmt: skip


@cache
def example() -> Policy:
    found = read_policy_files(EXAMPLE / "policies")
    loaded = load(found.policies, acme(), known(), tests=found.tests, now=NINE)
    return Policy(loaded.policy, uses=loaded.facts, activate=partial(activation, facts=loaded.facts))


def asked(**changes: object) -> Facts:
    return facts(**({"clock": NINE, "project": "crm-enrichment", "tags": (("purpose", "tests"),)} | changes))


def asks(**changes: object) -> Decision:
    return decide(asked(**changes), example(), "d_7Kq2")


def asks_again(spent: frozenset[str], **changes: object) -> Decision:
    return decide(asked(**changes), example(), "d_7Kq2", spent)


def limit(decision: Decision, rule: str) -> int:
    return next(wish.limit for wish in decision.obligations if wish.rule == rule)


def test_preview_models_are_refused() -> None:
    assert asks(model="gpt-5-preview").denied_by == "org/approved-models"


def test_a_missing_purpose_is_only_told() -> None:
    decision = asks(tags=())
    assert not decision.denials
    assert [one.rule for one in decision.warnings] == ["org/say-what-it-is-for"]


def test_giant_prompts_are_refused_and_giant_answers_clamped() -> None:
    assert asks(input_tokens=200_001).denied_by == "org/no-giant-contexts"
    assert asks(clock=NINE + 9 * HOUR, max_output=20_000).max_output == 16_000


@pytest.mark.parametrize(
    ("changes", "denied"),
    [
        ({}, "org/night-batch-only"),
        ({"clock": NINE - 2 * HOUR}, ""),
        ({"clock": NINE + 8 * HOUR - 1}, "org/night-batch-only"),
        ({"clock": NINE + 8 * HOUR}, ""),
        ({"clock": NINE + 5 * 24 * HOUR}, ""),
        ({"groups": ("batch", "growth")}, ""),
        ({"max_output": 8192}, ""),
    ],
)
def test_long_generations_run_outside_nine_to_six_in_berlin_or_from_a_batch_key(
    changes: dict[str, object], denied: str
) -> None:
    assert asks(**({"max_output": 12_000} | changes)).denied_by == denied


def test_a_person_s_day_has_rows_for_teams_and_people_and_a_grace() -> None:
    bot = {"team": "platform", "user": "batch-bot@acme.example", "person": "p_bot", "key": "key_batch"}
    assert [limit(asks(**who), "org/person-day") for who in ({}, ROB | {"model": "gpt-5.1"}, bot)] == [
        16_500_000_000, 88 * USD, 440 * USD,
    ]  # fmt: skip


def seen(decision: Decision, spent: dict[str, int]) -> tuple[object, frozenset[str]]:
    draws = [draw(wish, "acme", Amounts(1000, 2000, 4000, 1000), NINE * 10**6) for wish in decision.obligations]
    levels = [
        Level(over=(used := spent.get(one.rule, 0)) + one.amount > one.limit and one.enforce, level=used)
        if one.unit is Unit.NUSD
        else Level(over=False, level=0)
        for one in draws
    ]
    found = readings(decision.obligations, draws, levels)
    return [one.rule for one in warnings(found)], reroute(found)


def test_a_spent_day_drops_to_the_small_model_of_the_caller_s_dialect() -> None:
    first = asks()
    _, spent = seen(first, {"org/person-day": 16_500_000_000})
    assert spent == {"org/person-day"}
    again = asks_again(spent)
    assert again.route
    assert again.route.model == "gpt-5-mini"
    assert [one.rule for one in again.warnings] == ["org/person-day"]
    claude = asks_again(spent, model="claude-sonnet-4-5", family="anthropic")
    assert claude.route
    assert claude.route.model == "claude-haiku-4-5"


def test_inside_the_grace_a_call_passes_with_a_warning_and_a_row_of_its_own_has_none() -> None:
    assert seen(asks(), {"org/person-day": 15_200_000_000}) == (["org/person-day"], frozenset())
    assert seen(asks(**ROB), {"org/person-day": 60 * USD}) == ([], frozenset())


def test_a_team_s_rules_hold_for_the_team_and_a_project_s_for_the_project() -> None:
    growth = {wish.rule: wish.scope for wish in asks().obligations}
    assert growth["team-growth/growth-month"] == "team:growth"
    assert growth["team-growth/project-crm-day"] == "project:crm-enrichment"
    assert "team-growth/project-crm-day" not in {wish.rule for wish in asks(project="site").obligations}
    assert not any(wish.rule.startswith("team-growth/") for wish in asks(**ROB).obligations)


def test_a_trial_route_is_counted_and_explained_and_never_felt() -> None:
    decision = asks(input_tokens=300)
    assert decision.route is None
    assert noted(decision, "team-growth/cheaper-for-short-prompts").said is Said.ROUTE
    assert noted(asks(input_tokens=300, tools=1), "team-growth/cheaper-for-short-prompts").said is Said.ASIDE


def test_a_burst_of_duplicates_is_slowed_down() -> None:
    burst = (("user:p_ann", Recent(redundancy_1h=0.7, requests_1h=101)),)
    assert "team-growth/duplicate-burst" in {wish.rule for wish in asks(usage=burst).obligations}
    assert "team-growth/duplicate-burst" not in {wish.rule for wish in asks().obligations}


def test_the_ladder_of_the_redundant_day() -> None:
    usage = (("user:p_ann", Recent(redundancy_24h=0.5, requests_24h=250)),)
    found = [asks(usage=usage, waste_since=(("org/redundant-day", NINE - after * HOUR),)) for after in (0, 2, 26)]
    assert [[one.rule for one in decision.warnings] for decision in found] == [["org/redundant-day"]] * 3
    throttled = [any(wish.rule == "org/redundant-day" for wish in decision.obligations) for decision in found]
    assert throttled == [False, False, True]
    assert [decision.reuse.rule if decision.reuse else "" for decision in found] == [
        "org/reuse", "org/redundant-day", "org/redundant-day",
    ]  # fmt: skip


def test_the_evaluation_week_lifts_and_grants_for_its_key_and_models_until_it_ends() -> None:
    claude = ROB | {"model": "claude-sonnet-4-5", "family": "anthropic"}
    month = 120_000 * USD
    during = asks(**claude)
    assert limit(during, "org/org-month") == month + 2000 * USD
    assert {note.rule for note in during.trace if note.said is Said.LIFTED} == {"org/person-day", "org/redundant-day"}
    for other in (asks(**ROB), asks(**claude, clock=NOON + 7 * 24 * HOUR)):
        assert limit(other, "org/org-month") == month
        assert not [note for note in other.trace if note.said is Said.LIFTED]


def test_a_true_ceiling_is_held_whole() -> None:
    reserves = {wish.rule: wish.reserve for wish in asks().obligations}
    assert reserves["org/org-month"] is Reserve.MAX
    assert reserves["org/person-day"] is Reserve.EXPECTED

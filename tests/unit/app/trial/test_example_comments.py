"""Every comment in the example's policies is a promise; what a decision alone cannot show is judged here, with its meters.

Those of decisions are in ``tests/unit/policy/test_example_decided.py``.
"""

from __future__ import annotations

import pytest

from proxy.app.trial.outcome import Outcome
from proxy.domain.errors import QuotaSpent, Throttled
from proxy.domain.meter import MeterKind
from proxy.policy.levels import Reading
from tests.support.judging import Bench, company
from tests.support.policies import EXAMPLE, loaded, refusal

ANN = "principal: { key: key_1 }, tags: { purpose: tests }"
ROB = "principal: { key: key_eval_01 }, tags: { purpose: tests }"
EVENING = "clock: 2026-11-23T20:00:00+01:00"


def got(bench: Bench, test: str, who: str = ANN, **files: str) -> Outcome:
    verdict = bench.one(f"{who}, {test}", **files)
    assert verdict.faults == ()
    assert verdict.outcome is not None
    return verdict.outcome


def meter(outcome: Outcome, rule: str) -> Reading:
    return next(one for one in outcome.seen if one.wish.rule == rule)


def test_the_example_passes_its_own_tests(bench: Bench) -> None:
    files = {str(path.relative_to(EXAMPLE / "policies")): path for path in (EXAMPLE / "policies").rglob("*.yaml")}
    found = loaded({name: path.read_text("utf-8") for name, path in files.items()})
    verdicts = bench.verdicts(found, company(found))
    assert [(one.case.name, one.faults) for one in verdicts if one.faults] == []
    assert len(verdicts) == 7


def test_whoever_is_refused_is_shown_the_owner(bench: Bench) -> None:
    closed = got(bench, "request: { model: gpt-5-preview }, expect: { deny: org/approved-models }")
    assert "security@acme.example" in str(closed.error)
    spent = got(
        bench,
        "request: { model: gpt-5.1 }, state: { spent: { team-growth/growth-month: $9000 } }, "
        "expect: { deny: team-growth/growth-month }",
    )
    assert "growth-leads@acme.example" in str(spent.error)


def test_allow_lists_intersect_across_policies_and_deny_wins(bench: Bench) -> None:
    tighter = "kind: Policy\nname: tight\nowner: o\nrules:\n  - { name: only, models: { allow: ['gpt-*'] } }\n"
    got(bench, "request: { model: gpt-5.1 }, expect: { allow: true }", **{"policies/tight.yaml": tighter})
    for model, rule in (("claude-sonnet-4-5", "tight/only"), ("gpt-4o", "org/approved-models")):
        got(bench, f"request: {{ model: {model} }}, expect: {{ deny: {rule} }}", **{"policies/tight.yaml": tighter})
    got(bench, "request: { model: gpt-5-preview }, expect: { deny: org/approved-models }")


def test_a_rule_may_lower_its_policy_s_mode_and_never_raise_it(bench: Bench) -> None:
    got(bench, "tags: {}, request: { model: gpt-5.1 }, expect: { allow: true, warn: [org/say-what-it-is-for] }",
        who="principal: { key: key_1 }")  # fmt: skip
    assert "never raise" in refusal("  - { name: r, mode: warn, deny: { reason: no } }\n", "mode: audit\n")


def test_a_purpose_is_sent_as_a_tag(bench: Bench) -> None:
    got(bench, "tags: { purpose: review }, request: { model: gpt-5.1 }, expect: { warn: [] }",
        who="principal: { key: key_1 }")  # fmt: skip


def test_giant_answers_are_clamped_and_giant_prompts_refused(bench: Bench) -> None:
    got(
        bench, f"{EVENING}, request: {{ model: gpt-5.1, max_output_tokens: 20k }}, expect: {{ max_output_tokens: 16k }}"
    )
    got(
        bench, "request: { model: gpt-5.1, input_tokens: 200001 }, expect: { deny: org/no-giant-contexts, status: 400 }"
    )


def test_the_org_s_month_is_told_of_at_80_percent_and_holds_the_dearest_the_call_can_become(bench: Bench) -> None:
    near = got(
        bench,
        "request: { model: gpt-5.1, input_tokens: 900 }, state: { spent: { org/org-month: $96k } }, "
        "expect: { allow: true, warn: [org/org-month] }",
    )
    got(bench, "request: { model: gpt-5.1 }, state: { spent: { org/org-month: $95k } }, expect: { warn: [] }")
    whole, likely = meter(near, "org/org-month").amount, meter(near, "org/person-day").amount
    assert whole > 10 * likely  # 16k output tokens against 1,024


def test_a_month_and_a_day_end_at_midnight_in_berlin(bench: Bench) -> None:
    late = "clock: 2026-11-30T23:59:59+01:00, request: { model: gpt-5.1 }"
    refused = got(bench, f"{late}, state: {{ spent: {{ org/org-month: $120k }} }}, expect: {{ deny: org/org-month }}")
    assert refused.error is not None
    assert refused.error.policy is not None
    assert refused.error.policy.resets_at == "2026-12-01T00:00:00+01:00"


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        ("$1.30", "allow: true, route: none, warn: [org/person-day]"),  # to the nano-dollar at the end of the grace
        ("$1.300001", "allow: true, route: gpt-5-mini, warn: [org/person-day]"),
    ],
)
def test_the_grace_ends_at_16_50(bench: Bench, cost: str, expected: str) -> None:
    spent = "state: { spent: { org/person-day: $15.20 } }"
    got(bench, f"request: {{ model: gpt-5.1, cost: {cost} }}, {spent}, expect: {{ {expected} }}")


def test_past_the_grace_a_call_goes_to_the_small_model_of_its_dialect(bench: Bench) -> None:
    spent = "state: { spent: { org/person-day: $16.50 } }"
    got(bench, f"request: {{ model: claude-sonnet-4-5 }}, {spent}, expect: {{ route: claude-haiku-4-5 }}")
    # The small model itself has nowhere to go: it is counted, told and let through.
    got(bench, f"request: {{ model: gpt-5-mini }}, {spent}, expect: {{ allow: true, warn: [org/person-day] }}")


def test_the_most_specific_row_of_the_table_wins(bench: Bench) -> None:
    bot = "principal: { key: key_batch }, tags: { purpose: tests }"
    for who, left in ((ANN, "$16"), (ROB, "$87"), (bot, "$439")):
        spent = f"state: {{ spent: {{ org/person-day: {left} }} }}"
        got(bench, f"request: {{ model: gpt-5.1, cost: $0.1 }}, {spent}, expect: {{ allow: true, route: none }}", who)


def test_the_60th_request_of_a_minute_passes_and_the_61st_waits_a_second(bench: Bench) -> None:
    asked = "request: { model: gpt-5.1 }, state: { used: { org/person-speed: %d requests } }"
    got(bench, f"{asked % 59}, expect: {{ allow: true }}")
    refused = got(bench, f'{asked % 60}, expect: {{ deny: org/person-speed, status: 429, retry_after: "<= 1s" }}')
    assert isinstance(refused.error, Throttled)


def test_tokens_count_beside_requests(bench: Bench) -> None:
    asked = "request: { model: gpt-5.1, input_tokens: 10000 }, state: { used: { org/person-speed: 390k tokens } }"
    got(bench, f"{asked}, expect: {{ deny: org/person-speed, status: 429 }}")


def test_eight_calls_of_a_key_run_at_a_time(bench: Bench) -> None:
    asked = "request: { model: gpt-5.1 }, state: { running: { org/key-parallel: %d } }"
    got(bench, f"{asked % 7}, expect: {{ allow: true }}")
    got(bench, f"{asked % 8}, expect: {{ deny: org/key-parallel }}")


def test_personal_data_is_found_and_the_call_passes(bench: Bench) -> None:
    text = "write to lena.vogt@gmx.de, account DE89 3704 0044 0532 0130 00"
    got(
        bench,
        f'request: {{ model: gpt-5.1, prompt: "{text}" }}, expect: {{ allow: true, found: [pii.email, pii.iban] }}',
    )


def test_the_company_s_own_detectors_are_part_of_the_groups(bench: Bench) -> None:
    token = "acme_prd_Zk3vQ9xT1mB7rL5pWc8yH2nD4sF6gJ0a"
    asked = f'request: {{ model: gpt-5.1, prompt: "use {token}" }}'
    found = "found: [secrets.acme-internal-token]"
    got(bench, f"{asked}, expect: {{ deny: org/no-secrets-out, status: 400, {found} }}")


def test_repeats_are_answered_near_within_the_team(bench: Bench) -> None:
    reuse = got(bench, "request: { model: gpt-5.1 }, expect: { cache: near }").decision.reuse
    assert reuse is not None
    assert (reuse.share, reuse.ttl_s) == ("team", 4 * 3600)


@pytest.mark.parametrize(
    ("usage", "stood", "expected"),
    [
        ("redundancy_24h: 0.5, requests_24h: 199", "30h", "warn: [], allow: true"),  # no verdict on small numbers
        ("redundancy_24h: 0.4, requests_24h: 300", "30h", "warn: [], allow: true"),  # above 40%, not at it
        ("redundancy_24h: 0.5, requests_24h: 300", "1h", "warn: [org/redundant-day], allow: true"),
        ("redundancy_24h: 0.5, requests_24h: 300", "25h", "warn: [org/redundant-day], allow: true, cache: near"),
    ],
)
def test_the_ladder_of_the_redundant_day(bench: Bench, usage: str, stood: str, expected: str) -> None:
    state = f"state: {{ usage: {{ {usage} }}, stood: {{ org/redundant-day: {stood} }} }}"
    got(bench, f"request: {{ model: gpt-5.1 }}, {state}, expect: {{ {expected} }}")


def test_its_last_rung_throttles_to_ten_a_minute(bench: Bench) -> None:
    usage = "usage: { redundancy_24h: 0.5, requests_24h: 300 }, stood: { org/redundant-day: 26h }"
    outcome = got(bench, f"request: {{ model: gpt-5.1 }}, state: {{ {usage} }}, expect: {{ allow: true }}")
    throttle = meter(outcome, "org/redundant-day").wish
    assert (throttle.kind, throttle.limit, throttle.told) == (MeterKind.RATE, 10, "10 requests/min")


def test_without_the_store_rules_without_meters_keep_working_and_a_true_ceiling_denies(bench: Bench) -> None:
    down = "state: { store: down }"
    got(bench, f"request: {{ model: gpt-5-preview }}, {down}, expect: {{ deny: org/approved-models, status: 403 }}")
    got(bench, f"request: {{ model: gpt-5.1 }}, {down}, expect: {{ deny: org/org-month, status: 503 }}")


@pytest.mark.parametrize(
    ("spent", "expected"), [("$0", "allow: true"), ("$12", "allow: true"), ("$12.01", "deny: p/day, status: 503")]
)
def test_without_the_store_a_quarter_of_what_remained_is_left(bench: Bench, spent: str, expected: str) -> None:
    rules = """\
  - name: day
    budget: { limit: $16/day, per: user }
"""
    state = f"state: {{ spent: {{ p/day: {spent} }}, store: down }}"
    test = f"{ANN}, request: {{ model: gpt-5.1, cost: $1 }}, {state}, expect: {{ {expected} }}"
    assert bench.one(test, rules).faults == ()


def test_the_team_s_own_rules(bench: Bench) -> None:
    spent = got(
        bench,
        "request: { model: gpt-5.1 }, state: { spent: { team-growth/project-crm-day: $120 } }, "
        "expect: { deny: team-growth/project-crm-day, status: 429 }",
    )
    assert isinstance(spent.error, QuotaSpent)
    got(bench, "request: { model: gpt-5.1, input_tokens: 300 }, "
        "expect: { allow: true, route: none, audit: [team-growth/cheaper-for-short-prompts] }")  # fmt: skip
    burst = (
        "state: { usage: { redundancy_1h: 0.7, requests_1h: 101 }, used: { team-growth/duplicate-burst: 20 requests } }"
    )
    got(bench, f"request: {{ model: gpt-5.1 }}, {burst}, expect: {{ deny: team-growth/duplicate-burst }}")


def test_the_evaluation_week_lifts_its_named_rules_and_tops_the_month_up(bench: Bench) -> None:
    asked = "request: { model: claude-sonnet-4-5, input_tokens: 900 }"
    spent = "state: { spent: { org/person-day: $500, org/org-month: $121k } }"
    got(bench, f"{asked}, {spent}, expect: {{ allow: true, route: none }}", ROB)
    got(bench, f"clock: 2026-11-30T00:00:00+01:00, {asked}, {spent}, expect: {{ deny: org/org-month }}", ROB)
    got(bench, f"request: {{ model: gpt-5.1 }}, {spent}, expect: {{ deny: org/org-month }}", ROB)
    assert got(bench, f"{asked}, expect: {{ notes: [org/person-day] }}", ROB).admitted

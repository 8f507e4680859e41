"""What a verdict says: every expectation can fail, in words, and nothing of one case reaches another."""

from __future__ import annotations

import pytest

from proxy.app.trial.judge import Verdict
from tests.support.judging import Bench, company
from tests.support.policies import loaded, policy

ANN = "principal: { key: key_1 }"
DAY = "  - { name: day, budget: { limit: $15/day, per: user, warn_at: [80%] } }\n"


def faults(bench: Bench, test: str, rules: str | None = None) -> tuple[str, ...]:
    return bench.one(f"{ANN}, {test}", rules).faults


@pytest.mark.parametrize(
    ("expected", "fault"),
    [
        ("allow: false", "allow: expected false, got true"),
        ("deny: p/day", "deny: expected p/day, got no refusal by a rule"),
        ("status: 429", "status: expected 429, got 200"),
        ("route: gpt-5-mini", "route: expected gpt-5-mini, got none"),
        ("warn: [p/day]", "warn: expected [p/day], got []"),
        ("audit: [p/day]", "audit: expected [p/day], got []"),
        ("notes: [p/day]", "notes: expected [p/day] among others, got []"),
        ("found: [pii.email]", "found: expected [pii.email], got []"),
        ("max_output_tokens: 100", "max_output_tokens: expected 100, got none"),
        ("cache: near", "cache: expected near, got off"),
        ('retry_after: "<= 2s"', "retry_after: expected <= 2s, got no wait that helps"),
    ],
)
def test_whatever_comes_out_otherwise_is_told(bench: Bench, expected: str, fault: str) -> None:
    assert faults(bench, f"request: {{ model: gpt-5.1 }}, expect: {{ {expected} }}", DAY) == (fault,)


def test_a_refusal_that_was_not_expected_names_its_rule(bench: Bench) -> None:
    test = "request: { model: gpt-5.1 }, state: { spent: { p/day: $15 } }, expect: { allow: true, deny: p/other }"
    other = DAY + "  - { name: other, deny: { reason: no }, match: { teams: [research] } }\n"
    assert faults(bench, test.replace("allow: true, ", ""), other) == ("deny: expected p/other, got p/day",)


def test_any_of_several_rules_that_refuse_may_be_expected(bench: Bench) -> None:
    both = "  - { name: a, deny: { reason: one } }\n  - { name: b, deny: { reason: two } }\n"
    for rule in ("p/a", "p/b"):
        assert faults(bench, f"request: {{ model: gpt-5.1 }}, expect: {{ deny: {rule}, status: 403 }}", both) == ()


def test_all_of_several_meters_without_room_refuse(bench: Bench) -> None:
    both = DAY + "  - { name: live, parallel: { limit: 1, per: key } }\n"
    state = "state: { spent: { p/day: $15 }, running: { p/live: 1 } }"
    for rule in ("p/day", "p/live"):
        assert faults(bench, f"request: {{ model: gpt-5.1 }}, {state}, expect: {{ deny: {rule} }}", both) == ()


def test_cases_do_not_meet(bench: Bench) -> None:
    """What one takes, of whatever meter, is not missing for the next; also not when they are judged again."""
    tests = "".join(
        f"  - {{ name: '{n}', {ANN}, request: {{ model: gpt-5.1, cost: $14 }}, expect: {{ allow: true, warn: [p/day] }} }}\n"
        for n in range(450)
    )
    verdicts = bench.run(tests, DAY)
    assert len(verdicts) == 450
    assert [one for one in verdicts.values() if not one.passed] == []


def test_the_same_cases_come_out_the_same(bench: Bench) -> None:
    found = loaded({"p.yaml": policy(DAY), "tests/t.yaml": (
        "kind: Tests\ngiven: { clock: 2026-11-23T10:00:00Z }\ntests:\n"
        f"  - {{ name: a, {ANN}, request: {{ model: gpt-5.1 }}, state: {{ spent: {{ p/day: $14 }} }}, expect: {{ allow: true }} }}\n"
    )})  # fmt: skip
    ground = company(found)
    first, second = bench.verdicts(found, ground), bench.verdicts(found, ground)
    assert first[0].outcome is not None
    assert second[0].outcome is not None
    assert first[0].outcome.lines() == second[0].outcome.lines()


def test_a_test_that_is_known_to_fail_is_good_and_told_when_it_passes(bench: Bench) -> None:
    failing = bench.one(f"{ANN}, todo: true, request: {{ model: gpt-5.1 }}, expect: {{ allow: false }}", DAY)
    mended = bench.one(f"{ANN}, todo: true, request: {{ model: gpt-5.1 }}, expect: {{ allow: true }}", DAY)
    assert [(one.passed, one.good) for one in (failing, mended)] == [(False, True), (True, True)]


def test_a_model_that_rules_ban_is_refused_by_them_although_it_has_no_price(bench: Bench) -> None:
    ban = "  - { name: ban, models: { deny: ['*-preview'] } }\n"
    assert faults(bench, "request: { model: gpt-5-preview }, expect: { deny: p/ban }", ban) == ()


def test_a_model_without_a_price_is_refused_by_nobody_s_rule(bench: Bench) -> None:
    test = "request: { model: gpt-5-preview }, expect: { deny: p/day }"
    assert faults(bench, test, DAY) == ("deny: expected p/day, got no refusal by a rule",)
    assert faults(bench, "request: { model: gpt-5-preview }, expect: { allow: false, status: 403 }", DAY) == ()
    assert faults(bench, "request: { model: gpt-5-preview, cost: $1 }, expect: { allow: true }", DAY) == ()


def test_an_endpoint_that_nobody_serves_is_a_fault_and_no_silence(bench: Bench) -> None:
    asked = "request: { model: gpt-5.1, endpoint: /v1/chat/completion }, expect: { allow: true }"
    (fault,) = faults(bench, asked, DAY)
    assert "/v1/chat/completion; write its path" in fault


@pytest.mark.parametrize(
    ("endpoint", "seen"), [("", "chat"), ("/v1/responses", "responses"), ("openai.embeddings", "emb")]
)
def test_rules_see_the_endpoint(bench: Bench, endpoint: str, seen: str) -> None:
    rule = f"  - {{ name: r, when: 'request.endpoint.contains(\"{seen}\")', deny: {{ reason: no }} }}\n"
    asked = f"request: {{ model: gpt-5.1, endpoint: '{endpoint}' }}, expect: {{ deny: p/r }}"
    assert faults(bench, asked, rule) == ()


def test_rules_see_the_upstream_also_after_a_route(bench: Bench) -> None:
    rules = (
        "  - { name: local, route: vllm/llama, match: { teams: [growth] } }\n"
        "  - { name: not-local, when: 'request.provider == \"vllm\"', deny: { reason: no } }\n"
    )
    asked = "request: { model: gpt-5.1 }, expect: { deny: p/not-local, route: vllm/llama }"
    assert faults(bench, asked, rules) == ()


def test_two_budgets_that_send_a_call_on_give_way_one_after_the_other(bench: Bench) -> None:
    rules = (
        "  - { name: big, budget: { limit: $10/day, per: user, when_spent: { route: gpt-5-mini } } }\n"
        "  - { name: all, budget: { limit: $20/day, per: team } }\n"
    )
    spent = "state: { spent: { p/big: $10, p/all: $%s } }"
    asked = "request: { model: gpt-5.1 }"
    assert faults(bench, f"{asked}, {spent % 15}, expect: {{ route: gpt-5-mini, warn: [p/big] }}", rules) == ()
    assert faults(bench, f"{asked}, {spent % 20}, expect: {{ deny: p/all, status: 429 }}", rules) == ()


def test_a_prompt_is_in_no_line_and_no_repr(bench: Bench) -> None:
    secret = "AKIA" + "BCDEFGHIJKLMNOPQ"
    rules = "  - { name: s, inspect: { find: [secrets], in: [prompt], then: deny } }\n"
    test = f"request: {{ model: gpt-5.1, prompt: 'use {secret}' }}, expect: {{ allow: true }}"
    verdict: Verdict = bench.one(f"{ANN}, {test}", rules)
    assert verdict.outcome is not None
    assert secret not in "".join((*verdict.outcome.lines(), *verdict.faults, repr(verdict), str(verdict.outcome.error)))


@pytest.mark.parametrize(
    ("down", "expected"),
    [
        ("meters: allow", "allow: true"),
        ("meters: deny", "deny: p/day, status: 503"),
        ("meters: local, local_share: 50%", "allow: true"),
        ("meters: local, local_share: 1%", "deny: p/day, status: 503"),
    ],
)
def test_without_the_store_rules_do_what_they_say_of_it(bench: Bench, down: str, expected: str) -> None:
    rules = f"{DAY}on_store_down: {{ {down} }}\n"
    test = f"request: {{ model: gpt-5.1, cost: $3 }}, state: {{ store: down, spent: {{ p/day: $5 }} }}, expect: {{ {expected} }}"
    assert faults(bench, test, rules) == ()


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("used: { p/slow: 1000000000 requests }", "deny: p/slow, status: 429"),
        ("spent: { p/day: $9000000 }", "deny: p/day, status: 429"),
        ("running: { p/live: 1000000000 }", "deny: p/live, status: 429"),
    ],
)
def test_however_much_was_used_is_more_than_enough(bench: Bench, state: str, expected: str) -> None:
    rules = f"{DAY}  - {{ name: slow, rate: {{ limit: 1 requests/day, per: user }} }}\n"
    rules += "  - { name: live, parallel: { limit: 3, per: key } }\n"
    assert faults(bench, f"request: {{ model: gpt-5.1 }}, state: {{ {state} }}, expect: {{ {expected} }}", rules) == ()


def test_more_running_calls_than_can_be_played_are_a_fault_of_the_test(bench: Bench) -> None:
    rules = "  - { name: live, parallel: { limit: 1M, per: org } }\n"
    test = "request: { model: gpt-5.1 }, state: { running: { p/live: 900000 } }, expect: { allow: true }"
    (fault,) = faults(bench, test, rules)
    assert "900,000 running calls are too many" in fault

"""Verbs without counters, modes and ladders on a running proxy: what callers are told, and what reaches the upstream.

Each test has people of its own, and rules that are about nobody else, so that none stands on another's counters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.answers import OPENAI_CHAT
from tests.support.company import key_of, only
from tests.support.policed import Ask, asker, policed, sent, until, wait_metric
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import failing, whole

PEOPLE = dict.fromkeys(
    ("mo", "tag", "cut", "cap", "big", "sent", "gem", "night", "leak", "aud", "soft", "used", "loop"), "growth"
)
RULES = f"""\
  - {{ name: models, {only("mo")}, models: {{ allow: ["gpt-5*"], deny: ["gpt-5-nano*"] }}, message: "Ask in the channel." }}
  - {{ name: tags, {only("tag")}, require: {{ tags: [purpose] }} }}
  - {{ name: clamped, {only("cut")}, request: {{ max_output_tokens: 64, over: clamp }} }}
  - {{ name: capped, {only("cap")}, request: {{ max_output_tokens: 64 }} }}
  - {{ name: short, {only("big")}, request: {{ max_input_tokens: 100 }} }}
  - name: smaller
    {only("sent", "gem")}
    when: request.input_tokens < 400
    route: {{ openai: gpt-5-mini, anthropic: claude-haiku-4-5 }}
  - name: night
    {only("night")}
    when: request.max_output_tokens > 100
    deny: {{ reason: "Long answers wait for the night." }}
  - {{ name: quiet, {only("aud")}, mode: audit, models: {{ deny: ["gpt-5*"] }} }}
  - {{ name: said, {only("soft")}, mode: warn, models: {{ deny: ["gpt-5*"] }} }}
  - name: often
    {only("used")}
    when: usage.requests_1h >= 3 && usage.cost_24h > 0.05
    deny: {{ reason: "Three are enough." }}
  - name: loop
    {only("loop")}
    waste:
      above: {{ errors: 2 }}
      over: 1h
      at_least: 4 requests
      per: user
      then:
        - warn
        - {{ after: 1s, throttle: 1 requests/hour }}
        - {{ after: 2s, deny: {{ reason: "This loop must end." }} }}
  - {{ name: leak, {only("leak")}, inspect: {{ find: [secrets], in: [prompt], then: deny }} }}
"""


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with policed(tmp_path_factory.mktemp("home"), scripted, RULES, PEOPLE) as running:
        yield running


@pytest.fixture
def ask(proxy: RunningProxy, scripted: ScriptedUpstream) -> Ask:
    return asker(proxy, scripted)


# -- verbs without counters


def test_models_allows_what_is_on_the_list_and_not_banned(ask: Ask, scripted: ScriptedUpstream) -> None:
    assert ask("mo").status == 200
    for model in ("gpt-4o", "gpt-5-nano"):
        told = ask("mo", model=model)
        assert (told.status, told.error["type"], told.error["code"], told.rule) == (
            403,
            "permission_error",
            "policy_denied",
            "walk/models",
        )
        assert told.headers["x-should-retry"] == "false"
        assert "Ask in the channel. Policy walk/models; ask security@acme.example." in told.error["message"]
    assert len(scripted.seen) == 1


def test_require_asks_for_tags(ask: Ask, scripted: ScriptedUpstream) -> None:
    told = ask("tag")
    assert (told.status, told.error["code"], told.rule) == (400, "tags_required", "walk/tags")
    assert not scripted.seen
    assert ask("tag", headers={"x-tally-tags": "purpose=review"}).status == 200


def test_a_clamp_lowers_what_asks_for_more_and_is_written_where_no_ceiling_is_named(
    ask: Ask, scripted: ScriptedUpstream
) -> None:
    for asked, ceiling in ((500, 64), (64, 64), (10, 10)):
        assert ask("cut", max_tokens=asked).status == 200
        assert sent(scripted)["max_tokens"] == ceiling
    assert ask("cut", max_tokens=None).status == 200
    assert sent(scripted)["max_completion_tokens"] == 64


def test_a_cap_refuses_what_asks_for_more_and_is_written_where_no_ceiling_is_named(
    ask: Ask, scripted: ScriptedUpstream
) -> None:
    told = ask("cap", max_tokens=500)
    assert (told.status, told.error["code"], told.rule) == (400, "context_length_exceeded", "walk/capped")
    assert "500 output tokens; at most 64" in told.error["message"]
    assert not scripted.seen
    assert ask("cap", max_tokens=None).status == 200
    assert sent(scripted)["max_completion_tokens"] == 64


def test_a_prompt_that_is_too_long_is_refused_and_never_cut(ask: Ask, scripted: ScriptedUpstream) -> None:
    told = ask("big", messages=[{"role": "user", "content": "hello " * 200}])
    assert (told.status, told.error["code"], told.rule) == (400, "context_length_exceeded", "walk/short")
    assert "hello" not in told.error["message"]
    assert not scripted.seen
    assert ask("big").status == 200


def test_deny_with_a_condition_refuses_when_it_holds(ask: Ask) -> None:
    assert ask("night", max_tokens=100).status == 200
    told = ask("night", max_tokens=101)
    assert (told.status, told.error["code"], told.rule) == (403, "policy_denied", "walk/night")
    assert told.error["message"].startswith("Long answers wait for the night.")


def test_route_sends_the_call_to_the_other_model_and_says_so(ask: Ask, scripted: ScriptedUpstream) -> None:
    told = ask("sent")
    assert (told.status, sent(scripted)["model"]) == (200, "gpt-5-mini")
    assert told.headers["x-tally-route"] == "gpt-5.1 -> gpt-5-mini; rule=walk/smaller"
    told = ask("sent", messages=[{"role": "user", "content": "hello " * 900}])
    assert (told.status, sent(scripted)["model"]) == (200, "gpt-5.1")
    assert "x-tally-route" not in told.headers


def test_where_a_route_names_no_model_of_the_dialect_it_refuses(proxy: RunningProxy, ask: Ask) -> None:
    body = {"contents": [{"parts": [{"text": "Say hello"}]}]}
    status, _, answer = proxy.post("/v1beta/models/gemini-2.5-pro:generateContent", body, key=key_of("gem"))
    assert status == 403
    assert "walk/smaller sends this call to another model. It names no model for gemini." in answer.decode()
    assert ask("gem").status == 200


def test_a_secret_in_a_prompt_is_refused_and_not_quoted(ask: Ask, scripted: ScriptedUpstream) -> None:
    secret = "AKIA" + "Q3TZ7RNDW2EXKPLM"
    told = ask("leak", messages=[{"role": "user", "content": f"use {secret} please"}])
    assert (told.status, told.error["code"], told.rule) == (400, "content_policy_violation", "walk/leak")
    assert secret not in json.dumps(told.body)
    assert not scripted.seen
    assert ask("leak").status == 200


# -- modes


def test_a_rule_in_audit_is_not_felt_and_counted(proxy: RunningProxy, ask: Ask) -> None:
    told = ask("aud")
    assert told.status == 200
    assert "x-tally-warning" not in told.headers
    wait_metric(proxy, 'tallygate_policy_decisions_total{action="deny",mode="audit",rule="walk/quiet"} 1.0')


def test_a_rule_that_warns_says_what_it_would_have_done(ask: Ask) -> None:
    told = ask("soft")
    assert told.status == 200
    assert "walk/said" in told.headers["x-tally-warning"]


# -- usage and ladders


def test_conditions_see_what_the_caller_did_lately(proxy: RunningProxy, ask: Ask) -> None:
    assert [ask("used").status for _ in range(4)] == [200, 200, 200, 403]
    *served, refused = proxy.wait_rows(4, key_id="k_used")
    assert [json.loads(row.facts).get("usage") for row in served[:2]] == [
        None,
        [[f"user:{served[0].principal}", {"requests_1h": 1, "requests_24h": 1, "cost_24h": 0.018}]],
    ]
    assert refused.error == "policy_denied"
    assert b"used@acme.example" not in b"".join(row.facts for row in served)


def test_a_ladder_warns_then_slows_down_then_ends_a_loop(
    proxy: RunningProxy, ask: Ask, scripted: ScriptedUpstream
) -> None:
    scripted.forget()
    scripted.replies(failing(400), failing(400), failing(400), failing(400)).replies(whole(OPENAI_CHAT), always=True)
    for _ in range(4):
        told = ask("loop")
        assert (told.status, told.rule) == (400, None)
        assert "x-tally-warning" not in told.headers
    told = ask("loop")
    assert told.status == 200
    assert told.headers["x-tally-warning"] == "walk/loop: In the last 1h more than 2 calls ended in an error."
    until(lambda: (ask("loop").status, ask("loop").rule) == (429, "walk/loop"))
    until(lambda: ask("loop").status == 403)
    told = ask("loop")
    assert (told.error["code"], told.rule) == ("policy_denied", "walk/loop")
    assert told.error["message"].startswith("This loop must end.")
    wait_metric(proxy, 'tallygate_waste_standing{rule="walk/loop",rung="3"} 1.0')
    engine = proxy.engine()
    until(lambda: bool(engine.keys("{acme}:w:walk/loop:user:p_*")))
    assert not [key for key in engine.keys("*") if "example" in key]
    row = proxy.wait_rows(key_id="k_loop")[-1]
    assert "waste_since" in json.loads(row.facts)

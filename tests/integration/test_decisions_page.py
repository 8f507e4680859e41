"""Whoever was refused can ask why, in plain words; nobody else can."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.families import OPENAI
from tests.support.reloading import call, change, row_of, until
from tests.support.running import RunningProxy, openai_like
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import whole
from tests.support.talking import Heard, Talking, request

ANSWER: dict[str, Any] = {"choices": [], "model": "gpt-x", "usage": {"prompt_tokens": 10, "completion_tokens": 0}}
PAGE = "/v1/policy/decisions/"
POLICY = """\
kind: Policy
name: org
owner: security@acme.example
mode: enforce
rules:
  - name: old-models
    match: { models: ["gpt-3*"] }
    deny: { reason: "Too old." }
  - name: retired
    match: { models: [gpt-4] }
    route: { openai: gpt-5-mini }
  - name: day
    match: { models: [gpt-5.1] }
    budget: { limit: $0.000001/day, per: user }
  - name: minute
    match: { models: [gpt-5-nano] }
    rate: { limit: 1 requests/min, per: user }
  - name: masks
    match: { models: [gpt-5-chat] }
    inspect: { find: [pii.email], in: [prompt], then: redact }
"""


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    home = tmp_path_factory.mktemp("home")
    (home / "policies").mkdir()
    (home / "policies" / "org.yaml").write_text(POLICY)
    with ScriptedUpstream() as scripted:
        scripted.replies(whole(ANSWER), always=True)
        models = '"gpt-5*", "gpt-3*"'
        with RunningProxy(home, {"own": openai_like(scripted.base_url, models=models)}) as running:
            yield running


def page(proxy: RunningProxy, name: str | None, *, key: str | None = None, prefix: str = "") -> Heard:
    with Talking(proxy.port) as line:
        asked = request("GET", f"{prefix}{PAGE}{name}", b"", (OPENAI.key(key or proxy.key),))
        return line.send(asked).answer()


def told(proxy: RunningProxy, name: str | None, **where: str) -> dict[str, Any]:
    heard = page(proxy, name, **where)
    assert heard.status == 200
    found = json.loads(heard.body)
    assert isinstance(found, dict)
    return found


def test_a_refusal_by_a_rule_is_explained_with_its_rule_its_line_and_whom_to_ask(proxy: RunningProxy) -> None:
    heard = call(proxy, model="gpt-3.5-turbo")
    assert heard.status == 403
    name = heard.header("x-tally-decision")
    view = told(proxy, name)
    assert (view["decision"], view["request_id"]) == (name, heard.header("x-request-id"))
    assert (view["outcome"], view["status"], view["error"]) == ("denied", 403, "policy_denied")
    assert (view["refused_by"], view["owner"]) == (["org/old-models"], "security@acme.example")
    assert (view["model_requested"], view["note"]) == ("gpt-3.5-turbo", "As it was decided.")
    assert view["why"][0].startswith("refused 403  org/old-models  (policies/org.yaml:6)")
    assert "Too old." in view["why"][1]
    assert "ann" not in json.dumps(view)
    row = row_of(proxy, heard)
    assert (row.decision, list(row.why)) == (name, view["why"])
    assert json.loads(row.facts)["model"] == "gpt-3.5-turbo"
    assert told(proxy, heard.header("x-request-id")) == view
    assert told(proxy, name, prefix="/p/crm") == view


@pytest.mark.parametrize(
    ("model", "rule", "unit"), [("gpt-5.1", "org/day", "$"), ("gpt-5-nano", "org/minute", "requests")]
)
def test_a_refusal_by_a_meter_is_explained_with_the_figures_of_that_moment(
    proxy: RunningProxy, model: str, rule: str, unit: str
) -> None:
    call(proxy, model=model)
    heard = call(proxy, model=model)
    assert heard.status == 429
    view = told(proxy, heard.header("x-tally-decision"))
    assert view["refused_by"] == [rule]
    assert view["resets_at"]
    assert unit in view["why"][1]
    assert view["why"][2].startswith("  resets ")


def test_a_call_that_passed_is_decided_again_while_its_rules_are_in_force(proxy: RunningProxy) -> None:
    heard = call(proxy, model="gpt-5-mini")
    assert heard.status == 200
    view = told(proxy, heard.header("x-request-id"))
    assert (view["outcome"], view["refused_by"], view["limit"]) == ("ok", [], None)
    assert view["why"][0].startswith("admitted")
    assert view["note"].startswith("Decided again")


def test_a_model_that_nobody_serves_any_more_is_answered_by_the_one_that_a_rule_names(proxy: RunningProxy) -> None:
    heard = call(proxy, model="gpt-4")
    assert heard.status == 200
    assert heard.header("x-tally-route") == "gpt-4 -> gpt-5-mini; rule=org/retired"
    row = row_of(proxy, heard)
    assert (row.model_requested, row.upstream, row.cost_nusd) == ("gpt-4", "own", 10_000)
    assert json.loads(row.facts)["model"] == "gpt-4"
    assert "goes   to gpt-5-mini instead of gpt-4" in told(proxy, heard.header("x-request-id"))["why"][1]
    assert call(proxy, model="gpt-4-x").status == 404


def test_a_masked_prompt_is_told_without_what_was_masked(proxy: RunningProxy) -> None:
    texts = {"write to jo.doe@example.org": 1, "write to nobody": 0}
    for text, masked in texts.items():
        heard = call(proxy, model="gpt-5-chat", messages=[{"role": "user", "content": text}])
        assert heard.status == 200
        row_of(proxy, heard)
        view = told(proxy, heard.header("x-request-id"))
        assert view["why"].count("masked   the prompt was redacted before it was sent") == masked
        assert "jo.doe" not in json.dumps(view)


def test_a_call_that_no_rule_saw_says_so(proxy: RunningProxy) -> None:
    heard = call(proxy, model="nobody-serves-it")
    assert heard.status == 404
    view = told(proxy, heard.header("x-request-id"))
    assert (view["decision"], view["why"], view["note"]) == ("", [], "No rule was asked: the call ended before.")


def test_decisions_of_others_and_names_of_nothing_do_not_exist(proxy: RunningProxy) -> None:
    name = call(proxy, model="gpt-3.5-turbo").header("x-tally-decision")
    directory = proxy.home / "directory.yaml"
    directory.write_text(directory.read_text().replace("users:\n", "users:\n  bob@acme.example: { team: growth }\n"))
    other = proxy.issue(user="bob@acme.example")
    until(lambda: page(proxy, name, key=other).status != 401)
    answers = [
        page(proxy, name, key=other),
        page(proxy, "d_0196a1f2b3c49d3f2a4b5c"),
        page(proxy, "d_%20"),
        page(proxy, ""),
    ]
    assert [answer.status for answer in answers] == [404] * 4
    assert len({answer.body for answer in answers}) == 1
    assert page(proxy, name, key="tg_" + "x" * 43).status == 401


def test_what_passed_under_rules_of_yesterday_is_told_as_far_as_it_is_known(proxy: RunningProxy) -> None:
    passed, refused = call(proxy, model="gpt-5-mini"), call(proxy, model="gpt-3.5-turbo")
    change(proxy, "Too old.", "Far too old.", name="policies/org.yaml")
    until(lambda: b"Far too old" in call(proxy, model="gpt-3.5-turbo").body)
    view = told(proxy, passed.header("x-request-id"))
    assert (view["why"], view["note"]) == ([], "The rules of that time are no longer in force.")
    assert "Too old." in told(proxy, refused.header("x-tally-decision"))["why"][1]

"""Budgets, rates and parallel calls on a running proxy: whom they count for, and what callers are told of them.

Each test has people of its own, and rules that are about nobody else, so that none stands on another's counters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.e2e.answers import OPENAI_CHAT
from tests.support.company import key_of, only
from tests.support.policed import CHAT, Ask, asker, policed, sent, until
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import pause, whole
from tests.support.talking import Talking, request

PEOPLE = {
    "ua": "growth", "ub": "growth", "ta": "research", "tb": "research", "ka": "growth", "pa": "growth", "ma": "growth",
    "oa": "growth", "ob": "growth", "rich": "growth", "poor": "growth", "spent": "growth", "warned": "growth",
    "grace": "growth", "fast": "growth", "slow": "growth", "par": "growth",
}  # fmt: skip
KEYS = {"ka2": "ka/crm", "pa2": "pa/site"}
RULES = f"""\
  - {{ name: per-user, {only("ua", "ub")}, budget: {{ limit: $0.03/day, per: user }} }}
  - {{ name: per-team, {only("ta", "tb")}, budget: {{ limit: $0.03/day, per: team }} }}
  - {{ name: per-key, {only("ka")}, budget: {{ limit: $0.03/day, per: key }} }}
  - {{ name: per-project, {only("pa")}, budget: {{ limit: $0.03/day, per: project }} }}
  - {{ name: per-model, {only("ma")}, budget: {{ limit: $0.03/day, per: model }} }}
  - {{ name: per-org, {only("oa", "ob")}, budget: {{ limit: $0.03/day, per: org }} }}
  - name: table
    {only("rich", "poor")}
    budget: {{ per: user, limit: {{ default: $0.03/day, "user:rich@acme.example": $9/day }}, warn_at: [50%] }}
  - {{ name: fast, {only("fast")}, rate: {{ limit: 6 requests/min, per: user, burst: 50% }} }}
  - {{ name: slow, {only("slow")}, rate: {{ limit: 2 requests/hour, per: user }} }}
  - {{ name: parallel, {only("par")}, parallel: {{ limit: 1, per: user }} }}
  - {{ name: goes-on, {only("spent")}, budget: {{ limit: $0.03/day, per: user, when_spent: {{ route: gpt-5-mini }} }} }}
  - {{ name: tells, {only("warned")}, budget: {{ limit: $0.03/day, per: user, when_spent: warn }} }}
  - {{ name: grace, {only("grace")}, budget: {{ limit: $0.03/day, per: user, grace: 100% }} }}
"""


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with policed(tmp_path_factory.mktemp("home"), scripted, RULES, PEOPLE, KEYS) as running:
        yield running


@pytest.fixture
def ask(proxy: RunningProxy, scripted: ScriptedUpstream) -> Ask:
    return asker(proxy, scripted)


# -- budgets


@pytest.mark.parametrize(
    ("first", "second", "then", "rule"),
    [
        ({"who": "ua"}, {"who": "ub"}, 200, "per-user"),
        ({"who": "ta"}, {"who": "tb"}, 429, "per-team"),
        ({"who": "ka"}, {"who": "ka2"}, 200, "per-key"),
        ({"who": "pa"}, {"who": "pa2"}, 200, "per-project"),
        ({"who": "ma"}, {"who": "ma", "model": "gpt-5"}, 200, "per-model"),
        ({"who": "oa"}, {"who": "ob"}, 429, "per-org"),
    ],
)
def test_a_budget_is_that_of_whom_it_is_per(
    ask: Ask, first: dict[str, str], second: dict[str, str], then: int, rule: str
) -> None:
    assert ask(**first).status == 200
    told = ask(**first)
    assert (told.status, told.error["type"], told.error["code"]) == (429, "insufficient_quota", "insufficient_quota")
    assert told.headers["x-should-retry"] == "false"
    assert told.rule == f"walk/{rule}"
    policy = told.body["policy"]
    assert (policy["limit"], policy["owner"]) == ("$0.03", "security@acme.example")
    assert policy["resets_at"].endswith("T00:00:00+00:00")
    assert ask(**second).status == then


def test_the_narrowest_row_of_a_table_holds(ask: Ask) -> None:
    assert re.fullmatch(r"walk/table at [5-9]\d%", ask("poor").headers["x-tally-warning"])
    assert ask("poor").status == 429
    answers = [ask("rich") for _ in range(4)]
    assert [told.status for told in answers] == [200] * 4
    assert answers[0].headers["x-tally-budget"].startswith("walk/table remaining=$8.9")


def test_a_spent_budget_may_send_calls_elsewhere(ask: Ask, scripted: ScriptedUpstream) -> None:
    assert "x-tally-route" not in ask("spent").headers
    assert sent(scripted)["model"] == "gpt-5.1"
    told = ask("spent")
    assert (told.status, sent(scripted)["model"]) == (200, "gpt-5-mini")
    assert told.headers["x-tally-route"] == "gpt-5.1 -> gpt-5-mini; rule=walk/goes-on"
    assert told.headers["x-tally-warning"] == "The budget walk/goes-on is spent; the call went to gpt-5-mini."


def test_a_spent_budget_may_only_tell(ask: Ask) -> None:
    assert "x-tally-warning" not in ask("warned").headers
    told = ask("warned")
    assert told.status == 200
    assert "walk/tells is spent" in told.headers["x-tally-warning"]


def test_grace_admits_with_a_warning_and_ends(ask: Ask) -> None:
    assert "x-tally-warning" not in ask("grace").headers
    told = ask("grace")
    assert told.status == 200
    assert "walk/grace is spent" in told.headers["x-tally-warning"]
    until(lambda: ask("grace").status == 429)


# -- pace


def test_a_rate_lets_its_burst_pass_and_then_says_how_long_to_wait(ask: Ask) -> None:
    answers = [ask("fast") for _ in range(3)]
    assert [told.status for told in answers] == [200] * 3
    assert [told.headers["x-ratelimit-remaining-requests"] for told in answers] == ["2", "1", "0"]
    assert answers[0].headers["x-ratelimit-limit-requests"] == "3"
    told = ask("fast")
    assert (told.status, told.error["type"], told.error["code"]) == (429, "requests", "rate_limit_exceeded")
    assert told.headers["x-should-retry"] == "true"
    assert 0 < int(told.headers["retry-after"]) <= 11  # 6 a minute is one in ten seconds, and up to a tenth more
    assert 0 < int(told.headers["retry-after-ms"]) <= 11_000
    assert told.rule == "walk/fast"


def test_a_wait_that_no_retry_outlasts_is_told_as_a_quota(ask: Ask) -> None:
    assert [ask("slow").status for _ in range(2)] == [200, 200]
    told = ask("slow")
    assert (told.status, told.error["type"]) == (429, "insufficient_quota")
    assert told.headers["x-should-retry"] == "false"


def test_parallel_counts_calls_that_run(proxy: RunningProxy, ask: Ask, scripted: ScriptedUpstream) -> None:
    scripted.forget()
    scripted.replies([pause(30)]).replies(whole(OPENAI_CHAT), always=True)
    body = json.dumps({"model": "gpt-5.1", "messages": [{"role": "user", "content": "Say hello"}]}).encode()
    with Talking(proxy.port) as line:
        line.send(request("POST", CHAT, body, (("authorization", f"Bearer {key_of('par')}"),)))
        until(lambda: bool(scripted.seen))
        told = ask("par")
        assert (told.status, told.error["code"], told.rule) == (429, "rate_limit_exceeded", "walk/parallel")
        assert told.headers["x-should-retry"] == "true"
    until(lambda: ask("par").status == 200)


def test_whoever_asks_one_call_after_the_other_is_never_too_many(ask: Ask) -> None:
    assert {ask("par").status for _ in range(20)} == {200}

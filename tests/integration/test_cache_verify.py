"""A sample of near answers is asked again, beside the calls; where too many differ, a rule gives exact repeats alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from proxy.domain.row import VERIFY, Outcome, Row
from tests.support.at_rest import wait_rest
from tests.support.company import key_of
from tests.support.policed import policed, until, wait_metric
from tests.support.reusing import ANTHROPIC, CHAT, Asking, Got, Kind, said
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import failing, joined, pause, whole

COST = 18_000_000  # nUSD of a call
PEOPLE = {"bea": "growth", "cem": "growth", "dan": "growth", "rob": "research", "ros": "research"}
RULES = """\
  - name: reuse
    cache: { mode: near, share: team, ttl: 1h, verify: 100% }
  - name: growth-day
    match: { teams: [growth] }
    budget: { limit: $50/day, per: team }
  - name: growth-calls
    match: { teams: [growth] }
    rate: { limit: 1000 requests/hour, per: team }
  - name: research-day
    match: { teams: [research] }
    budget: { limit: $0.03/day, per: team }
"""
_NUMBERS = count()


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as running:
        yield running


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream) -> Iterator[Asking]:
    with policed(tmp_path_factory.mktemp("home"), upstream, RULES, PEOPLE) as proxy:
        yield Asking(proxy, upstream)


@pytest.fixture
def receiver() -> Iterator[ScriptedUpstream]:
    """Who is told by webhook."""
    with ScriptedUpstream() as running:
        yield running.replies(whole({}), always=True)


@pytest.fixture
def another(tmp_path: Path, upstream: ScriptedUpstream, receiver: ScriptedUpstream) -> Iterator[Asking]:
    """A proxy for a test after which it is not as it was."""
    notify = f"notify: {{ url: {receiver.base_url}/hook }}"
    with policed(tmp_path, upstream, RULES, PEOPLE, more=notify) as proxy:
        yield Asking(proxy, upstream)


def metrics(asking: Asking) -> str:
    return asking.proxy.get("/metrics", base=asking.proxy.admin_url).decode()


def verdicts(asking: Asking, result: str) -> int:
    name = f'tallygate_cache_verified_total{{result="{result}"}} '
    return sum(int(float(line.removeprefix(name))) for line in metrics(asking).splitlines() if line.startswith(name))


def near(asking: Asking, kind: Kind = CHAT, who: tuple[str, str] = ("bea", "cem"), **more: Any) -> Got:
    """A near hit: somebody asks, and somebody else asks the same in other words."""
    question = f"explain how the sails of ship {next(_NUMBERS)} are set by a crew"
    lead = asking.ask(kind, f"Please {question}.", who=who[0], **more)
    assert (lead.status, lead.cache) == (200, "miss")
    got = asking.ask(kind, question.capitalize(), who=who[1], **more)
    assert (got.cache, got.text()) == ("near", lead.text())
    return got


def both_rows(asking: Asking, got: Got) -> tuple[Row, Row]:
    """Of a call that was asked again."""
    hit, again = asking.proxy.wait_rows(2, request_id=got.id)
    return hit, again


@pytest.mark.parametrize(("kind", "stream"), [(CHAT, False), (CHAT, True), (ANTHROPIC, True)])
def test_a_near_answer_is_asked_again_and_its_team_pays(asking: Asking, kind: Kind, *, stream: bool) -> None:
    agreed = verdicts(asking, "agree")
    asking.answers(kind.script(stream=stream))
    got = near(asking, kind, stream=stream)
    hit, again = both_rows(asking, got)
    assert asking.asked() == 2  # for whoever asked first, and once more for nobody
    assert b"Explain how" in asking.upstream.seen[1].body
    assert (hit.attempt, hit.cache, hit.outcome, hit.cost_nusd) == (0, "near", Outcome.CACHE_HIT, 0)
    assert (again.attempt, again.cache, again.outcome, again.status) == (1, VERIFY, Outcome.OK, 200)
    assert (again.team, again.principal, again.usage.output) == ("growth", hit.principal, 3)
    assert again.cost_nusd > 0
    assert [(one.kind, one.amount) for one in again.charges] == [("budget", again.cost_nusd)]
    assert [(one.kind, one.amount) for one in hit.charges] == [("rate", 1)]  # it is one request all the same
    until(lambda: verdicts(asking, "agree") == agreed + 1)
    view = json.loads(asking.proxy.get(f"/v1/calls/{got.id}", key=key_of("cem")))
    assert (view["outcome"], view["cache"]) == ("cache_hit", "near")  # as its caller was told
    assert [(one["attempt"], one["cost_nusd"]) for one in view["attempts"]] == [(0, 0), (1, again.cost_nusd)]


def test_an_exact_repeat_is_never_asked_again(asking: Asking) -> None:
    asking.answers(CHAT.script())
    question = f"Explain how the sails of ship {next(_NUMBERS)} are set by a crew"
    asking.ask(CHAT, question)
    assert asking.ask(CHAT, question, who="cem").cache == "hit"
    assert asking.ask(CHAT, question, who="dan").cache == "hit"
    assert asking.asked() == 1


def test_what_a_budget_refuses_is_not_asked_again_and_nobody_notices(asking: Asking) -> None:
    skipped = verdicts(asking, "skipped")
    asking.answers(CHAT.script())
    got = near(asking, who=("rob", "ros"), max_tokens=5)
    until(lambda: verdicts(asking, "skipped") == skipped + 1)
    assert (asking.asked(), got.status) == (1, 200)
    assert [row.attempt for row in asking.proxy.wait_rows(1, request_id=got.id)] == [0]


def test_an_upstream_that_fails_says_nothing_of_the_answer(asking: Asking) -> None:
    asking.answers(CHAT.script(), failing(500))
    got = near(asking)
    _, again = both_rows(asking, got)
    assert (again.cache, again.outcome, again.cost_nusd) == (VERIFY, Outcome.UPSTREAM_ERROR, 0)
    until(lambda: verdicts(asking, "failed") == 1)
    assert asking.proxy.get("/readyz") == b"ok\n"


def test_an_answer_that_differs_is_given_to_nobody_else(asking: Asking) -> None:
    asking.answers(whole(said("They sail to Paris.")), whole(said("They sail to Oslo.")))
    got = near(asking)
    until(lambda: verdicts(asking, "differ") == 1)
    lead = asking.upstream.seen[0].body
    assert json.loads(lead)["messages"][0]["content"].startswith("Please")
    again = asking.ask(CHAT, json.loads(lead)["messages"][0]["content"], who="dan")
    assert (again.cache, again.text()) == ("miss", "They sail to Oslo.")
    assert got.key == again.key


def test_when_all_is_said_the_counters_are_what_the_record_says(asking: Asking) -> None:
    rows = wait_rest(asking.proxy)
    assert {row.cache for row in rows if row.attempt == 1 and row.cost_nusd} >= {"miss", VERIFY}


def test_a_rule_whose_near_answers_differ_gives_exact_repeats_alone(
    another: Asking, receiver: ScriptedUpstream
) -> None:
    for place in ("Paris", "Rome"):
        another.answers(whole(said(f"They sail to {place}.")), whole(said("They sail to Oslo.")))
        got = near(another)
        assert both_rows(another, got)[1].cost_nusd == COST
    wait_metric(another.proxy, 'tallygate_cache_near_off{rule="walk/reuse"} 1.0')
    assert verdicts(another, "differ") == 2
    assert 'tallygate_cache_disagreement_ratio{rule="walk/reuse"} 1.0' in metrics(another)
    assert b"near answers are off for rule walk/reuse" in another.proxy.get("/readyz")
    assert another.proxy.log.read_text().count("near_mode_off") == 1
    until(lambda: len(receiver.seen) == 1)
    told = json.loads(receiver.seen[0].body)
    assert (told["type"], told["rule"], told["level"]) == ("cache.near_off", "walk/reuse", "2 of 2")

    another.answers(CHAT.script())
    assert another.ask(CHAT, "Please explain how the knots of a rope are tied by a crew.").cache == "miss"
    assert another.ask(CHAT, "Explain how the knots of a rope are tied by a crew", who="cem").cache == "miss"
    assert another.ask(CHAT, "Explain how the knots of a rope are tied by a crew", who="dan").cache == "hit"
    assert another.asked() == 2


def test_a_worker_that_ends_leaves_the_row_of_what_it_was_asking(another: Asking) -> None:
    another.answers(CHAT.script(), joined([pause(60)], CHAT.script()))
    got = near(another)
    until(lambda: another.asked() == 2)
    another.proxy.stop()
    hit, again = another.proxy.rows(request_id=got.id)
    assert (hit.attempt, again.attempt, again.cache, again.outcome) == (0, 1, VERIFY, Outcome.PROXY_ERROR)
    assert again.cost_nusd > 0  # it was sent, and a provider may bill what it read

"""Repeats are answered here: in every format, streamed or not, to those who share answers and to nobody else."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from proxy.domain.row import Outcome
from tests.support.company import key_of
from tests.support.policed import policed, until, wait_metric
from tests.support.reusing import CHAT, KINDS, Asking, Kind
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import failing, joined, pause
from tests.support.talking import Heard, Talking, request

RULES = "  - name: reuse\n    cache: { mode: near, share: team, ttl: 1h }\n"
PEOPLE = {"bea": "growth", "cem": "growth", "dan": "growth", "rob": "research"}
_NUMBERS = count()


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    with ScriptedUpstream() as upstream, policed(tmp_path_factory.mktemp("home"), upstream, RULES, PEOPLE) as proxy:
        yield Asking(proxy, upstream)


@pytest.fixture
def question() -> str:
    """One that nobody has asked."""
    return f"Explain how the sails of ship {next(_NUMBERS)} are set by a crew"


@pytest.mark.parametrize("again", [False, True], ids=["whole again", "streamed again"])
@pytest.mark.parametrize("first", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_a_repeat_is_answered_without_the_upstream(
    asking: Asking, question: str, kind: Kind, *, first: bool, again: bool
) -> None:
    asking.answers(kind.script(stream=first))
    lead = asking.ask(kind, question, stream=first)
    assert (lead.status, lead.cache, lead.text()) == (200, "miss", "Hello there"), lead
    hit = asking.ask(kind, question, who="cem", stream=again)
    assert (hit.status, hit.cache, hit.text()) == (200, "hit", "Hello there"), hit
    assert asking.asked() == 1
    assert hit.headers["content-type"].startswith("text/event-stream" if again else "application/json")
    assert hit.id != lead.id
    assert uuid.UUID(hit.id)
    assert hit.headers["age"] in ("0", "1", "2")
    assert hit.headers["cache-status"].startswith("tallygate; hit; ttl=3")
    assert hit.key == lead.key
    assert "x-tally-upstream" not in hit.headers


def test_a_question_that_means_the_same_is_near(asking: Asking, question: str) -> None:
    asking.answers(CHAT.script())
    asking.ask(CHAT, f"Please {question[0].lower()}{question[1:]}.")
    near = asking.ask(CHAT, question, who="cem")
    assert (near.cache, asking.asked()) == ("near", 1)
    assert "detail=near" in near.headers["cache-status"]
    assert asking.row(near).cache == "near"


def test_another_question_is_a_miss(asking: Asking, question: str) -> None:
    asking.answers(CHAT.script())
    asking.ask(CHAT, f"{question}: 10,000 leaves")
    other = asking.ask(CHAT, f"{question}: 10,001 leaves", who="cem")
    assert (other.cache, asking.asked()) == ("miss", 2)
    assert other.headers["cache-status"].startswith("tallygate; fwd=miss")


def test_another_model_and_another_parameter_are_misses(asking: Asking, question: str) -> None:
    asking.answers(CHAT.script())
    for more in ({}, {"model": "gpt-5.1-2026-08-01"}, {"max_tokens": 40}, {"seed": 3}, {"tool_choice": "none"}):
        assert asking.ask(CHAT, question, **more).cache == "miss", more
    assert asking.asked() == 5


def test_an_answer_is_kept_only_for_those_who_share(asking: Asking, question: str) -> None:
    asking.answers(CHAT.script())
    assert asking.ask(CHAT, question, who="bea").cache == "miss"
    assert asking.ask(CHAT, question, who="rob").cache == "miss"  # of another team
    assert asking.ask(CHAT, question, who="cem").cache == "hit"
    assert asking.asked() == 2


def test_whoever_asks_again_at_once_gets_a_fresh_answer_once(asking: Asking, question: str) -> None:
    asking.answers(CHAT.script())
    asking.ask(CHAT, question, who="bea")
    assert asking.ask(CHAT, question, who="cem").cache == "hit"
    fresh = asking.ask(CHAT, question, who="cem")
    assert (fresh.cache, fresh.why, asking.asked()) == ("miss", "refresh", 2)
    assert "fwd=request" in fresh.headers["cache-status"]
    assert asking.row(fresh).cache == "refresh"
    assert asking.ask(CHAT, question, who="cem").cache == "hit"


def test_a_buffered_answer_says_that_it_is_stored(asking: Asking, question: str) -> None:
    asking.answers(CHAT.script())
    lead = asking.ask(CHAT, question)
    assert f'tallygate; fwd=miss; stored; key="{lead.key}"' == lead.headers["cache-status"]


def test_the_usage_chunk_comes_with_a_stored_stream_only_where_it_was_asked_for(asking: Asking, question: str) -> None:
    asking.answers(CHAT.script(stream=True))
    assert b'"usage":{' not in asking.ask(CHAT, question, stream=True).body
    assert b'"usage":{' not in asking.ask(CHAT, question, who="cem", stream=True).body
    asked = asking.ask(CHAT, question, who="dan", stream=True, stream_options={"include_usage": True})
    assert asked.cache == "hit"
    assert b'"prompt_tokens":12' in asked.body
    assert asked.body.endswith(b"data: [DONE]\n\n")
    assert asking.asked() == 1


def test_a_hit_leaves_a_row_that_cost_nothing_and_says_what_it_saved(asking: Asking, question: str) -> None:
    asking.answers(CHAT.script())
    lead = asking.row(asking.ask(CHAT, question))
    assert (lead.cache, lead.saved_nusd, lead.attempt) == ("miss", 0, 1)
    got = asking.ask(CHAT, question, who="cem")
    hit = asking.row(got)
    assert (hit.attempt, hit.outcome, hit.cache, hit.status) == (0, "cache_hit", "hit", 200)
    assert (hit.cost_nusd, hit.held_nusd, hit.usage.input, hit.usage.output, hit.upstream) == (0, 0, None, None, None)
    assert (hit.saved_nusd, hit.saved_input, hit.saved_output) == (lead.cost_nusd, 12, 3)
    assert lead.cost_nusd == 18_000_000
    assert (got.headers["x-tally-cost-usd"], got.headers["x-tally-saved-usd"]) == ("0.000000", "0.018000")
    told = asking.proxy.get(f"/v1/calls/{got.id}", key=key_of("cem"))
    assert b'"outcome":"cache_hit"' in told
    assert b'"cache":"hit"' in told
    assert b'"cost_usd":"0"' in told or b'"cost_usd":"0.000000"' in told


def test_a_follower_is_given_the_answer_that_was_on_its_way(asking: Asking, question: str) -> None:
    asking.answers(joined([pause(0.5)], CHAT.script()))
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda who: asking.ask(CHAT, question, who=who), ["bea", "cem", "dan"] * 2))
    assert asking.asked() == 1
    assert sorted(one.cache for one in got) == ["coalesced"] * 5 + ["miss"]
    assert {one.text() for one in got} == {"Hello there"}
    follower = next(one for one in got if one.cache == "coalesced")
    assert "; fwd=miss; collapsed; " in follower.headers["cache-status"]
    row = asking.row(follower)
    assert (row.outcome, row.cache, row.attempt, row.saved_nusd) == ("coalesced", "coalesced", 0, 18_000_000)


def test_a_leader_who_leaves_does_not_take_the_answer_along(asking: Asking, question: str) -> None:
    asking.answers(joined([pause(1.0)], CHAT.script()))
    path, body = CHAT.call(question)
    with ThreadPoolExecutor(1) as pool, Talking(asking.proxy.port) as leaving:
        leaving.send(request("POST", path, json.dumps(body).encode(), (("authorization", f"Bearer {key_of('bea')}"),)))
        until(lambda: asking.asked() == 1)
        follower = pool.submit(asking.ask, CHAT, question, who="cem")
        time.sleep(0.3)  # until it waits
        leaving.leave()
        assert follower.result().cache == "coalesced"
    assert asking.asked() == 1
    (left,) = asking.proxy.wait_rows(1, outcome=Outcome.CLIENT_ABORT)
    assert (left.cost_nusd, left.usage.output) == (18_000_000, 3)  # booked to whoever caused it


def test_a_leader_who_fails_has_no_followers(asking: Asking, question: str) -> None:
    asking.answers(joined([pause(0.4)], failing(400)), CHAT.script())
    with ThreadPoolExecutor(2) as pool:
        got = list(pool.map(lambda who: asking.ask(CHAT, question, who=who), ["bea", "cem"]))
    assert sorted(one.status for one in got) == [200, 400]
    assert asking.asked() == 2


def test_an_answer_can_be_taken_away_by_those_who_share_it(asking: Asking, question: str) -> None:
    asking.answers(CHAT.script())
    key = asking.ask(CHAT, question).key

    def delete(who: str, name: str, method: str = "DELETE") -> Heard:
        head = request(method, f"/v1/cache/{name}", b"", (("authorization", f"Bearer {key_of(who)}"),))
        with Talking(asking.proxy.port) as line:
            return line.send(head).answer()

    assert delete("rob", key).status == 404
    assert delete("cem", key, "GET").status == 405
    assert delete("cem", key, "GET").header("allow") == "DELETE"
    assert delete("cem", "nonsense").status == 404
    assert delete("cem", key).status == 204
    assert delete("cem", key).status == 404
    assert asking.ask(CHAT, question, who="dan").cache == "miss"
    until(lambda: f'"id":"{key}"' in asking.proxy.log.read_text())
    (line,) = [line for line in asking.proxy.log.read_text().splitlines() if '"answer_deleted"' in line]
    assert json.loads(line)["team"] == "growth"
    assert (question in line, "cem@" in line) == (False, False)


def test_the_metrics_say_what_was_reused_and_saved(asking: Asking, question: str) -> None:
    asking.answers(CHAT.script())
    asking.ask(CHAT, question)
    asking.ask(CHAT, question, who="cem")
    wait_metric(asking.proxy, 'tallygate_cache_requests_total{reason="none",result="hit"}')
    wait_metric(asking.proxy, 'tallygate_cache_answers_total{reason="kept"}')
    wait_metric(asking.proxy, 'tallygate_saved_usd_total{how="hit",team="growth"}')
    wait_metric(asking.proxy, 'type="output"}')
    wait_metric(asking.proxy, 'tallygate_store_up{store="cache"} 1.0')

"""Where several upstreams serve one model, a repeat costs one call all the same, and no answer is given for another upstream's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from tests.e2e.answers import anthropic_stream
from tests.support.company import key_of, write_directory, write_policies
from tests.support.pairs import entry
from tests.support.reusing import ANTHROPIC, CHAT, Asking, Got, said
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import failing, streamed, whole

RULES = """\
kind: Policy
name: walk
owner: security@acme.example
rules:
  - name: reuse
    cache: { mode: near, share: team, ttl: 1h, volatile: [Build] }
  - name: not-at-all
    match: { users: [ned@acme.example] }
    cache: { mode: "off" }
  - name: on-paper
    match: { users: [sia@acme.example, sol@acme.example] }
    cache: { mode: near, shadow: true }
"""
CLAUDE = "claude@20260929"
OPERATIONS = f"/v1/projects/p/locations/l/publishers/anthropic/models/vertex-{CLAUDE}"
CROWD = [f"p{number}" for number in range(40)]
PEOPLE = dict.fromkeys((*CROWD, "ned", "sia", "sol"), "growth")
WAYS = (
    "Explain how the sails of ship {} are set by a crew",
    "explain how the sails of ship {} are set by a crew.",
    "Please explain how the sails of ship {}  are set by a crew",
    "Build: 77\nExplain how the sails of ship {} are set by a crew",
)
_NUMBERS = count()


@pytest.fixture(scope="module")
def first() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def second() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    home, one, other = tmp_path_factory.mktemp("home"), first.base_url, second.base_url
    found = {
        "three": entry(one, "openai-drawn", "weight: 3"),
        "one": entry(other, "openai-drawn", "weight: 1"),
        "left-alone": entry(one, "openai-pair", "breaker: { failures: 1, open: 10m }"),
        "stands-in": entry(other, "openai-pair"),
    }
    found["claude"] = entry(one, f"vertex-{CLAUDE}")
    write_directory(home, PEOPLE)
    write_policies(home, {"walk.yaml": RULES})
    with RunningProxy(home, found, budget="") as running:
        yield running


@pytest.fixture
def asking(proxy: RunningProxy, first: ScriptedUpstream, second: ScriptedUpstream) -> Asking:
    for upstream in (first, second):
        upstream.forget()
        upstream.replies(whole(said("Hello there", model="openai-drawn")), always=True)
    return Asking(proxy, first)


@pytest.fixture
def number() -> int:
    """Of a ship that nobody has asked about."""
    return next(_NUMBERS)


DRAWN, PAIR = (CHAT._replace(model=model) for model in ("openai-drawn", "openai-pair"))


def many(asking: Asking, questions: list[str]) -> list[Got]:
    """One by each of the crowd in turn, eight at a time."""
    people = [CROWD[number % len(CROWD)] for number in range(len(questions))]
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda text, who: asking.ask(DRAWN, text, who=who), questions, people))


def asked_at(*upstreams: ScriptedUpstream) -> list[int]:
    return [len(upstream.seen) for upstream in upstreams]


def test_who_asks_the_same_in_whatever_words_comes_to_the_same_upstream(
    asking: Asking, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    for _ in range(6):
        first.seen.clear()
        second.seen.clear()
        ship = next(_NUMBERS)
        got = many(asking, [WAYS[place % len(WAYS)].format(ship) for place in range(40)])
        assert {one.status for one in got} == {200}
        assert sorted(asked_at(first, second)) == [0, 1]


def test_different_questions_are_spread_by_weight(
    asking: Asking, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    many(asking, [f"Explain the sails of the ship that is called {place}" for place in range(200)])
    three, one = asked_at(first, second)
    assert three + one == 200
    assert 115 < three < 180  # 150 expected; six standard deviations


@pytest.mark.parametrize(("who", "more"), [("ned", {}), ("p0", {"temperature": 1.0}), ("p0", {"n": 2})])
def test_what_may_not_be_reused_is_spread_although_it_is_the_same(
    asking: Asking, number: int, who: str, more: dict[str, Any]
) -> None:
    text = WAYS[0].format(number)
    served = Counter(asking.ask(DRAWN, text, who=who, **more).headers["x-tally-upstream"] for _ in range(30))
    assert len(served) == 2


def test_what_takes_long_to_compare_is_spread_although_it_is_the_same(asking: Asking, number: int) -> None:
    text = WAYS[0].format(number) + " oak" * 40_000
    served = Counter(asking.ask(DRAWN, text, who="p0").headers["x-tally-upstream"] for _ in range(30))
    assert len(served) == 2


def test_sessions_that_begin_with_the_same_question_share_and_those_that_go_on_stay_where_they_are(
    asking: Asking, number: int, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    path, body = DRAWN.call(WAYS[0].format(number))
    for place in range(12):
        asking.proxy.post(path, body, {"x-session-id": f"session-{number}-{place}"}, key=key_of(CROWD[place]))
    assert sorted(asked_at(first, second)) == [0, 1]
    turns = [{"role": role, "content": f"{role} {number}"} for role in ("user", "assistant", "user")]
    served = set()
    for place in range(4):
        longer = body | {"messages": [*turns, {"role": "user", "content": f"And then {place}?"}]}
        _, headers, _ = asking.proxy.post(path, longer, {"x-session-id": f"talk-{number}"}, key=key_of("p1"))
        served.add(headers["x-tally-upstream"])
    assert len(served) == 1


def test_while_one_is_left_alone_what_stands_in_for_it_says_is_kept_as_its_own(
    asking: Asking, number: int, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    before, after = WAYS[0].format(number), WAYS[0].format(f"{number} bis")
    first.forget()
    second.forget()
    first.replies(whole(said("first", model="openai-pair")), failing(503), always=True)
    second.replies(whole(said("second", model="openai-pair")), always=True)
    assert asking.ask(PAIR, before, who="p0").text() == "first"
    broken = asking.ask(PAIR, after, who="p0")  # fails at the first, which is left alone from now on
    assert (broken.text(), broken.cache) == ("second", "miss")
    assert asking.ask(PAIR, before, who="p1").text() == "first"  # stored, and as good as ever
    got = [asking.ask(PAIR, after, who=who) for who in ("p2", "p3", "p4")]
    assert [(one.cache, one.text()) for one in got] == [("miss", "second"), ("hit", "second"), ("hit", "second")]
    assert asked_at(first, second) == [2, 2]
    assert asking.ask(PAIR, after, who="p5", cache="only-if-cached").text() == "second"


@pytest.mark.parametrize("stream", [False, True])
def test_claude_on_vertex_is_reused_whichever_way_it_came(
    asking: Asking, number: int, first: ScriptedUpstream, *, stream: bool
) -> None:
    model = f"vertex-{CLAUDE.replace('@', '-')}"
    first.forget()
    first.replies(streamed(_named(anthropic_stream(), model)) if stream else whole(ANTHROPIC.answer | {"model": model}))
    asked = {"anthropic_version": "vertex-2023-10-16", "max_tokens": 50}
    asked |= {"messages": [{"role": "user", "content": WAYS[0].format(number)}]}

    def ask(who: str, *, stream: bool) -> Got:
        path = f"{OPERATIONS}:{'streamRawPredict' if stream else 'rawPredict'}"
        body = asked | {"stream": True} if stream else asked
        return Got(*asking.proxy.post(path, body, key=key_of(who)))

    got = [ask("p0", stream=stream), ask("p1", stream=stream), ask("p2", stream=not stream)]
    assert [(one.cache, one.text()) for one in got] == [("miss", "Hello there"), *[("hit", "Hello there")] * 2]
    types = [one.headers["content-type"].partition(";")[0] for one in got]
    assert (types[1], types[2]) == (types[0], "application/json" if stream else "text/event-stream")
    assert len(first.seen) == 1


def test_claude_on_vertex_is_not_looked_up_where_path_and_body_disagree(
    asking: Asking, number: int, first: ScriptedUpstream
) -> None:
    first.forget()
    first.replies(whole(ANTHROPIC.answer | {"model": f"vertex-{CLAUDE.replace('@', '-')}"}), always=True)
    asked = {"max_tokens": 50, "messages": [{"role": "user", "content": WAYS[0].format(number)}]}
    for end, more in (("rawPredict", {"stream": True}), ("streamRawPredict", {})):
        got = Got(*asking.proxy.post(f"{OPERATIONS}:{end}", asked | more, key=key_of("p0")))
        assert (got.status, got.cache) == (200, "off")


def _named(events: list[bytes], model: str) -> list[bytes]:
    return [event.replace(ANTHROPIC.model.encode(), model.encode()) for event in events]


def test_a_rule_in_shadow_counts_nothing_for_who_wants_a_stored_answer(asking: Asking, number: int) -> None:
    text = WAYS[0].format(number)
    asking.ask(DRAWN, text, who="sia")
    refused = asking.ask(DRAWN, text, who="sol", cache="only-if-cached")
    assert (refused.status, refused.cache) == (504, "miss")
    assert asking.ask(DRAWN, text, who="sol").cache == "shadow-hit"

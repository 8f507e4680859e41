"""What callers and rules may say of reuse, and what is never looked up or kept, whatever they say."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.client import IncompleteRead
from itertools import count
from typing import Any

import pytest

from proxy.domain.row import Outcome
from tests.e2e.answers import GEMINI, OPENAI_CHAT, openai_stream
from tests.support.policed import policed, wait_metric
from tests.support.reusing import ANTHROPIC, CHAT, GEMINI_KIND, KINDS, Asking, Kind, said
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import Script, close, failing, streamed, whole

# Bea and cem share; the others are each a rule of their own.
RULES = """\
  - name: reuse
    cache: { mode: near, share: team, ttl: 1h }
  - name: alone
    match: { users: [pia@acme.example, pam@acme.example] }
    cache: { mode: near, share: user }
  - name: everybody
    match: { users: [oto@acme.example, ola@acme.example] }
    cache: { mode: near, share: org }
  - name: exactly
    match: { users: [exa@acme.example, exo@acme.example] }
    cache: { mode: exact }
  - name: not-at-all
    match: { users: [ned@acme.example] }
    cache: { mode: "off" }
  - name: on-paper
    match: { users: [sia@acme.example, sol@acme.example] }
    cache: { mode: near, shadow: true }
  - name: warm
    match: { users: [wim@acme.example] }
    cache: { mode: near, max_temperature: 1, time_sensitive: true }
  - name: short
    match: { users: [tom@acme.example] }
    cache: { mode: near, ttl: 1s }
  - name: slow
    match: { users: [ray@acme.example] }
    rate: { limit: 2 requests/hour, per: user }
  - name: little
    match: { users: [pip@acme.example] }
    budget: { limit: $0.03/day, per: user }
"""
GROWTH = ("bea", "cem", "pia", "pam", "exa", "exo", "ned", "sia", "sol", "wim", "tom", "ray", "pip", "oto")
PEOPLE = dict.fromkeys(GROWTH, "growth") | {"ola": "research"}
SPAN = "4bf92f3577b34da6a3ce929d0e0e4736"
TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "pay", "arguments": "{}"}}
_NUMBERS = count()


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    with ScriptedUpstream() as upstream, policed(tmp_path_factory.mktemp("home"), upstream, RULES, PEOPLE) as proxy:
        yield Asking(proxy, upstream)


@pytest.fixture
def question(asking: Asking) -> str:
    """One that nobody has asked; the upstream answers well."""
    asking.answers(CHAT.script())
    return f"Explain how the sails of ship {next(_NUMBERS)} are set by a crew"


def choice(**changes: Any) -> dict[str, Any]:
    return OPENAI_CHAT | {"choices": [OPENAI_CHAT["choices"][0] | changes]}


# -- whose


def test_a_rule_says_who_shares(asking: Asking, question: str) -> None:
    assert [asking.ask(CHAT, question, who=who).cache for who in ("pia", "pam", "pia")] == ["miss", "miss", "hit"]
    assert [asking.ask(CHAT, question, who=who).cache for who in ("oto", "ola")] == ["miss", "hit"]
    assert asking.asked() == 3


def test_exact_takes_no_other_words_for_the_same(asking: Asking, question: str) -> None:
    other = f"Please {question[0].lower()}{question[1:]}."
    assert [asking.ask(CHAT, text, who="exa").cache for text in (question, other)] == ["miss", "miss"]
    assert asking.ask(CHAT, question, who="exo").cache == "hit"


def test_off_is_off(asking: Asking, question: str) -> None:
    for _ in range(2):
        got = asking.ask(CHAT, question, who="ned")
        assert (got.cache, "cache-status" in got.headers, asking.row(got).cache) == ("off", False, "off")
    assert asking.asked() == 2


# -- what callers say


def test_no_store_is_neither_looked_up_nor_kept(asking: Asking, question: str) -> None:
    got = asking.ask(CHAT, question, cache="no-store")
    assert (got.cache, got.why, got.headers["cache-status"]) == (
        "bypass",
        "no-store",
        "tallygate; fwd=bypass; detail=no-store",
    )
    assert asking.row(got).cache == "bypass"
    assert asking.ask(CHAT, question, who="cem").cache == "miss"


def test_no_cache_is_answered_anew_and_kept(asking: Asking, question: str) -> None:
    asking.answers(whole(said("first")), whole(said("second")))
    asking.ask(CHAT, question)
    fresh = asking.ask(CHAT, question, cache="no-cache")
    assert (fresh.cache, fresh.why, fresh.text()) == ("miss", "no-cache", "second")
    assert asking.ask(CHAT, question, who="cem").text() == "second"


def test_an_answer_older_than_the_caller_likes_is_not_given(asking: Asking, question: str) -> None:
    asking.ask(CHAT, question)
    assert asking.ask(CHAT, question, who="cem", cache="max-age=0").cache == "miss"
    assert asking.ask(CHAT, question, who="exa", cache="max-age=60").cache == "miss"
    assert asking.ask(CHAT, question, who="exo", cache="max-age=60").cache == "hit"


def test_who_is_given_none_because_it_is_too_old_is_told_so(asking: Asking, question: str) -> None:
    asking.ask(CHAT, question)
    time.sleep(1.1)
    younger = asking.ask(CHAT, question, who="cem", cache="max-age=1")
    assert (younger.cache, younger.why) == ("miss", "max-age")
    assert younger.headers["cache-status"].startswith("tallygate; fwd=request; ")
    time.sleep(1.1)
    ruled = asking.ask(CHAT, question, who="tom")
    assert (ruled.cache, ruled.why) == ("miss", "stale")
    assert ruled.headers["cache-status"].startswith("tallygate; fwd=stale; ")


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_only_if_cached_is_answered_or_refused_and_never_forwarded(asking: Asking, question: str, kind: Kind) -> None:
    refused = asking.ask(kind, question, cache="only-if-cached")
    assert (refused.status, asking.asked()) == (504, 0)
    assert b"not_cached" in refused.body.lower() or kind is ANTHROPIC
    assert refused.headers["x-should-retry"] == "false"
    assert refused.cache == "miss"
    assert asking.row(refused).error == "not_cached"
    asking.answers(kind.script())
    asking.ask(kind, question, who="cem")
    assert asking.ask(kind, question, cache="only-if-cached").cache == "hit"


def test_only_if_cached_is_refused_where_nothing_may_be_looked_up(asking: Asking, question: str) -> None:
    for who, heat in (("ned", 0), ("bea", 1.0), ("sia", 0)):
        assert asking.ask(CHAT, question, who=who, cache="only-if-cached", temperature=heat).status == 504
    assert asking.asked() == 0


# -- what is never looked up


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"temperature": 0.7}, "temperature"),
        ({"n": 2}, "choices"),
        ({"logprobs": True}, "logprobs"),
        ({"store": True}, "stateful"),
        ({"web_search_options": {}}, "server-tools"),
        ({"messages": [{"role": "user", "content": "What is the weather in Oslo today?"}]}, "time-sensitive"),
    ],
)
def test_what_may_not_be_repeated_bypasses(asking: Asking, question: str, more: dict[str, Any], why: str) -> None:
    for _ in range(2):
        got = asking.ask(CHAT, question, **more)
        assert (got.status, got.cache, got.why) == (200, "bypass", why)
    assert asking.asked() == 2


def test_a_rule_may_let_more_be_repeated(asking: Asking, question: str) -> None:
    assert asking.ask(CHAT, f"{question} today", who="wim", temperature=0.7).cache == "miss"
    assert asking.ask(CHAT, f"{question} today", who="wim", temperature=0.7).cache == "hit"


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/embeddings"])
def test_what_cannot_be_told_again_is_not_looked_up(asking: Asking, question: str, path: str) -> None:
    asking.answers(
        whole({"object": "list", "data": [], "model": "gpt-5.1", "usage": {"prompt_tokens": 1, "total_tokens": 1}})
    )
    body = {"model": "gpt-5.1", "prompt": question, "input": question}
    status, headers, _ = asking.proxy.post(path, body)
    assert (status, headers["x-tally-cache"]) == (200, "off")
    status, headers, _ = asking.proxy.post(path, body, {"Cache-Control": "max-age=9, only-if-cached"})
    assert (status, headers["x-should-retry"], asking.asked()) == (504, "false", 1)


# -- what is never kept


def _tool_calls() -> dict[str, Any]:
    message = {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]}
    return choice(message=message, finish_reason="tool_calls")


CUT = [*openai_stream()[:3]]
UNKEPT: dict[str, tuple[Kind, bool, Script]] = {
    "truncated": (CHAT, False, whole(choice(finish_reason="length"))),
    "filtered": (CHAT, False, whole(choice(finish_reason="content_filter"))),
    "a tool call": (CHAT, False, whole(_tool_calls())),
    "a refusal": (CHAT, False, whole(choice(message={"role": "assistant", "content": None, "refusal": "No."}))),
    "another model": (CHAT, False, whole(OPENAI_CHAT | {"model": "gpt-5.1-mini"})),
    "a model without a name": (CHAT, False, whole(OPENAI_CHAT | {"model": ""})),
    "no usage": (CHAT, False, whole({name: part for name, part in OPENAI_CHAT.items() if name != "usage"})),
    "an error": (CHAT, False, failing(400)),
    "no JSON": (CHAT, False, whole(b"<html>", content_type="text/html")),
    "too large": (CHAT, False, whole(said("word " * 60_000))),
    "a stream without its end": (CHAT, True, streamed(CUT)),
    "a stream that broke": (CHAT, True, streamed(CUT, then=close())),
    "a truncated message": (ANTHROPIC, False, whole(ANTHROPIC.answer | {"stop_reason": "max_tokens"})),
    "a blocked candidate": (
        GEMINI_KIND, False,
        whole(GEMINI | {"candidates": [GEMINI["candidates"][0] | {"finishReason": "SAFETY"}]}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNKEPT)
def test_what_did_not_end_well_is_never_kept(asking: Asking, question: str, name: str) -> None:
    kind, stream, script = UNKEPT[name]
    asking.answers(script)
    if "broke" in name:
        with pytest.raises(IncompleteRead):
            asking.ask(kind, question, stream=stream)
    else:
        first = asking.ask(kind, question, stream=stream)
        assert first.cache == "miss"
        assert "; stored" not in first.headers["cache-status"]
    asking.answers(kind.script(stream=stream))
    second = asking.ask(kind, question, who="cem", stream=stream)
    assert (second.cache, second.text(), asking.asked()) == ("miss", "Hello there", 1)


def test_an_answer_that_repeats_what_the_key_leaves_out_is_not_kept(asking: Asking, question: str) -> None:
    text = f"request_id: {SPAN}\n{question}"
    asking.answers(whole(said(f"Of {SPAN}: sails are set.")))
    asking.ask(CHAT, text)
    assert asking.ask(CHAT, text, who="cem").cache == "miss"


def test_an_answer_is_no_longer_given_when_its_time_is_over(asking: Asking, question: str) -> None:
    asking.ask(CHAT, question, who="tom")
    time.sleep(1.2)
    assert asking.ask(CHAT, question, who="tom").cache == "miss"


# -- on paper


def test_shadow_counts_and_serves_nothing(asking: Asking, question: str) -> None:
    assert asking.ask(CHAT, question, who="sia").cache == "miss"
    got = asking.ask(CHAT, question, who="sol")
    assert (got.cache, got.text(), asking.asked()) == ("shadow-hit", "Hello there", 2)
    row = asking.row(got)
    assert (row.cache, row.outcome, row.cost_nusd, row.saved_nusd) == ("shadow-hit", Outcome.OK, 18_000_000, 0)
    assert asking.ask(CHAT, question, who="bea").cache == "miss"  # what was counted is given to nobody
    wait_metric(asking.proxy, 'tallygate_cache_shadow_usd_total{team="growth"} 0.018')


# -- limits


def test_hits_count_as_requests(asking: Asking, question: str) -> None:
    asking.ask(CHAT, question)
    first, second, third = (asking.ask(CHAT, question, who="ray", cache="max-age=600") for _ in range(3))
    assert (first.status, first.cache, first.headers["x-ratelimit-remaining-requests"]) == (200, "hit", "1")
    assert second.status == 200
    assert third.status == 429
    refused = asking.row(third)
    assert (refused.outcome, refused.attempt, refused.saved_nusd) == (Outcome.DENIED, 0, 0)


def test_a_spent_budget_still_gets_what_costs_nothing(asking: Asking, question: str) -> None:
    asking.ask(CHAT, question)
    assert asking.ask(CHAT, "And how are its roots kept?", who="pip").status == 200
    assert asking.ask(CHAT, "And how are its buds kept?", who="pip").status == 429
    hit = asking.ask(CHAT, question, who="pip")
    assert (hit.status, hit.cache) == (200, "hit")
    assert asking.row(hit).charges == ()

"""What is stored is what the model said; what a caller may read of it is that caller's rules' and values' matter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count

import pytest

from proxy.domain.row import Outcome
from tests.support import canaries
from tests.support.policed import policed, sent, until
from tests.support.reusing import CHAT, Asking, said
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import Script, streamed, whole

RULES = """\
  - name: reuse
    cache: { mode: near, share: team, ttl: 1h }
  - name: mask
    match: { users: [bea@acme.example, cem@acme.example] }
    inspect: { find: [pii.email], in: [prompt], then: redact, restore: true }
  - name: warn
    mode: warn
    match: { users: [wim@acme.example] }
    inspect: { find: [pii.email], in: [prompt], then: deny }
  - name: watch
    mode: audit
    match: { users: [ada@acme.example, abe@acme.example] }
    inspect: { find: [pii.email], in: [prompt], then: deny }
  - name: no-mail
    match: { users: [dan@acme.example] }
    inspect: { find: [pii.email], in: [answer], then: deny }
  - name: blacken
    match: { users: [eve@acme.example] }
    inspect: { find: [pii.email], in: [answer], then: redact }
"""
PEOPLE = dict.fromkeys(("bea", "cem", "wim", "ada", "abe", "dan", "eve", "fay"), "growth")
MAIL = "lena.vogt@gmx.de"
_NUMBERS = count()


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    home = tmp_path_factory.mktemp("home")
    with ScriptedUpstream() as upstream, policed(home, upstream, RULES, PEOPLE) as proxy:
        yield Asking(proxy, upstream)
        until(lambda: bool(proxy.rows()))
        kept = b"".join(canaries.stored(home / "state"))
    assert canaries.found_in(kept, "rosa@gmx.de") == []  # of prompts that were masked


@pytest.fixture
def question() -> str:
    """One that nobody has asked."""
    return f"Explain how the sails of boat {next(_NUMBERS)} are set by a crew"


def echo(asking: Asking, *, stream: bool = False) -> None:
    """Have the upstream say what stands behind the colon of the prompt."""

    async def script(talk: object) -> None:
        word = sent(asking.upstream)["messages"][0]["content"].rpartition(": ")[2]
        steps = answer(f"Write to {word} now.", stream=stream)
        for step in (steps,) if callable(steps) else steps:
            await step(talk)  # type: ignore[arg-type]  # a talk is what it is

    asking.answers(script)


def answer(text: str, *, stream: bool = False) -> Script:
    if not stream:
        return whole(said(text))
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5.1"}
    cut = len(text) // 2
    deltas = [{"role": "assistant", "content": ""}, {"content": text[:cut]}, {"content": text[cut:]}]
    chunks = [base | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append(base | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
    chunks.append(base | {"choices": [], "usage": usage})
    return streamed([*(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks), b"data: [DONE]\n\n"])


@pytest.mark.parametrize("again", [False, True], ids=["whole again", "streamed again"])
@pytest.mark.parametrize("first", [False, True], ids=["whole", "streamed"])
def test_masked_values_come_back_to_the_caller_who_sent_them(
    asking: Asking, question: str, *, first: bool, again: bool
) -> None:
    echo(asking, stream=first)
    prompt = f"{question}: rosa@gmx.de"
    assert asking.ask(CHAT, prompt, stream=first).text() == "Write to rosa@gmx.de now."
    hit = asking.ask(CHAT, prompt, stream=again)
    assert (hit.cache, hit.text(), asking.asked()) == ("hit", "Write to rosa@gmx.de now.", 1)
    assert asking.row(hit).edits[0] == "redacted"


def test_masked_values_of_two_people_are_two_requests(asking: Asking, question: str) -> None:
    echo(asking)
    assert asking.ask(CHAT, f"{question}: rosa@gmx.de", who="bea").cache == "miss"
    other = asking.ask(CHAT, f"{question}: rosa@gmx.de", who="cem")
    assert (other.cache, other.text()) == ("miss", "Write to rosa@gmx.de now.")
    assert asking.ask(CHAT, f"{question}: rose@gmx.de", who="cem").text() == "Write to rose@gmx.de now."


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_rules_about_answers_hold_for_those_that_are_reused(asking: Asking, question: str, *, stream: bool) -> None:
    asking.answers(answer(f"Write to {MAIL}.", stream=stream))
    assert MAIL in asking.ask(CHAT, question, who="fay", stream=stream).text()
    refused = asking.ask(CHAT, question, who="dan")
    assert (refused.status, refused.json()["policy"]["rule"], refused.cache) == (400, "walk/no-mail", "hit")
    row = asking.row(refused)
    assert (row.outcome, row.attempt, row.cache, row.cost_nusd, row.saved_nusd) == (Outcome.DENIED, 0, "hit", 0, 0)
    masked = asking.ask(CHAT, question, who="eve", stream=stream)
    assert (masked.cache, MAIL in masked.text(), "EMAIL-" in masked.text()) == ("hit", False, True)
    assert asking.asked() == 1


def test_what_a_caller_may_not_read_is_stored_as_the_model_said_it(asking: Asking, question: str) -> None:
    asking.answers(answer(f"Write to {MAIL}."))
    assert asking.ask(CHAT, question, who="dan").status == 400
    given = asking.ask(CHAT, question, who="fay")
    assert (given.cache, MAIL in given.text(), asking.asked()) == ("hit", True, 1)


def test_a_prompt_with_what_goes_on_unmasked_is_not_looked_up(asking: Asking, question: str) -> None:
    asking.answers(CHAT.script())
    for _ in range(2):
        got = asking.ask(CHAT, f"{question}: {MAIL}", who="wim")
        assert (got.status, got.cache, got.why) == (200, "bypass", "content")
    assert asking.ask(CHAT, question, who="wim").cache == "miss"


def test_nobody_feels_a_rule_in_audit(asking: Asking, question: str) -> None:
    asking.answers(CHAT.script())
    assert [asking.ask(CHAT, f"{question}: {MAIL}", who=who).cache for who in ("ada", "abe")] == ["miss", "hit"]

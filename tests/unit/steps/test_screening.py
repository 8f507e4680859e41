"""A prompt is looked through once, whole, in every dialect; and only what rules in force replace is another byte."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any, cast

import pytest

from proxy.config.directory import Directory
from proxy.config.routes import Routes
from proxy.dialects import routes
from proxy.dialects.base import Match
from proxy.domain.ask import Ask
from proxy.domain.decision import Decision, Inspection
from proxy.domain.errors import ContentRefused
from proxy.domain.upstream import PriceOverride, Upstream
from proxy.metering.prices import PriceBook
from proxy.policy.content.contents import Contents
from proxy.policy.content.pack import PACK
from proxy.policy.generation import Policy
from proxy.policy.rule import Mode, PolicySet
from proxy.policy.terms import Inspect
from proxy.steps.generation import Generation
from proxy.steps.planning import plan_of
from proxy.steps.screening import NotLookedYet, looked_through, screened, unnamed
from proxy.steps.upload import Upload
from proxy.steps.upload_heard import Heard, NotReadYet
from proxy.steps.visit import Plan, Visit
from tests.support.contents import KEY, MAIL, make_wish
from tests.support.plans import ANN, FixedRequest, Recorder, make_call, make_visit, make_world, price_table
from tests.support.rules import make_rule

CONTENTS = Contents(PACK)
MASK = make_wish(rule="org/mask", find=("pii",), then="redact", restore=True)
TURN = [{"role": "user", "content": f"write to {MAIL}"}]
BODIES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/v1/chat/completions", {"model": "m", "messages": TURN}),
    ("/v1/completions", {"model": "m", "prompt": MAIL}),
    ("/v1/responses", {"model": "m", "input": [{"role": "user", "content": MAIL}], "instructions": MAIL}),
    ("/v1/embeddings", {"model": "m", "input": ["a", MAIL]}),
    ("/v1/images/generations", {"model": "m", "prompt": f"a card for {MAIL}"}),
    ("/v1/audio/speech", {"model": "m", "input": f"call {MAIL}", "voice": "x"}),
    ("/v1/messages", {"model": "m", "max_tokens": 9, "messages": TURN, "metadata": {"user_id": MAIL}}),
    ("/v1/messages/count_tokens", {"model": "m", "messages": TURN}),
    ("/v1beta/models/m:generateContent", {"contents": [{"parts": [{"text": MAIL}]}]}),
    ("/v1beta/models/m:streamGenerateContent?alt=sse", {"contents": [{"parts": [{"text": MAIL}]}]}),
    ("/v1beta/interactions", {"model": "m", "input": MAIL}),
    ("/api/chat", {"model": "m", "messages": TURN}),
    ("/api/generate", {"model": "m", "prompt": MAIL}),
    ("/v2/chat", {"model": "m", "messages": TURN}),
    ("/v2/rerank", {"model": "m", "query": MAIL, "documents": ["a", MAIL]}),
    ("/model/m/converse", {"messages": [{"role": "user", "content": [{"text": MAIL}]}]}),
    ("/model/m/invoke", {"prompt": MAIL, "max_tokens_to_sample": 9}),
    (
        "/v1/projects/p/locations/l/publishers/google/models/m:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": MAIL}]}]},
    ),
    (
        "/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict",
        {"anthropic_version": "vertex-2023-10-16", "max_tokens": 9, "messages": TURN},
    ),
)


def at(path: str, *, contents: Contents = CONTENTS) -> tuple[Visit, Match]:
    match = routes.find("POST", path.partition("?")[0])
    assert match is not None, path
    upstream = Upstream("u", match.dialect.family, "https://u.example", prices=PRICES)
    generation = Generation(
        "g1",
        Directory("acme", secret=b"of this installation"),
        Routes((upstream,)),
        PriceBook(price_table(), (upstream,)),
        Policy(PolicySet("g1")),
        content=contents,
    )
    visit = make_visit(generation=generation, principal=ANN, dialect=match.dialect, request=FixedRequest(path))
    return visit, match


PRICES = (PriceOverride(rates=(("input", 1_000), ("output", 2_000), ("per_search", 1))),)


def understood(match: Match, path: str, body: bytes) -> Ask:
    return match.dialect.understand(match, body, path.partition("?")[2], {})


def deciding(*wishes: Inspection) -> Decision:
    return Decision("d_1", "g1", inspections=wishes)


@pytest.mark.parametrize(("path", "members"), BODIES, ids=[path for path, _ in BODIES])
def test_every_dialect_is_sent_placeholders_and_every_other_byte_as_it_came(path: str, members: dict[str, Any]) -> None:
    visit, match = at(path)
    body = json.dumps(members, indent=1).encode() + b" \n"
    ask = understood(match, path, body)
    seen = screened(Recorder(), visit, make_call(), ask, deciding(MASK))
    assert seen is not None
    assert seen.vault is not None
    sent = seen.sent.ask
    (made,) = {sent.body[start:end] for start, end, _ in seen.vault.places(sent.body.decode())}
    assert sent.body == body.replace(MAIL.encode(), made)
    assert all(MAIL not in text for text in sent.features.texts)
    assert sent == understood(match, path, sent.body)
    assert seen.edits == ("redacted",)


@pytest.mark.parametrize(("path", "members"), BODIES, ids=[path for path, _ in BODIES])
def test_every_dialect_refuses_what_is_denied(path: str, members: dict[str, Any]) -> None:
    visit, match = at(path)
    ask = understood(match, path, json.dumps(members).encode())
    seen = screened(Recorder(), visit, make_call(), ask, deciding(make_wish(find=("pii.email",))))
    assert seen is not None
    (denial,) = seen.judge(deciding()).denials
    assert "pii.email" in denial.message
    assert seen.sent.ask is ask


def test_a_call_about_which_no_rule_speaks_is_not_parsed() -> None:
    visit, match = at("/v1/chat/completions")
    ask = Ask(match.endpoint, "m", b"this is no JSON")
    assert screened(Recorder(), visit, make_call(), ask, deciding()) is None
    assert screened(Recorder(), visit, make_call(), ask, deciding(make_wish(places=("answer",)))) is None


def test_a_prompt_is_looked_through_once_however_many_attempts_are_made() -> None:
    path, members = BODIES[0]
    visit, match = at(path)
    gauge, ask = Recorder(), understood(match, path, json.dumps(members).encode())
    first = screened(gauge, visit, make_call(), ask, deciding(MASK))
    assert screened(gauge, visit, make_call(), ask, deciding(MASK)) is first
    assert gauge.said == [("org/mask", ("enforce", "prompt", "pii.email", 1))]
    other = screened(gauge, visit, make_call(), ask, deciding(MASK, make_wish()))
    assert other is not first
    assert other is not None
    assert first is not None
    assert other.sent.ask.body == first.sent.ask.body


def test_what_is_escaped_in_json_is_found_and_what_is_a_picture_is_not_looked_at() -> None:
    visit, match = at("/v1/chat/completions")
    hidden = "".join(f"\\u{ord(char):04x}" for char in KEY).encode()
    body = b'{"model":"m","messages":[{"role":"user","content":"' + hidden + b'"}]}'
    seen = screened(Recorder(), visit, make_call(), understood(match, "", body), deciding(make_wish()))
    assert seen is not None
    assert seen.looked.ruling.is_denied


def planned(body: dict[str, Any], *rules: Inspect, mode: Mode = Mode.ENFORCE) -> tuple[Plan, Plan]:
    """The plan of a call under rules, and the plan of the same call without any."""
    plans = []
    for said in ((), rules):
        visit, match = at("/v1/chat/completions")
        generation = visit.generation
        made = tuple(make_rule(terms, f"org/{number}", mode=mode) for number, terms in enumerate(said))
        visit.generation = Generation(
            generation.id,
            generation.directory,
            generation.routes,
            generation.prices,
            Policy(PolicySet("g1", made)),
            content=generation.content,
        )
        (upstream,) = generation.routes.upstreams
        ask = understood(match, "", json.dumps(body).encode())
        plans.append(plan_of(make_world(), visit, make_call(), ask, upstream, 1))
    return plans[1], plans[0]


def test_what_is_held_and_learnt_from_is_what_is_sent() -> None:
    many = {"model": "m", "messages": [{"role": "user", "content": f"{MAIL} " * 40}]}
    masked, plain = planned(many, Inspect(("pii.email",), then="redact"))
    assert masked.estimate.text_bytes == masked.ask.features.text_bytes < plain.estimate.text_bytes
    assert masked.facts_json == plain.facts_json
    assert MAIL not in repr(masked)
    assert masked.outgoing().edits == ("redacted",)
    assert MAIL.encode() not in masked.outgoing().body


@pytest.mark.parametrize("mode", [Mode.AUDIT, Mode.WARN])
def test_a_rule_that_only_watches_leaves_the_plan_as_it_is(mode: Mode) -> None:
    body = {"model": "m", "messages": TURN}
    watched, plain = planned(body, Inspect(("pii.email",), then="redact"), Inspect(("pii",)), mode=mode)
    assert (watched.estimate, watched.amounts, watched.outgoing()) == (plain.estimate, plain.amounts, plain.outgoing())


def test_a_denied_prompt_is_refused_before_anything_is_held_with_words_and_without_its_text() -> None:
    with pytest.raises(ContentRefused) as refused:
        planned({"model": "m", "messages": TURN}, Inspect(("pii.email",)))
    error = refused.value
    assert (error.status, error.code) == (400, "content_policy_violation")
    assert error.policy is not None
    assert (error.policy.rule, error.policy.owner) == ("org/0", "security@acme.example")
    assert MAIL not in repr(error.__dict__)


class Hours:
    """A clock on which every look takes an hour."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        self.at += 3600
        return self.at


def test_a_long_prompt_is_looked_through_while_others_are_served_to_the_same_end() -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": f"{MAIL}, " * 900}] * 3}).encode()
    at_once, match = at("/v1/chat/completions")
    ask = match.dialect.understand(match, body, "", {})
    whole = screened(Recorder(), at_once, make_call(), ask, deciding(MASK))
    visit, gauge = at("/v1/chat/completions")[0], Recorder()
    with pytest.raises(NotLookedYet) as told:
        screened(gauge, visit, make_call(), ask, deciding(MASK), Hours())
    assert (visit.screened, gauge.said) == (None, [])
    asyncio.run(looked_through(gauge, visit, told.value, asyncio.Lock()))
    seen = screened(gauge, visit, make_call(), ask, deciding(MASK), Hours())
    assert whole is not None
    assert seen is not None
    assert seen.sent.ask.body == whole.sent.ask.body != body
    assert seen.looked.counts == whole.looked.counts == ((2700,),)
    assert MAIL.encode() not in seen.sent.ask.body


def test_a_short_prompt_waits_for_nobody_whatever_stands_in_it() -> None:
    visit, match = at("/v1/chat/completions")
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": f"{MAIL}, " * 100}]}).encode()
    ask = match.dialect.understand(match, body, "", {})
    assert screened(Recorder(), visit, make_call(), ask, deciding(MASK), Hours()) is not None


def test_an_upload_is_looked_through_while_others_are_served_as_any_long_prompt() -> None:
    visit, match = at("/v1/chat/completions")
    visit.upload, visit.heard = cast("Upload", object()), Heard([f"{MAIL}, " * 900])
    ask, wish = Ask(match.endpoint, "m", b""), deciding(make_wish(find=("pii",)))  # nothing of an upload is in the ask
    with pytest.raises(NotLookedYet) as told:
        screened(Recorder(), visit, make_call(), ask, wish, Hours())
    asyncio.run(looked_through(Recorder(), visit, told.value, asyncio.Lock()))
    seen = screened(Recorder(), visit, make_call(), ask, wish, Hours())
    assert seen is not None
    assert seen.looked.counts == ((900,),)


LEFT = Heard(unread="too much", is_left=True)


def test_an_upload_that_no_rule_in_force_waits_for_is_told_as_unread_and_nobody_is_warned() -> None:
    visit, match = at("/v1/chat/completions")
    visit.upload, visit.heard = cast("Upload", object()), None
    ask, watching = Ask(match.endpoint, "m", b""), make_wish(mode="warn")
    with pytest.raises(NotReadYet) as told:
        screened(Recorder(), visit, make_call(), ask, deciding(watching))
    assert not told.value.may_wait
    visit.heard = LEFT
    seen = screened(Recorder(), visit, make_call(), ask, deciding(watching))
    assert seen is not None
    assert (seen.judge(deciding(watching)).warnings, seen.judge(deciding(watching)).denials) == ((), ())


def test_an_upload_that_was_left_unread_is_read_once_a_rule_in_force_must_look() -> None:
    visit, match = at("/v1/chat/completions")
    visit.upload, visit.heard = cast("Upload", object()), LEFT
    with pytest.raises(NotReadYet) as told:
        screened(Recorder(), visit, make_call(), Ask(match.endpoint, "m", b""), deciding(make_wish()))
    assert told.value.may_wait


@pytest.mark.parametrize("text", ["hi", MAIL])
def test_a_session_that_came_in_a_header_is_dropped_where_rules_in_force_find_something_in_it(text: str) -> None:
    path = "/v1/chat/completions"
    for named, kept in ((MAIL, None), ("run-7", "run-7")):
        visit, match = at(path)
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
        visit.request = FixedRequest(path, {"x-session-id": named})
        ask = match.dialect.understand(match, body, "", visit.request.headers)
        seen = screened(Recorder(), visit, make_call(session=ask.session), ask, deciding(MASK))
        assert ask.session == named
        assert seen is not None
        assert seen.call.attribution.session == kept


@pytest.mark.parametrize("mode", list(Mode))
def test_a_session_that_nobody_looked_at_is_not_written_down_where_rules_inspect_prompts(mode: Mode) -> None:
    def session(*rules: Inspect, decision: Decision | None = None) -> str | None:
        visit, _ = at("/v1/chat/completions")
        made = tuple([make_rule(terms, mode=mode) for terms in rules])
        visit.generation = dataclasses.replace(visit.generation, policy=Policy(PolicySet("g1", made)))
        visit.call, visit.decision = make_call(session=MAIL), decision
        call = unnamed(visit)
        assert call is not None
        return call.attribution.session

    assert session() == session(Inspect(("pii",), places=("answer",))) == MAIL
    assert session(Inspect(("pii",))) is None
    assert session(Inspect(("pii",)), decision=deciding(MASK)) is None  # it was to be looked at, and was not yet
    assert session(Inspect(("pii",)), decision=deciding()) == MAIL  # no such rule speaks about this call

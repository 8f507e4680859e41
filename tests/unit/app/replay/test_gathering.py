"""From rows to calls: attempts are one call, refusals have an estimate, and nothing is left out silently."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.app.replay.gathering import GUESSED_S, Gathering, Left
from proxy.app.replay.people import People
from proxy.app.replay.recorded import Recorded, line_of
from proxy.config.directory import Directory, Team, User
from proxy.domain.row import Outcome
from proxy.domain.usage import Usage
from proxy.journal.traffic import Attempt, ByRule
from tests.support.rules import facts

DIRECTORY = Directory("acme", teams=[Team("growth")], users=[User("ann@acme.example", "growth")], secret=b"s")
ANN = DIRECTORY.pseudonym("user", "ann@acme.example")
FACTS = facts(cost_nusd=70, person=ANN, key="")


def attempt(**fields: Any) -> Attempt:
    usual: dict[str, Any] = {
        "request_id": "0196a1f2-0000-7000-8000-000000000001", "attempt": 1, "at": 5.0, "org": "acme", "principal": ANN,
        "key_id": "k", "outcome": Outcome.OK, "decision": "d_1", "facts": FACTS.canonical(),
        "usage": Usage(input=10, output=5), "cost_nusd": 40, "held_nusd": 60, "duration_ms": 2000.0,
    }  # fmt: skip
    return Attempt(**(usual | fields))


REFUSED = {"attempt": 0, "outcome": Outcome.DENIED, "cost_nusd": 0, "usage": Usage(), "duration_ms": 1.0}


def gathered(*calls: tuple[Attempt, ...]) -> tuple[list[Recorded], dict[Left, int]]:
    gathering = Gathering(People(DIRECTORY))
    return list(gathering.of_rows(calls)), dict(gathering.left)


def test_attempts_are_one_call_whose_costs_and_tokens_add_up() -> None:
    (call,), left = gathered((attempt(cost_nusd=3, duration_ms=500.0), attempt(attempt=2, routed="gpt-5-mini")))
    assert (call.cost_nusd, call.last_nusd, call.tokens, call.seconds) == (43, 40, 30, 2.0)
    assert (call.routed, call.answered, call.held_nusd, left) == ("gpt-5-mini", True, 60, {})


def test_the_user_comes_from_the_directory() -> None:
    (call,), _ = gathered((attempt(),))
    assert (call.facts.user, call.facts.org, call.facts.key) == ("ann@acme.example", "acme", "k")


def test_a_refused_call_has_its_rule_an_estimate_and_the_time_that_others_took() -> None:
    refused = attempt(**REFUSED, refused=ByRule("org/day"))
    (first, _, last), _ = gathered((refused,), (attempt(),), (refused,))
    assert (first.seconds, last.seconds) == (GUESSED_S, 2.0)
    assert (last.answered, last.refused_by, last.cost_nusd, last.worth_nusd) == (False, "org/day", 0, 70)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (REFUSED | {"facts": b"{}"}, Left.NO_FACTS),
        ({"facts": b"{}"}, Left.NO_FACTS),
        ({"facts": b'{"team":1}'}, Left.NO_FACTS),
        (REFUSED | {"error": "content_policy_violation"}, Left.CONTENT),
        (REFUSED | {"outcome": Outcome.CACHE_HIT}, Left.CACHED),
        (REFUSED | {"outcome": Outcome.PROXY_ERROR}, Left.UNREACHED),
        (REFUSED | {"outcome": Outcome.CLIENT_ABORT}, Left.UNREACHED),
        ({"principal": "p_gone", "key_id": "gone"}, Left.GONE),
    ],
)
def test_what_cannot_be_replayed_is_counted_with_its_reason(fields: dict[str, Any], why: Left) -> None:
    assert gathered((attempt(**fields),)) == ([], {why: 1})


def test_a_call_that_no_policy_saw_is_no_traffic() -> None:
    assert gathered((attempt(**REFUSED | {"decision": "", "facts": b"{}"}),)) == ([], {})


def test_an_export_names_nobody() -> None:
    (call,) = Gathering(None).of_rows([(attempt(),)])
    assert b"ann" not in line_of(call)
    (named,) = Gathering(People(DIRECTORY)).of_file([call])
    assert named.facts.user == "ann@acme.example"

"""What a row tells of its decision afterwards, and how sure that is."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from proxy.domain.errors import PolicyNote
from proxy.domain.row import Outcome, Row
from proxy.policy.generation import Policy
from proxy.policy.rule import PolicySet
from proxy.policy.terms import Deny
from proxy.steps import account
from tests.support.plans import make_generation
from tests.support.rows import a_row
from tests.support.rules import FACTS, make_rule

GENERATION = dataclasses.replace(
    make_generation(), policy=Policy(PolicySet("41c9e02", (make_rule(Deny("No."), "org/no"),)))
)
NOTE = PolicyNote("org/day", "d_1", limit="$1.00", used="$0.99", resets_at="2026-11-24T00:00:00+00:00", owner="finance")


def row(**fields: Any) -> Row:
    usual = {
        "decision": "d_1",
        "generation": "41c9e02",
        "facts": FACTS.canonical(),
        "outcome": Outcome.DENIED,
        "status": 429,
    }
    return a_row(**(usual | fields))


def test_a_row_with_words_speaks_for_itself() -> None:
    told = account.account(row(refused=NOTE, why=("refused",)), GENERATION, "")
    assert (told.why, told.note, told.refused_by) == (("refused",), account.THEN, ("org/day",))
    assert (told.limit, told.used, told.resets_at, told.owner) == ("$1.00", "$0.99", NOTE.resets_at, "finance")


def test_a_refusal_without_words_is_decided_again_by_the_same_rules() -> None:
    told = account.account(row(refused=msgspec.structs.replace(NOTE, rule="org/no")), GENERATION, "ann@acme.example")
    assert told.note == account.AGAIN
    assert told.why[0].startswith("refused 403  org/no")
    assert told.refused_by == ("org/no",)


def test_what_became_of_it_at_the_cache_is_told_with_the_reason() -> None:
    for fields, line in (
        ({"cache": "bypass", "cache_reason": "time-sensitive"}, "cache    bypass (time-sensitive)"),
        ({"cache": "miss", "cache_reason": "other-upstream"}, "cache    miss (other-upstream)"),
        ({"cache": "near"}, "cache    near"),
    ):
        assert account.account(row(**fields), GENERATION, "").why[-1] == line
    for quiet in ("miss", "off", "verify"):
        assert not any(line.startswith("cache ") for line in account.account(row(cache=quiet), GENERATION, "").why)


def test_a_refusal_by_a_counter_is_never_explained_as_a_pass() -> None:
    quiet = dataclasses.replace(GENERATION, policy=Policy(PolicySet("41c9e02")))
    told = account.account(row(refused=NOTE), quiet, "")
    assert told.note == account.SHORT
    assert told.why == (
        "refused 429  org/day  generation 41c9e02, decision d_1",
        "  why    $0.99 of $1.00",
        "  resets 2026-11-24T00:00:00+00:00",
        "  ask    finance",
    )


def test_what_happened_is_never_disputed() -> None:
    told = account.account(row(outcome=Outcome.OK, status=200), GENERATION, "")
    assert (told.why, told.refused_by) == ((), ())


def test_a_masked_prompt_is_told_without_what_was_masked() -> None:
    quiet = dataclasses.replace(GENERATION, policy=Policy(PolicySet("41c9e02")))
    for generation in (quiet, None):
        told = account.account(row(outcome=Outcome.OK, status=200, edits=("model", "redacted")), generation, "")
        assert told.why[-1] == "masked   the prompt was redacted before it was sent"
    assert not any("masked" in line for line in account.account(row(edits=("model",)), quiet, "").why)


def test_without_rules_a_row_tells_what_it_knows() -> None:
    passed = account.account(row(outcome=Outcome.OK, status=200, routed="small", model_requested="large"), None, "")
    assert (passed.why, passed.note) == (("routed   to small instead of large",), account.OLD)
    assert account.account(row(refused=NOTE), None, "").note == account.SHORT
    assert not account.asks_rules(row(why=("refused",)))
    assert not account.asks_rules(row(decision=""))
    assert account.asks_rules(row())


def test_rules_that_are_no_longer_in_force_are_not_put_into_its_mouth() -> None:
    told = account.account(row(generation="0ld0ld0"), GENERATION, "")
    assert (told.why, told.note) == ((), account.OLD)


def test_facts_that_this_release_cannot_read_are_no_facts() -> None:
    assert account.account(row(facts=b"{}"), GENERATION, "").note == account.OLD


def test_a_call_that_was_never_decided_says_so() -> None:
    told = account.account(row(decision="", facts=b"{}"), GENERATION, "")
    assert (told.why, told.note) == ((), account.NEVER)

"""What callers did lately: what is gathered for rules, and what counts as a call, an error, an abandoned one."""

from __future__ import annotations

import asyncio
import dataclasses

import msgspec
import pytest

from proxy.domain.decision import Decision, Routed, Watch
from proxy.domain.errors import BadRequest, ClientGone, Forbidden, PolicyNote, QuotaSpent, Throttled, UpstreamFailed
from proxy.domain.lately import Counts, Lately
from proxy.domain.row import Outcome, Row
from proxy.domain.trace import Note, Said
from proxy.policy.facts import Facts, Recent
from proxy.policy.terms import Deny, Rung, Waste
from proxy.steps import recent
from proxy.steps.rows import open_row
from proxy.steps.visit import Visit
from proxy.steps.world import World
from tests.support.paper_usage import PaperUsage
from tests.support.plans import make_call, make_plan, make_visit, make_world
from tests.support.rules import facts, make_policy, make_rule

LADDER = Waste((("errors", 100.0),), "1h", "user", 200, (Rung("warn"),))
ASKING = make_policy(
    make_rule(LADDER, "org/loop"), make_rule(msgspec.structs.replace(LADDER, per="model"), "org/model")
)
SILENT = make_policy(make_rule(Deny("x"), "org/deny", match=()))
KNOWN = Lately(Counts(3, 2, 1, 40), Counts(7, 5, 4, 1_500_000_000), (("org/loop", 77), ("org/gone", 9)))


@pytest.fixture
def usage() -> PaperUsage:
    return PaperUsage()


@pytest.fixture(scope="module")
def any_world() -> World:
    return make_world()


@pytest.fixture
def world(any_world: World, usage: PaperUsage) -> World:
    return dataclasses.replace(any_world, usage=usage)


@pytest.fixture
def visit() -> Visit:
    made = make_visit(call=make_call(), ask=make_plan().ask)
    made.generation = dataclasses.replace(made.generation, policy=ASKING)
    return made


def row(outcome: Outcome, **changes: object) -> Row:
    return msgspec.structs.replace(open_row(make_plan(), ()), outcome=outcome, cost_nusd=50, **changes)


def counted(usage: PaperUsage) -> list[Counts]:
    return [counts for _, _, counts in usage.added]


def test_rules_see_what_their_scopes_did_and_since_when_their_ladders_stand(world: World, usage: PaperUsage) -> None:
    usage.known["user:p_ann"] = KNOWN
    seen = recent.gathered(world, ASKING, facts())
    did = Recent(
        requests_1h=3, errors_1h=2.0, abandoned_1h=1.0, requests_24h=7, errors_24h=5.0, abandoned_24h=4.0, cost_24h=1.5
    )
    assert seen.usage == (("user:p_ann", did),)
    assert seen.waste_since == (("org/loop", 77),)
    assert usage.asked == [("acme", "model:gpt-5.1", ("org/model",)), ("acme", "user:p_ann", ("org/loop",))]


def test_a_row_keeps_what_was_seen_so_that_it_is_decided_the_same_way_again(world: World, usage: PaperUsage) -> None:
    usage.known["user:p_ann"] = KNOWN
    seen = recent.gathered(world, ASKING, facts())
    stored = seen.canonical()
    assert b"ann@acme.example" not in stored
    again = Facts.of_row(stored, org="acme", key="key_1", person="p_ann", user="ann@acme.example")
    assert (again, again.canonical()) == (seen, stored)


def test_a_row_does_not_spell_out_what_did_not_happen(world: World, usage: PaperUsage) -> None:
    usage.known["user:p_ann"] = Lately(Counts(), Counts(1, 0, 0, 0))
    assert b'"usage":[["user:p_ann",{"requests_24h":1}]]' in recent.gathered(world, ASKING, facts()).canonical()


def test_where_no_rule_asks_nothing_is_gathered_and_nothing_counted(
    world: World, usage: PaperUsage, visit: Visit
) -> None:
    visit.generation = dataclasses.replace(visit.generation, policy=SILENT)
    assert recent.gathered(world, SILENT, facts()) is not None
    recent.booked(world, visit, row(Outcome.OK))
    recent.ended(world, visit, BadRequest("?"))
    assert (usage.asked, usage.added) == ([], [])


def test_a_call_that_knows_of_no_usage_has_the_facts_that_it_had(world: World) -> None:
    call = facts()
    assert recent.gathered(world, ASKING, call) is call


def test_watches_are_remembered(world: World, usage: PaperUsage) -> None:
    watch = Watch("org/loop", "user:p_ann", 5, 1)
    recent.remember(world, "acme", Decision("d_1", "g1", watches=(watch,)))
    assert usage.watched == [("acme", watch)]


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [
        (Outcome.OK, Counts(1, 0, 0, 50)),
        (Outcome.UPSTREAM_ERROR, Counts(1, 1, 0, 50)),
        (Outcome.PROXY_ERROR, Counts(1, 1, 0, 50)),
        (Outcome.DENIED, Counts(1, 1, 0, 50)),
        (Outcome.CLIENT_ABORT, Counts(1, 0, 1, 50)),
    ],
)
def test_an_attempt_counts_as_its_caller_saw_it_end(
    world: World, usage: PaperUsage, visit: Visit, outcome: Outcome, counts: Counts
) -> None:
    recent.booked(world, visit, row(outcome))
    assert usage.added == [("acme", ("model:gpt-5.1", "user:p_ann"), counts)]


def test_a_call_that_was_sent_elsewhere_counts_for_the_model_that_answered(
    world: World, usage: PaperUsage, visit: Visit
) -> None:
    visit.decision = Decision("d_1", "g1", route=Routed("org/small", "gpt-5-mini", "gpt-5.1"))
    recent.booked(world, visit, row(Outcome.OK))
    assert usage.added[0][1] == ("model:gpt-5-mini", "user:p_ann")


def test_a_call_counts_once_however_many_upstreams_were_asked(world: World, usage: PaperUsage, visit: Visit) -> None:
    recent.booked(world, visit, row(Outcome.UPSTREAM_ERROR, may_follow=True))
    recent.booked(world, visit, row(Outcome.OK, attempt=2))
    assert counted(usage) == [Counts(nusd=50), Counts(1, 0, 0, 50)]


def test_a_call_whose_last_upstream_could_not_be_asked_counts_as_the_error_that_it_was(
    world: World, usage: PaperUsage, visit: Visit
) -> None:
    recent.booked(world, visit, row(Outcome.UPSTREAM_ERROR, may_follow=True))
    visit.rowed = True
    recent.ended(world, visit, UpstreamFailed("openai"))
    assert counted(usage) == [Counts(nusd=50), Counts(1, 1)]


def test_an_answer_that_is_read_on_after_its_caller_left_counts_once(
    world: World, usage: PaperUsage, visit: Visit
) -> None:
    visit.rowed = True
    recent.ended(world, visit, asyncio.CancelledError())
    recent.booked(world, visit, row(Outcome.CLIENT_ABORT))
    assert counted(usage) == [Counts(1, 0, 1), Counts(nusd=50)]


@pytest.mark.parametrize(
    "error", [BadRequest("?"), Forbidden("no"), Throttled("slowly", retry_after_s=1), QuotaSpent("spent")]
)
def test_our_refusals_are_errors_for_who_calls_again_without_looking(
    world: World, usage: PaperUsage, visit: Visit, error: Exception
) -> None:
    recent.ended(world, visit, error)
    assert counted(usage) == [Counts(1, 1)]


@pytest.mark.parametrize(("rule", "errors"), [("org/loop", 0), ("org/other", 1)])
def test_a_ladder_does_not_stand_on_what_it_refused_itself(
    world: World, usage: PaperUsage, visit: Visit, rule: str, errors: int
) -> None:
    notes = (
        Note("org/loop", "waste", "p:1", "enforce", Said.WASTE),
        Note("org/other", "rate", "p:2", "enforce", Said.OK),
    )
    visit.decision = Decision("d_1", "g1", trace=notes)
    recent.ended(world, visit, Throttled("slowly", retry_after_s=1, policy=PolicyNote(rule=rule, decision="d_1")))
    assert counted(usage) == [Counts(1, errors)]


def test_a_caller_who_left_before_an_upstream_worked_abandoned_nothing(
    world: World, usage: PaperUsage, visit: Visit
) -> None:
    recent.ended(world, visit, ClientGone())
    assert counted(usage) == [Counts(1)]


def test_strangers_are_not_counted(world: World, usage: PaperUsage, visit: Visit) -> None:
    visit.call = None
    recent.ended(world, visit, BadRequest("?"))
    assert usage.added == []


def test_redundancy_is_the_part_of_what_was_compared_that_the_scope_had_asked_before() -> None:
    known = Lately(Counts(looked=300, repeated=100), Counts(looked=80, repeated=80))
    found = recent.recent_of(known)
    assert (found.redundancy_1h, found.redundancy_24h) == (0.3333, 1.0)
    assert recent.recent_of(Lately(Counts(1), Counts(1))).redundancy_24h == 0

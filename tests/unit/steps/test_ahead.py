"""A call is looked up before it waits for anything, and whoever has the duty to find an answer ends it, whatever happens."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from proxy.config.routes import Routes
from proxy.dialects import routes
from proxy.domain.errors import CallError, NotCached, QuotaSpent, UpstreamFailed
from proxy.domain.meter import Held, HoldState, Level
from proxy.domain.reuse import CacheKey, Entry, Hit, Missed
from proxy.domain.row import Outcome, Row
from proxy.domain.upstream import PriceOverride, Queue, Upstream
from proxy.domain.usage import Usage, UsageSource
from proxy.metering.prices import PriceBook
from proxy.policy.generation import Policy
from proxy.policy.rule import PolicySet, Rule
from proxy.policy.terms import Budget, Cache, Pace, Rate
from proxy.ports import Lead
from proxy.steps import failover
from proxy.steps.attempt import Attempt
from proxy.steps.generation import Generation
from proxy.steps.reusing import caller_of
from proxy.steps.visit import Plan, Visit
from proxy.upstream.permits import UpstreamPermits
from tests.e2e.answers import OPENAI_CHAT
from tests.support.paper_answers import PaperAnswers, PaperLead
from tests.support.plans import (
    ANN,
    NOON,
    FixedRequest,
    NoonMeters,
    PaperBooks,
    Recorder,
    held,
    make_call,
    make_visit,
    make_world,
    price_table,
)
from tests.support.rules import make_rule

PRICED = (PriceOverride(rates=(("input", 1_000_000), ("output", 2_000_000))),)
USED = Usage(input=12, output=3, model="gpt-5.1", complete=True, usage_source=UsageSource.REPORTED)
NEAR = make_rule(Cache("near"), "org/reuse")
BODY = {"model": "gpt-5.1", "messages": [{"role": "user", "content": "Explain how sails are set by a crew"}]}


def at(name: str, parallel: int = 9) -> Upstream:
    return Upstream(name, "openai", f"https://{name}.example", prices=PRICED, queue=Queue(parallel, 0))


def hit(**changes: Any) -> Hit:
    body = json.dumps(OPENAI_CHAT).encode()
    entry = Entry("call-1", "openai.chat", "gpt-5.1", b"", b"", float(NOON), 60.0, USED, body)
    return Hit(msgspec.structs.replace(entry, **changes), 2.0, 58.0)


class Walk:
    """One call through ``failover.serve`` with a cache on paper."""

    def __init__(self, says: Hit | Lead | Missed | None, *rules: Rule, upstreams: tuple[Upstream, ...] = ()) -> None:
        self.gauge, self.books, self.answers = Recorder(), PaperBooks(), PaperAnswers(says)
        self.meters = NoonMeters()
        self.world = make_world(self.gauge, self.meters)
        upstreams = upstreams or (at("a"), at("b"))
        self.permits = UpstreamPermits(lambda: 100.0)
        self.world.books, self.world.permits, self.world.answers = self.books, self.permits, self.answers
        generation = Generation(
            "41c9e02",
            make_visit().generation.directory,
            Routes(upstreams),
            PriceBook(price_table(), upstreams),
            Policy(PolicySet("41c9e02", rules or (NEAR,))),
        )
        self.reply = Recorder()
        self.visit = make_visit(self.reply, generation=generation, principal=ANN)
        self.asked: list[tuple[str, str]] = []  # upstream, and what became of the call at the cache
        self.ends: list[BaseException | None] = []

    async def serve(self, cache: str | None = None, **more: Any) -> None:
        self.visit.request = FixedRequest(headers={"cache-control": cache} if cache else {})
        match = routes.find("POST", "/v1/chat/completions")
        assert match is not None
        ask = match.dialect.understand(match, json.dumps(BODY | more).encode(), "", {})
        await failover.serve(self.world, self.visit, match, make_call(), ask, self._forward)

    async def _forward(self, _: Visit, plan: Plan, __: Attempt) -> None:
        self.asked.append((plan.upstream.name, plan.cached.result))
        end = self.ends.pop(0) if self.ends else None
        if end is not None:
            raise end

    @property
    def rows(self) -> list[Row]:
        return [row for row, _ in self.books.booked]


async def test_without_a_rule_nothing_is_looked_up() -> None:
    walk = Walk(hit(), make_rule(Budget(10**12, "day", "org"), "org/day"))
    await walk.serve()
    assert (walk.answers.asked, walk.asked) == ([], [("a", "off")])
    assert "looked up" not in dict(walk.gauge.said)


async def test_a_hit_asks_nobody_and_holds_nothing() -> None:
    walk = Walk(hit(), NEAR, make_rule(Budget(1, "day", "org"), "org/day"))
    await walk.serve()
    assert (walk.asked, walk.meters.held) == ([], [])
    ((_, (status, head, body)),) = walk.reply.said
    assert (status, head[b"x-tally-cache"], head[b"age"]) == (200, b"near", b"2")
    assert json.loads(body)["choices"] == OPENAI_CHAT["choices"]
    (row,) = walk.rows
    assert (row.attempt, row.outcome, row.cost_nusd, row.saved_nusd) == (0, Outcome.CACHE_HIT, 0, 18)
    assert (row.saved_input, row.saved_output, row.charges) == (12, 3, ())
    assert walk.visit.rowed


async def test_a_hit_waits_in_nobodys_queue() -> None:
    full = at("a", parallel=1)
    walk = Walk(hit(), upstreams=(full,))
    taken = walk.permits.take([full])
    assert taken is not None
    await walk.serve()
    assert [row.outcome for row in walk.rows] == [Outcome.CACHE_HIT]


async def test_requests_are_counted_where_a_rule_counts_them_and_given_back_to_nobody() -> None:
    walk = Walk(hit(), NEAR, make_rule(Rate((Pace("requests", 60, 60), Pace("tokens", 9, 60)), "user"), "org/speed"))
    await walk.serve()
    (hold,) = walk.meters.held
    assert [(draw.unit, draw.amount) for draw in hold.draws] == [("requests", 1)]
    assert (hold.floor_nusd, hold.id) == (0, f"{walk.visit.request_id}:0")
    (row,) = walk.rows
    assert [charge.amount for charge in row.charges] == [1]
    assert walk.meters.ended_at == [(hold, 0)]
    assert len(walk.world.leases) == 0


async def test_a_hit_beyond_the_rate_is_refused() -> None:
    walk = Walk(hit(), NEAR, make_rule(Rate((Pace("requests", 60, 60),), "user"), "org/speed"))

    async def full(*_: object) -> Held:
        return held(Level(over=True, level=60, wait_us=1_000_000), state=HoldState.REFUSED)

    walk.meters.hold = full  # type: ignore[method-assign, assignment]  # this test's store
    with pytest.raises(CallError, match="org/speed"):
        await walk.serve()
    assert (walk.rows, walk.visit.rowed, walk.visit.cached.result) == ([], False, "near")


async def test_the_attempt_that_leads_ends_the_duty() -> None:
    lead = PaperLead()
    walk = Walk(lead)
    await walk.serve()
    assert (walk.asked, len(lead.given_up), lead.deposited) == ([("a", "miss")], 1, [])
    (key, wishes) = walk.answers.asked[0]
    assert isinstance(key, CacheKey)
    assert (key.org, key.scope, wishes["caller"], wishes["max_age_s"]) == ("acme", "team:growth", "k_1:p_ann", 14_400.0)


def test_people_with_tokens_of_one_issuer_are_callers_of_their_own() -> None:
    ann = msgspec.structs.replace(ANN, key_id="jwt:login.acme.example")
    assert caller_of(ann) != caller_of(msgspec.structs.replace(ann, pseudonym="p_rob"))
    assert caller_of(ann) != caller_of(ANN)


async def test_a_refused_hold_ends_the_duty() -> None:
    lead = PaperLead()
    walk = Walk(lead, NEAR, make_rule(Budget(1, "day", "org"), "org/day"))

    async def spent(*_: object) -> Held:
        return held(Level(over=True, level=1), state=HoldState.REFUSED)

    walk.meters.hold = spent  # type: ignore[method-assign, assignment]  # this test's store
    with pytest.raises(QuotaSpent):
        await walk.serve()
    assert len(lead.given_up) == 1


async def test_while_an_upstream_has_no_room_its_duty_is_left_and_who_stands_in_has_its_own() -> None:
    lead, full, other = PaperLead(), at("a", parallel=1), at("b")
    walk = Walk(lead, upstreams=(full, other))
    assert walk.permits.take([full]) is not None
    await walk.serve()
    first, second = [key.name for key, _ in walk.answers.asked]
    assert (walk.asked, walk.visit.cached.key, len(lead.given_up)) == ([("b", "miss")], second, 2)
    assert first != second
    assert (walk.visit.cached.reason, [row.cache for row in walk.rows]) == ("", ["miss"])
    assert [what for what, _ in walk.gauge.said if what == "looked up"] == ["looked up"]


async def test_an_answer_of_an_upstream_without_room_is_given_all_the_same() -> None:
    full = at("a", parallel=1)
    walk = Walk(hit(), upstreams=(full, at("b")))
    assert walk.permits.take([full]) is not None
    await walk.serve()
    assert (walk.asked, len(walk.answers.asked)) == ([], 1)


async def test_whoever_is_to_have_a_fresh_answer_gets_no_other_upstreams_old_one() -> None:
    full = at("a", parallel=1)
    walk = Walk(PaperLead(is_refresh=True), upstreams=(full, at("b")))
    assert walk.permits.take([full]) is not None
    await walk.serve()
    assert [wishes["fresh"] for _, wishes in walk.answers.asked] == [False, True]


async def test_a_cache_that_is_away_is_not_asked_for_who_stands_in() -> None:
    full = at("a", parallel=1)
    walk = Walk(Missed("away"), upstreams=(full, at("b")))
    assert walk.permits.take([full]) is not None
    await walk.serve()
    assert (walk.asked, len(walk.answers.asked), walk.visit.cached.reason) == ([("b", "miss")], 1, "other-upstream")


async def test_what_would_have_been_reused_is_counted_also_where_another_upstream_is_asked() -> None:
    full, rule = at("a", parallel=1), make_rule(Cache("near", shadow=True), "org/reuse")
    walk = Walk(hit(is_shadow=True, body=b""), rule, upstreams=(full, at("b")))
    assert walk.permits.take([full]) is not None
    await walk.serve()
    assert walk.asked == [("b", "shadow-hit")]


async def test_nobody_with_room_ends_the_duty() -> None:
    lead, full = PaperLead(), at("a", parallel=1)
    walk = Walk(lead, upstreams=(full,))
    assert walk.permits.take([full]) is not None
    with pytest.raises(CallError):
        await walk.serve()
    assert len(lead.given_up) == 1


async def test_after_a_failure_the_next_one_is_asked_and_nothing_is_kept() -> None:
    lead = PaperLead()
    walk = Walk(lead)
    walk.ends = [UpstreamFailed("x")]
    await walk.serve()
    assert walk.asked == [("a", "miss"), ("b", "miss")]
    assert (len(lead.given_up), len(walk.answers.asked)) == (1, 1)


@pytest.mark.parametrize("end", [asyncio.CancelledError(), KeyError("a bug"), QuotaSpent("cut")])
async def test_however_an_attempt_ends_the_duty_ends(end: BaseException) -> None:
    lead = PaperLead()
    walk = Walk(lead)
    walk.ends = [end]
    with pytest.raises(type(end)):
        await walk.serve()
    assert len(lead.given_up) == 1


@pytest.mark.parametrize("broken", [{"body": b"{"}, {"api": "anthropic.messages"}, {"is_shadow": True}])
async def test_an_entry_that_nobody_understands_is_replaced(broken: dict[str, Any]) -> None:
    walk = Walk(hit(**broken))
    await walk.serve()
    assert (walk.asked, walk.visit.cached.reason) == ([("a", "miss")], "unreadable")
    assert [wishes["fresh"] for _, wishes in walk.answers.asked] == [False, True]
    assert [(row.attempt, row.cache) for row in walk.rows] == [(1, "miss")]


async def test_a_cache_that_is_away_costs_nothing_but_the_look() -> None:
    walk = Walk(Missed("away"))
    await walk.serve()
    assert (walk.asked, walk.visit.cached.reason) == ([("a", "miss")], "away")


@pytest.mark.parametrize("says", [PaperLead(), Missed("not-cached"), Missed("away")])
async def test_only_if_cached_asks_nobody(says: Lead | Missed) -> None:
    walk = Walk(says)
    with pytest.raises(NotCached):
        await walk.serve("only-if-cached")
    assert walk.asked == []
    assert walk.answers.asked[0][1]["only_if_cached"]
    if isinstance(says, PaperLead):
        assert len(says.given_up) == 1


async def test_a_caller_may_ask_for_less_and_never_for_more() -> None:
    for header, age_s in (("max-age=60", 60), ("max-age=999999", 14_400.0)):
        walk = Walk(Missed("away"))
        await walk.serve(header)
        assert walk.answers.asked[0][1]["max_age_s"] == age_s


async def test_what_is_in_shadow_is_only_counted() -> None:
    rule = make_rule(Cache("near", shadow=True), "org/reuse")
    walk = Walk(hit(is_shadow=True, body=b""), rule)
    await walk.serve()
    assert (walk.asked, walk.answers.put_in) == ([("a", "shadow-hit")], [])
    assert ("looked up", ("shadow-hit", "shadow")) in walk.gauge.said


async def test_two_upstreams_of_one_model_have_answers_of_their_own() -> None:
    names = set()
    for upstream in (at("a"), at("b"), msgspec.structs.replace(at("a"), base_url="https://elsewhere.example")):
        walk = Walk(Missed("away"), upstreams=(upstream,))
        await walk.serve()
        names.add(walk.answers.asked[0][0].name)
    assert len(names) == 3


async def test_only_if_cached_asks_nobody_where_no_rule_speaks_of_repeats() -> None:
    walk = Walk(hit(), make_rule(Budget(10**12, "day", "org"), "org/day"))
    with pytest.raises(NotCached):
        await walk.serve("only-if-cached")
    assert (walk.asked, walk.answers.asked, walk.meters.held) == ([], [], [])
    assert "kept" not in dict(walk.gauge.said)


async def test_only_if_cached_counts_nothing_under_a_rule_in_shadow() -> None:
    walk = Walk(hit(is_shadow=True, body=b""), make_rule(Cache("near", shadow=True), "org/reuse"))
    with pytest.raises(NotCached):
        await walk.serve("only-if-cached")
    assert (walk.asked, walk.answers.asked, walk.answers.put_in) == ([], [], [])
    assert ("looked up", ("miss", "not-cached")) in walk.gauge.said


async def test_a_refusal_at_who_stands_in_ends_the_duty() -> None:
    lead, full = PaperLead(), at("a", parallel=1)
    other = msgspec.structs.replace(at("b"), prices=())
    walk = Walk(lead, upstreams=(full, other))
    assert walk.permits.take([full]) is not None
    with pytest.raises(CallError, match="no price"):
        await walk.serve()
    assert (walk.asked, len(lead.given_up)) == ([], 1)

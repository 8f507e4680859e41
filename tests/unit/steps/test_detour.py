"""Where rules send a call: which upstream is asked for which model, what is held for it, and that it never goes in circles."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from proxy.config.routes import Routes
from proxy.dialects import routes
from proxy.domain.ask import Ask
from proxy.domain.decision import Obligation
from proxy.domain.errors import Forbidden, QuotaSpent, Unavailable, UpstreamFailed
from proxy.domain.meter import Held, Hold, HoldState, Level
from proxy.domain.row import Row
from proxy.domain.upstream import PriceOverride, Upstream
from proxy.metering.prices import PriceBook
from proxy.metering.table import PriceTable
from proxy.policy.generation import Policy
from proxy.policy.rule import Mode, PolicySet, Rule
from proxy.policy.terms import Budget, Deny, Models, Parallel, Route
from proxy.steps import failover
from proxy.steps.attempt import Attempt
from proxy.steps.generation import Generation
from proxy.steps.visit import Plan, Visit
from proxy.upstream.permits import UpstreamPermits
from tests.support.plans import ANN, NOON_US, NoonMeters, PaperBooks, Recorder, make_call, make_visit, make_world
from tests.support.rules import Condition, make_rule

USD = 1_000_000_000
MINI = Route((("openai", "mini"),))


def at(name: str, *models: str, usd: int = 1) -> Upstream:
    prices = (PriceOverride(rates=(("input", usd * 1000), ("output", usd * 1000))),)
    return Upstream(name, "openai", f"https://{name}.example", models=models, prices=prices)


class FullMeters(NoonMeters):
    """Has no room on the meters of these rules."""

    def __init__(self, *full: str) -> None:
        super().__init__()
        self.full = frozenset(full)

    async def hold(self, hold: Hold, wishes: Sequence[Obligation]) -> Held:
        self.held.append(hold)
        levels = tuple(Level(wish.rule in self.full, wish.limit if wish.rule in self.full else 0) for wish in wishes)
        over = any(level.over and wish.enforce for wish, level in zip(wishes, levels, strict=True))
        return Held(HoldState.REFUSED if over else HoldState.ADMITTED, levels, NOON_US)


class Walk:
    """Ann's call for ``gpt-x``, where these rules are in force."""

    def __init__(self, upstreams: Sequence[Upstream], *rules: Rule, full: Sequence[str] = ()) -> None:
        self.gauge, self.books, self.meters = Recorder(), PaperBooks(), FullMeters(*full)
        self.world = make_world(self.gauge, self.meters)
        self.permits = UpstreamPermits(lambda: 100.0)
        self.world.books, self.world.permits = self.books, self.permits
        found = Routes(upstreams)
        policy = Policy(
            PolicySet("41c9e02", rules),
            activate=lambda values: values,
            uses=("request.provider", "request.cost_usd"),
            serves=lambda family, model: bool(found.candidates(family, model)),
        )
        prices = PriceBook(PriceTable.load(), upstreams)
        generation = Generation("41c9e02", make_visit().generation.directory, found, prices, policy)
        self.visit = make_visit(generation=generation, principal=ANN)
        self.plans: list[Plan] = []
        self.fails: set[str] = set()

    async def serve(self) -> list[tuple[str, str]]:
        """Upstream and model of each attempt."""
        match = routes.find("POST", "/v1/chat/completions")
        assert match is not None
        try:
            await failover.serve(
                self.world, self.visit, match, make_call(), Ask(match.endpoint, "gpt-x", BODY), self._forward
            )
        finally:
            assert sum(desk.busy for desk in self.permits.desks()) == 0
        return [(plan.upstream.name, plan.model) for plan in self.plans]

    async def _forward(self, _visit: Visit, plan: Plan, _attempt: Attempt) -> None:
        self.plans.append(plan)
        if plan.upstream.name in self.fails:
            raise UpstreamFailed("down")

    @property
    def rows(self) -> list[Row]:
        return [row for row, _ in self.books.booked]

    def counted(self, rule: str) -> list[tuple[str, str]]:
        return [what for name, what in self.gauge.said if name == rule]


BODY = b'{"model":"gpt-x","messages":[]}'
BOTH, BIG, SMALL = at("both", "gpt-x", "mini"), at("big", "gpt-x", usd=9), at("small", "mini")


async def test_a_routed_call_stays_at_an_upstream_that_serves_the_other_model_too() -> None:
    walk = Walk([BOTH, SMALL], make_rule(MINI))
    assert await walk.serve() == [("both", "mini")]


async def test_a_routed_call_goes_to_the_upstreams_of_the_other_model_and_is_priced_and_recorded_for_it() -> None:
    walk = Walk([BIG, SMALL], make_rule(MINI))
    assert await walk.serve() == [("small", "mini")]
    (plan,), (row,) = walk.plans, walk.rows
    assert (row.model_requested, row.model, row.upstream, row.attempt) == ("gpt-x", "mini", "small", 1)
    assert plan.decision.route is not None
    out = plan.dialect.outgoing(plan.ask, plan.upstream, plan.model, plan.max_output)
    assert json.loads(out.body)["model"] == "mini"
    (there,) = [plan for plan in [*walk.plans] if plan.upstream is SMALL]
    plain = Walk([at("small", "gpt-x")])
    await plain.serve()
    assert there.amounts == plain.plans[0].amounts


async def test_facts_stay_those_of_the_call_as_it_came_but_for_the_upstream() -> None:
    walk = Walk([BIG, SMALL], make_rule(MINI))
    await walk.serve()
    facts = json.loads(walk.plans[0].facts_json)
    assert "gpt-x" in json.dumps(facts)
    assert "small" in json.dumps(facts)


async def test_the_budget_of_a_model_counts_the_model_that_answers() -> None:
    walk = Walk([BIG, SMALL], make_rule(MINI), make_rule(Budget(USD, "day", "model"), "org/each"))
    await walk.serve()
    (hold,) = walk.meters.held
    assert "model:mini" in hold.draws[0].key


async def test_a_failed_upstream_is_followed_by_the_next_of_the_routed_model() -> None:
    walk = Walk([BIG, at("s1", "mini"), at("s2", "mini")], make_rule(MINI))
    walk.fails = {"s1"}
    assert await walk.serve() == [("s1", "mini"), ("s2", "mini")]
    assert [(row.attempt, row.upstream) for row in walk.rows] == [(1, "s1"), (2, "s2")]


async def test_a_rule_about_the_upstream_is_heard_where_the_call_was_sent() -> None:
    there = Condition(lambda facts: facts["request.provider"] == "small")
    walk = Walk([BIG, SMALL], make_rule(MINI), make_rule(Deny("Not there."), "org/not-there", when=there))
    with pytest.raises(Forbidden, match="Not there"):
        await walk.serve()
    assert walk.meters.held == []


async def test_rules_about_costs_see_those_of_the_model_that_a_retired_one_is_sent_to() -> None:
    dear = Condition(lambda facts: facts["request.cost_usd"] > 0)
    walk = Walk([SMALL], make_rule(MINI))
    assert await walk.serve() == [("small", "mini")]  # nobody serves what was asked for
    facts = json.loads(walk.plans[0].facts_json)
    assert facts["cost_nusd"] == walk.plans[0].amounts.expected_nusd > 0
    with pytest.raises(Forbidden, match="Too dear"):
        await Walk([SMALL], make_rule(MINI), make_rule(Deny("Too dear."), "org/dear", when=dear)).serve()
    free = Condition(lambda facts: not facts["request.cost_usd"])
    assert await Walk([SMALL], make_rule(MINI, when=free)).serve() == [("small", "mini")]


async def test_rules_that_send_a_call_in_circles_end_it() -> None:
    here = Condition(lambda facts: facts["request.provider"] == "big")
    walk = Walk([BIG, SMALL], make_rule(MINI, when=here))
    with pytest.raises(Unavailable, match="in circles"):
        await walk.serve()
    assert (walk.plans, walk.meters.held) == ([], [])


async def test_a_spent_budget_sends_the_call_to_the_model_that_it_names_and_says_so() -> None:
    walk = Walk([BIG, SMALL], make_rule(Budget(USD, "day", "user", when_spent=MINI), "org/day"), full=["org/day"])
    assert await walk.serve() == [("small", "mini")]
    (plan,) = walk.plans
    assert plan.decision.route is not None
    assert (plan.decision.route.asked, plan.decision.route.rule) == ("gpt-x", "org/day")
    assert [one.text for one in plan.decision.warnings] == ["The budget org/day is spent; the call went to mini."]
    assert walk.counted("org/day") == [("enforce", "deny"), ("enforce", "warn")]
    assert len(walk.rows) == 1


async def test_budgets_that_name_each_other_s_models_give_way_once_each_and_then_refuse() -> None:
    day = make_rule(Budget(USD, "day", "model", when_spent=MINI), "org/day")
    back = make_rule(Budget(USD, "day", "model", when_spent=Route((("openai", "gpt-x"),))), "org/back")
    walk = Walk([BIG, SMALL], day, back, full=["org/day", "org/back"])
    with contextlib.suppress(QuotaSpent):
        await asyncio.wait_for(walk.serve(), 5)
    assert len(walk.meters.held) <= 3


async def test_another_limit_without_room_refuses_whatever_a_budget_wishes() -> None:
    budget = make_rule(Budget(USD, "day", "user", when_spent=MINI), "org/day")
    parallel = make_rule(Parallel(2, "key"), "org/parallel")
    walk = Walk([BIG, SMALL], budget, parallel, full=["org/day", "org/parallel"])
    with pytest.raises(Exception, match="org/"):
        await walk.serve()
    assert walk.plans == []


async def test_a_ban_on_the_model_that_a_spent_budget_names_stands() -> None:
    budget = make_rule(Budget(USD, "day", "user", when_spent=MINI), "org/day")
    walk = Walk([BIG, SMALL], budget, make_rule(Models(deny=("mini",)), "org/ban"), full=["org/day"])
    with pytest.raises(Forbidden, match="org/ban"):
        await walk.serve()


async def test_a_budget_that_only_warns_when_spent_lets_the_call_pass() -> None:
    walk = Walk([BIG], make_rule(Budget(USD, "day", "user", when_spent="warn"), "org/day"), full=["org/day"])
    assert await walk.serve() == [("big", "gpt-x")]
    assert walk.counted("org/day") == [("enforce", "warn")]


async def test_a_budget_that_denies_refuses() -> None:
    walk = Walk([BIG], make_rule(Budget(USD, "day", "user"), "org/day"), full=["org/day"])
    with pytest.raises(QuotaSpent, match="org/day"):
        await walk.serve()


MODES: Mapping[Mode, tuple[str, str]] = {
    Mode.AUDIT: ("audit", "deny"),
    Mode.WARN: ("warn", "warn"),
    Mode.ENFORCE: ("enforce", "deny"),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("terms", [Deny("No."), Budget(USD, "day", "org")])
async def test_what_a_rule_says_is_counted_in_its_mode(mode: Mode, terms: Any) -> None:
    walk = Walk([BIG], make_rule(terms, "org/it", mode=mode), full=["org/it"])
    if mode is Mode.ENFORCE:
        with pytest.raises((Forbidden, QuotaSpent)):
            await walk.serve()
    else:
        assert await walk.serve() == [("big", "gpt-x")]
    assert walk.counted("org/it") == [MODES[mode]]

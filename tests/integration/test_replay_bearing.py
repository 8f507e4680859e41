"""What a replay leaves out changes nothing that it tells, whatever the rules and their modes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.app.replay.bearing import bearing, is_felt
from proxy.app.replay.outcome import Outcome
from proxy.app.replay.planning import Planner
from proxy.app.replay.recorded import Recorded
from proxy.app.replay.running import Run
from proxy.app.replay.weighing import Scales
from proxy.config.routes import Routes
from proxy.domain.decision import Reserve
from proxy.domain.upstream import PriceOverride, Upstream
from proxy.domain.usage import Usage
from proxy.metering.prices import PriceBook
from proxy.metering.table import PriceTable
from proxy.policy.expr import compile_expression
from proxy.policy.facts import Recent
from proxy.policy.generation import Policy
from proxy.policy.rule import Exemption, Mode, PolicySet, Rule, Selector
from proxy.policy.terms import (
    Budget,
    Cache,
    Cap,
    Deny,
    Inspect,
    Models,
    Pace,
    Parallel,
    Rate,
    Require,
    Route,
    Rung,
    Terms,
    Waste,
)
from proxy.stores.virtual import VirtualMeters
from proxy.stores.virtual_batch import VirtualBatch
from tests.support.engines import running_engine
from tests.support.replaying import ORG, call_by_call
from tests.support.rules import DAY, NOON, USD, facts, make_exemption, make_rule

CENT: Final = USD // 100
ALL: Final = "*"
UPSTREAM: Final = Upstream(
    name="openai",
    dialect="openai",
    base_url="http://127.0.0.1",
    prices=(
        PriceOverride(match="small", rates=(("input", 100_000_000), ("output", 100_000_000))),
        PriceOverride(rates=(("input", 1_000_000_000), ("output", 1_000_000_000))),
    ),
)
SCALES: Final = Scales(Routes([UPSTREAM]), PriceBook(PriceTable.load(), [UPSTREAM]))
TERMS: Final[dict[str, Terms]] = {
    "ban": Models(None, ("old*",)),
    "cap": Cap(80_000, 500, clamp=True),
    "loop": Waste(
        (("errors", 5),), "1h", "user", 0, (Rung("warn"), Rung("throttle", 60, pace=Pace("requests", 2, 60)))
    ),
    "looked": Inspect(("secrets",)),
    "month": Budget(90 * CENT, "month", "team", warn_at=(300_000,), when_spent="warn"),
    "once": Parallel(3, "user"),
    "pace": Rate((Pace("requests", 9, 600), Pace("tokens", 400_000, 600)), "user"),
    "person": Budget(40 * CENT, "day", "user", when_spent=Route(((ALL, "small"),)), warn_at=(500_000,)),
    "reused": Cache("near"),
    "route": Route(((ALL, "small"),)),
    "talk": Deny("Too long."),
    "tagged": Require(("purpose",)),
    "total": Budget(200 * CENT, "total", "org", reserve=Reserve.MAX, grace_millionths=100_000),
}
CONDITIONS: Final = (
    "request.messages > 2",
    'request.input_tokens > 60000 || principal.team == "research"',
    "clock.hour >= 12 && usage.errors_1h > 4.0",
    "6 / (request.messages - 2) > 3",  # breaks where there are two
)
RULES: Final = st.lists(
    st.tuples(
        st.sampled_from(sorted(TERMS)),
        st.sampled_from(Mode),
        st.none() | st.sampled_from(CONDITIONS),
        st.sampled_from([(), (Selector(teams=frozenset({"growth"})),), (Selector(models=("big",)),)]),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda one: one[0],
)
EXEMPTIONS: Final = st.lists(
    st.builds(
        make_exemption,
        st.just(Selector(users=frozenset({"ann"}))),
        name=st.sampled_from(["one", "two"]),
        since=st.sampled_from([float(NOON - DAY), NOON + 200.0]),
        lift=st.frozensets(st.sampled_from(sorted(TERMS)), max_size=2),
        grant=st.just(()) | st.just((("person", 20 * CENT),)),
    ),
    max_size=2,
    unique_by=lambda one: one.name,
)
CALLS: Final = st.lists(
    st.tuples(
        st.integers(0, 900),  # when
        st.integers(0, 600),  # how long
        st.sampled_from(["ann", "bob"]),
        st.sampled_from(["big", "small", "old-1"]),
        st.sampled_from([1_000, 50_000, 90_000]),
        st.integers(1, 4),  # messages
        st.booleans(),  # answered
        st.sampled_from([(), (("purpose", "tests"),), (("purpose", "docs"),)]),
    ),
    min_size=1,
    max_size=40,
)


def generation(
    drawn: list[tuple[str, Mode, str | None, tuple[Selector, ...]]], exemptions: list[Exemption]
) -> PolicySet:
    def rule(name: str, mode: Mode, when: str | None, match: tuple[Selector, ...]) -> Rule:
        asked = None if when is None else compile_expression(when)
        return make_rule(TERMS[name], name, mode=mode, when=asked, match=match)

    return PolicySet("g1", tuple([rule(*one) for one in drawn]), tuple(exemptions))


def recorded(drawn: list[tuple[int, int, str, str, int, int, bool, tuple[tuple[str, str], ...]]]) -> list[Recorded]:
    made = []
    for place, (at, seconds, person, model, tokens, messages, answered, tags) in enumerate(sorted(drawn)):
        cost = tokens * 1_000 // (10 if model == "small" else 1)
        known = facts(
            person=person,
            user=person,
            team="growth" if person == "ann" else "research",
            model=model,
            input_tokens=tokens,
            input_ceiling=2 * tokens,
            output_tokens=200,
            max_output=(None, 400, 9_000)[messages % 3],
            messages=messages,
            tags=tags,
            cost_nusd=cost,
            clock=NOON + at,
            usage=((f"user:{person}", Recent(errors_1h=float(messages * 2))),),
            waste_since=(("loop", NOON + at - 30 * messages),),
        )
        paid = cost * 9 // 8 if answered else 0
        made.append(
            Recorded(
                id=f"r{place}", at=NOON + at, facts=known, answered=answered, seconds=seconds, cost_nusd=paid,
                last_nusd=paid, tokens=tokens + 300, usage=Usage(input=tokens, output=300) if answered else Usage(),
            )
        )  # fmt: skip
    return made


@pytest.fixture(scope="module")
def socket() -> Iterator[Path]:
    with running_engine("valkey") as engine:
        yield engine.socket


def serves(family: str, model: str) -> bool:
    return bool(SCALES.upstream(facts(family=family), model))


def in_full(socket: Path, said: PolicySet, calls: list[Recorded]) -> list[Outcome]:
    meters = VirtualMeters(socket)
    meters.forget()
    found = call_by_call(Planner(Policy(said, serves=serves), SCALES), meters, calls)
    meters.close()
    return found


def replayed(socket: Path, said: PolicySet, calls: list[Recorded], batch: int) -> list[Outcome]:
    meters = VirtualBatch(socket, ORG)
    meters.forget()
    run = Run(Planner(bearing(said, serves), SCALES), meters, ORG, batch)
    found = [outcome for outcomes in run.outcomes(calls) for outcome in outcomes]
    meters.close()
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.builds(generation, RULES, EXEMPTIONS), st.builds(recorded, CALLS), st.sampled_from([1, 7, 256]))
def test_a_replay_of_the_rules_that_bear_is_the_replay_of_all_rules(
    socket: Path, said: PolicySet, calls: list[Recorded], batch: int
) -> None:
    assert replayed(socket, said, calls, batch) == in_full(socket, said, calls)


@given(st.builds(generation, RULES, EXEMPTIONS), st.builds(recorded, CALLS))
def test_a_meter_that_is_not_felt_holds_nothing_back(said: PolicySet, calls: list[Recorded]) -> None:
    policy = Policy(said, serves=serves)
    for call in calls:
        for wish in policy.hears(call.facts).meters:
            if not is_felt(wish):
                assert not wish.enforce

"""A replay in batches is the replay call by call, whatever is refused, sent elsewhere or still running in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.app.replay.outcome import Outcome
from proxy.app.replay.planning import Planner
from proxy.app.replay.recorded import Recorded
from proxy.app.replay.running import Run
from proxy.app.replay.weighing import Scales
from proxy.config.routes import Routes
from proxy.domain.upstream import PriceOverride, Upstream
from proxy.domain.usage import Usage
from proxy.metering.prices import PriceBook
from proxy.metering.table import PriceTable
from proxy.policy.generation import Policy
from proxy.policy.terms import Budget, Pace, Parallel, Rate, Route
from proxy.stores.virtual_batch import VirtualBatch
from tests.support.engines import running_engine
from tests.support.rules import NOON, USD, facts, make_policy, make_rule

UPSTREAM = Upstream(
    name="openai",
    dialect="openai",
    base_url="http://127.0.0.1",
    prices=(
        PriceOverride(match="small", rates=(("input", 100_000_000), ("output", 0))),
        PriceOverride(match="tiny", rates=(("input", 10_000_000), ("output", 0))),
        PriceOverride(rates=(("input", 1_000_000_000), ("output", 0))),
    ),
)
TOKENS = 100_000  # $0.10 at the dearest
CALLS = st.lists(
    st.tuples(st.integers(0, 900), st.floats(0, 600), st.sampled_from("abc"), st.booleans()), min_size=1, max_size=60
)


def policy() -> Policy:
    return make_policy(
        make_rule(Budget(35 * USD // 100, "total", "user", when_spent=Route((("*", "small"),))), "org/day"),
        make_rule(Budget(USD, "hour", "org", grace_millionths=100_000, when_spent=Route((("*", "tiny"),))), "org/hour"),
        make_rule(Budget(35 * USD // 10, "total", "team"), "org/team"),
        make_rule(Rate((Pace("requests", 12, 3600),), "user"), "org/pace"),
        make_rule(Parallel(4, "user"), "org/once"),
    )


@pytest.fixture(scope="module")
def socket() -> Iterator[Path]:
    with running_engine("valkey") as engine:
        yield engine.socket


def recorded(drawn: list[tuple[int, float, str, bool]]) -> list[Recorded]:
    made = []
    for place, (at, seconds, person, answered) in enumerate(sorted(drawn)):
        known = facts(
            person=person,
            input_tokens=TOKENS,
            input_ceiling=TOKENS,
            output_tokens=1,
            cost_nusd=USD // 10,
            clock=NOON + at,
        )
        cost = USD // 10 if answered else 0
        made.append(
            Recorded(
                id=f"r{place}", at=NOON + at, facts=known, answered=answered, seconds=seconds, cost_nusd=cost,
                last_nusd=cost, tokens=TOKENS, usage=Usage(input=TOKENS, output=1) if answered else Usage(),
            )
        )  # fmt: skip
    return made


def replayed(socket: Path, calls: list[Recorded], batch: int, rules: Policy | None = None) -> list[Outcome]:
    scales = Scales(Routes([UPSTREAM]), PriceBook(PriceTable.load(), [UPSTREAM]))
    meters = VirtualBatch(socket, "acme")
    meters.forget()
    run = Run(Planner(rules or policy(), scales), meters, "acme", batch)
    found = [outcome for outcomes in run.outcomes(calls) for outcome in outcomes]
    meters.close()
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CALLS, st.integers(2, 70))
def test_batches_change_nothing(socket: Path, drawn: list[tuple[int, float, str, bool]], batch: int) -> None:
    calls = recorded(drawn)
    assert replayed(socket, calls, batch) == replayed(socket, calls, 1)


def test_a_spent_budget_sends_calls_on_until_another_is_spent_too(socket: Path) -> None:
    calls = recorded([(place, 0.0, "a", True) for place in range(12)])
    models = [(one.model, one.refused_by) for one in replayed(socket, calls, 256)]
    # Three fit into 35 cents; the rest goes elsewhere at a cent each.
    assert models == [("", "")] * 3 + [("small", "")] * 9


def test_a_call_counts_as_running_until_it_ended_in_reality(socket: Path) -> None:
    calls = recorded([(place, 100.0, "a", True) for place in range(6)] + [(101, 1.0, "a", True)])
    rules = make_policy(make_rule(Parallel(4, "user"), "org/once"))
    refused = [one.refused_by for one in replayed(socket, calls, 256, rules)]
    assert refused == ["", "", "", "", "org/once", "org/once", ""]

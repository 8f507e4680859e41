"""A replay without its shortcuts: every rule is asked, every meter is held, and one call ends before the next one begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush

from proxy.app.replay.outcome import Outcome
from proxy.app.replay.planning import Planned, Planner, outcome_of
from proxy.app.replay.recorded import Recorded
from proxy.domain.meter import Charge, Draw, Hold, HoldState, Unit
from proxy.policy.draws import draws
from proxy.policy.levels import Reading, readings, reroute, warnings
from proxy.stores.virtual import Settling, Taking, VirtualMeters

MICRO = 1_000_000
ORG = "acme"


def call_by_call(planner: Planner, meters: VirtualMeters, calls: Iterable[Recorded]) -> list[Outcome]:
    """What becomes of the calls of one generation; ``planner`` has all of its rules."""
    running: list[tuple[int, int, Settling]] = []
    found = []
    for place, call in enumerate(calls):
        at_us = round(call.at * MICRO)
        while running and running[0][0] <= at_us:
            meters.settle_many([heappop(running)[2]])
        outcome, draws_held = _decided(planner, meters, call, at_us)
        found.append(outcome)
        if draws_held:
            end = at_us + round(call.seconds * MICRO)
            tokens, nusd = draws_held[1]
            charges = tuple([_charge(one, nusd, tokens) for one in draws_held[0]])
            heappush(running, (end, place, Settling(ORG, f"{call.id}:1", charges, end)))
    return found


def _decided(
    planner: Planner, meters: VirtualMeters, call: Recorded, at_us: int
) -> tuple[Outcome, tuple[Sequence[Draw], tuple[int, int]] | None]:
    """The outcome, and of an admitted call that holds something its draws with its tokens and its cost."""
    spent: frozenset[str] = frozenset()
    while True:
        planned = planner.plan(call, spent)
        if isinstance(planned, Outcome):
            return planned, None
        wanted = draws(planned.decision.obligations, ORG, planned.amounts, at_us)
        if not wanted:
            return outcome_of(planned), None
        (held,) = meters.hold_many([Taking(Hold(f"{call.id}:1", ORG, wanted, b""), at_us, lease_s=1e9)])
        seen = readings(planned.decision.obligations, wanted, held.levels)
        if held.state is not HoldState.REFUSED:
            most = max([one.amount for one in wanted if one.unit is Unit.NUSD], default=0)
            told = tuple([one.rule for one in warnings(seen)])
            return outcome_of(planned, told, most), (wanted, (_tokens(call, planned), planned.cost_nusd))
        more = reroute(seen) - planned.spent
        if not more:
            return Outcome(refused_by=_first_over(seen)), None
        spent = planned.spent | more


def _first_over(seen: Sequence[Reading]) -> str:
    return next(one.wish.rule for one in seen if one.level.over and one.wish.enforce)


def _tokens(call: Recorded, planned: Planned) -> int:
    return call.tokens if call.answered else planned.amounts.expected_tokens


def _charge(one: Draw, nusd: int, tokens: int) -> Charge:
    amount = {Unit.NUSD: nusd, Unit.TOKENS: tokens}.get(one.unit, 1)
    return Charge(one.key, one.kind, amount, one.interval_us, one.period_end)

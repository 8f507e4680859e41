"""The end of an attempt, told to all who kept something for it: the row, the lease, the meters, and those who learn."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from proxy.domain.errors import CallError
from proxy.domain.meter import Unit
from proxy.domain.row import Rank, Row
from proxy.domain.usage import UsageSource
from proxy.ports import Answer
from proxy.steps import recent
from proxy.steps.holding import Taken
from proxy.steps.leases import Holder
from proxy.steps.receipt import upstream_request_id
from proxy.steps.reckoning import Bill
from proxy.steps.rows import charges, ending
from proxy.steps.visit import Plan, Visit
from proxy.steps.world import World


class End(NamedTuple):
    """How an attempt was left."""

    error: BaseException | None
    answer: Answer | None
    was_open: bool  # the head of a stream was out: the caller saw the upstream's status
    may_follow: bool  # another attempt may come after this one
    sent_at: float  # monotonic; 0: it never was
    first_at: float  # monotonic: the answer began; 0: it never did
    edits: tuple[str, ...]


def book(world: World, visit: Visit, plan: Plan, taken: Taken, holder: Holder, end: End, bill: Bill) -> None:
    """Book the attempt's row; whoever settles, refreshes, counts or learns hears of it. Neither waits nor fails."""
    row = _row(visit, plan, taken, end, bill, world.clock.monotonic())
    if isinstance(end.error, CallError) and end.error.policy is not None:
        row = explained(world, visit, row, end.error)
    world.books.book(row, taken.hold)
    world.leases.discard(holder)
    world.meters.ended(taken.hold, bill.cost.nusd)
    world.gauge.finished(row)
    recent.booked(world, visit, row)
    if world.measuring is not None:
        world.measuring.booked(visit, plan, row, recent.scopes_of(visit))
    usage = bill.usage
    if usage.usage_source is UsageSource.REPORTED:
        world.estimator.learn(plan.upstream.name, plan.model, plan.estimate, usage)
        world.outputs.learn(plan.model, plan.call.attribution.team, usage.output or 0, plan.ask.choices)


def explained(world: World, visit: Visit, row: Row, error: CallError) -> Row:
    """The row of an answer that a rule withheld, or cut."""
    if not (visit.why or (visit.decision and visit.decision.denials)):
        visit.why = (error.message,)  # the decision itself let the call go on
    why = world.explaining.words(visit, error, world.clock.monotonic())
    return msgspec.structs.replace(row, refused=error.policy, why=why)


def _row(visit: Visit, plan: Plan, taken: Taken, end: End, bill: Bill, now: float) -> Row:
    usage, cost = bill
    answer, draws = end.answer, taken.hold.draws
    upstream_status = None if answer is None else answer.status
    outcome, status, code = ending(end.error, upstream_status or 0, is_open=end.was_open)
    return msgspec.structs.replace(
        taken.row,
        rank=Rank.FINAL,
        upstream_request_id=None if answer is None else upstream_request_id(answer),
        model=usage.model or plan.model,
        status=status,
        upstream_status=upstream_status,
        outcome=outcome,
        error=code,
        usage=usage,
        cost_nusd=cost.nusd,
        held_nusd=max([d.amount for d in draws if d.unit is Unit.NUSD], default=0),
        charges=charges(draws, cost.nusd, usage),
        price_flag=cost.flag,
        edits=end.edits,
        local=taken.held.local,
        may_follow=end.may_follow,
        ttft_ms=round((end.first_at - visit.began) * 1000, 3) if end.first_at else None,
        duration_ms=round((now - visit.began) * 1000, 3),
        overhead_us=int((end.sent_at - visit.read_at) * 1_000_000) if end.sent_at else 0,
    )

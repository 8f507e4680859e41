"""Which upstreams are asked for a call, one after the other, until one of them answers.

Another one is asked only while nothing was passed on to the caller. Every attempt has a permit before it holds money, so
that nobody's budget waits in a queue; each has its own hold, price and row. Where rules send the call to another model,
the upstreams of that one are asked instead. Where rules let repeats be answered, nobody is asked for one (``steps.ahead``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from proxy.dialects.base import Match
from proxy.domain.ask import Ask
from proxy.domain.call import Call
from proxy.domain.errors import Busy, CallError, NotFound
from proxy.domain.upstream import Upstream
from proxy.domain.verdict import UNSEEN
from proxy.ports import Permit
from proxy.steps.ahead import Ahead, as_missed
from proxy.steps.attempt import Attempt
from proxy.steps.detour import Elsewhere, GivesWay, Way
from proxy.steps.drawing import draw_of
from proxy.steps.failure import as_told, goes_on, is_refusal
from proxy.steps.order import order
from proxy.steps.planning import plan_of, sent_elsewhere
from proxy.steps.screening import NotLookedYet, looked_through
from proxy.steps.upload_heard import Heard, NotReadYet, hear
from proxy.steps.visit import Plan, Visit
from proxy.steps.world import World

Forward = Callable[[Visit, Plan, Attempt], Awaitable[None]]


async def serve(world: World, visit: Visit, match: Match, call: Call, ask: Ask, forward: Forward) -> None:
    """Have ``forward`` make attempts until one stands. Raises what the caller is told: why the last one failed."""
    way = Way(
        visit,
        _first_model(world, visit, call, ask),
        lambda model: _in_order(world, visit, call, ask, _candidates(visit, match, model)),
    )
    number = 1
    failure: CallError | None = None
    failed: Upstream | None = None
    with Ahead(world, visit, call, ask) as ahead:
        while way.left:
            if await ahead.answered(way, number):
                return
            left = way.left
            try:
                permit = await _leave(world, visit, left, failed)
            except Busy as busy:
                failure = failure or busy
                break
            left.remove(upstream := permit.upstream)
            failed = None
            try:
                plan = ahead.plan_for(upstream) or await _plan(world, visit, call, ask, permit, number)
                async with Attempt(world, visit, plan, permit, others=left, recording=ahead.recording()) as attempt:
                    await forward(visit, plan, attempt)
            except (Elsewhere, GivesWay) as why:
                way.turn(why, upstream)
            except CallError as error:
                if (
                    visit.opened
                    or visit.is_spent
                    or not (goes_on(error) or (failure is not None and is_refusal(error)))
                ):
                    visit.rowed = visit.attempts == number  # a refusal after another's attempt leaves a row of its own
                    raise
                if goes_on(error):  # else we refused this one, and why the one before it failed says more
                    failure, failed, number = error, upstream, number + 1
                way.failed(upstream)
                visit.read_at = world.clock.monotonic()
            else:
                return
    if failure is not None:
        raise as_told(failure)


async def _leave(world: World, visit: Visit, upstreams: Sequence[Upstream], failed: Upstream | None) -> Permit:
    """A permit for one of these, after a wait if need be, which is no work of ours. Raises ``Busy``.

    ``failed``: the one that was asked before.
    """
    permit = world.permits.take(upstreams)
    if permit is None:
        permit = await world.permits.wait(upstreams)
        visit.read_at = world.clock.monotonic()
    if failed is not None:
        world.gauge.failed_over(failed)
    return permit


async def _hear(world: World, visit: Visit, *, may_wait: bool) -> Heard:
    """The texts of an upload that rules must look through, read to its end."""
    if visit.upload is None:
        raise RuntimeError("only uploads are not read yet")
    heard = await hear(visit.upload, world.shelf, visit.request.header("content-type") or "", may_wait=may_wait)
    visit.read_at = world.clock.monotonic()
    return heard


async def _plan(world: World, visit: Visit, call: Call, ask: Ask, permit: Permit, number: int) -> Plan:
    """The plan of an attempt at the permit's upstream, which is given back when there can be none."""
    try:
        while True:
            try:
                return as_missed(visit, plan_of(world, visit, call, ask, permit.upstream, number))
            except NotReadYet as why:
                visit.heard = await _hear(world, visit, may_wait=why.may_wait)
            except NotLookedYet as why:
                await looked_through(world.gauge, visit, why, world.turn)
    except BaseException:
        permit.ended(UNSEEN)
        raise


def _first_model(world: World, visit: Visit, call: Call, ask: Ask) -> str:
    """The model that was asked for, unless nobody serves it and rules know another."""
    if visit.generation.routes.candidates(visit.dialect.family, ask.model):
        return ask.model
    return sent_elsewhere(world, visit, call, ask) or ask.model


def _in_order(world: World, visit: Visit, call: Call, ask: Ask, upstreams: Sequence[Upstream]) -> list[Upstream]:
    if len(upstreams) == 1:
        return list(upstreams)
    return order(upstreams, draw_of(world, visit, call, ask, upstreams))


def _candidates(visit: Visit, match: Match, model: str) -> tuple[Upstream, ...]:
    """Every upstream that serves the model. Raises ``NotFound``, with names that look like it."""
    routing = visit.generation.routes
    found = routing.candidates(match.dialect.family, model)
    if not found:
        near = routing.names_near(model)
        raise NotFound(
            f"No upstream serves the model {model!r} in this dialect."
            + (f" Did you mean {' or '.join(near)}?" if near else " The list of models names what is served."),
            code="model_not_found",
            param="model",
        )
    return found

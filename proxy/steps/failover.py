"""Which upstreams are asked for a call, one after the other, until one of them answers.

Another one is asked only while nothing was passed on to the caller. Every attempt has a permit before it holds money, so
that nobody's budget waits in a queue; each has its own hold, price and row.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from proxy.dialects.base import Match
from proxy.domain.ask import Ask
from proxy.domain.call import Call
from proxy.domain.errors import CallError, NotFound
from proxy.domain.upstream import Upstream
from proxy.steps.attempt import Attempt
from proxy.steps.failure import goes_on
from proxy.steps.order import order
from proxy.steps.planning import plan_of
from proxy.steps.visit import Plan, Visit
from proxy.steps.world import World

Forward = Callable[[Visit, Plan, Attempt], Awaitable[None]]


async def serve(world: World, visit: Visit, match: Match, call: Call, ask: Ask, forward: Forward) -> None:
    """Have ``forward`` make attempts until one stands. Raises what the caller is told."""
    permits, number = world.permits, 1
    told: CallError | None = None
    waiting = order(_candidates(visit, match, ask), ask.session or call.request_id)
    preferred = waiting[0]
    while waiting:
        upstream = waiting.pop(0)
        try:
            plan = plan_of(world, visit, call, ask, upstream, number)
            permit = permits.take(upstream)
            if permit is None and not waiting and told is None:  # nobody has room: queue where it should have gone
                plan = plan_of(world, visit, call, ask, preferred, number)
                permit = await permits.wait(preferred)
            if permit is None:
                continue
            more = any(map(permits.may_ask, waiting))
            async with Attempt(world, visit, plan, permit, may_pass_on=more) as attempt:
                await forward(visit, plan, attempt)
        except CallError as error:
            if visit.opened or not (goes_on(error) or told):
                raise
            if goes_on(error):
                told = error  # else this one was refused, and why the one before it failed says more
            number += 1
            visit.read_at = world.clock.monotonic()
        else:
            return
    if told is not None:
        raise told


def _candidates(visit: Visit, match: Match, ask: Ask) -> tuple[Upstream, ...]:
    """Every upstream that serves the model. Raises ``NotFound``, with names that look like it."""
    routing = visit.generation.routes
    found = routing.candidates(match.dialect.family, ask.model)
    if not found:
        near = routing.names_near(ask.model)
        raise NotFound(
            f"No upstream serves the model {ask.model!r} in this dialect."
            + (f" Did you mean {' or '.join(near)}?" if near else ""),
            code="model_not_found",
            param="model",
        )
    return found

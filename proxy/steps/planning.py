"""From an understood request to a plan: at which price, what the policy says, how much must be held."""

from __future__ import annotations

import msgspec

from proxy.domain.ask import Ask
from proxy.domain.call import Call
from proxy.domain.decision import Decision, Obligation, Reserve, Routed
from proxy.domain.decision_id import decision_id
from proxy.domain.errors import CapExceeded, Forbidden, Unavailable
from proxy.domain.upstream import Upstream
from proxy.metering.billable import lacking, unbillable, unpriced_sides
from proxy.metering.cost import Price
from proxy.metering.estimate import Estimate
from proxy.policy.decide import decide
from proxy.policy.draws import Amounts
from proxy.policy.facts import Facts
from proxy.steps import recent
from proxy.steps.detour import Elsewhere
from proxy.steps.refusal import refused
from proxy.steps.screened import Screened
from proxy.steps.screening import screened
from proxy.steps.stated import Weighed, facts_of
from proxy.steps.tallying import tell_notes
from proxy.steps.visit import Plan, Visit
from proxy.steps.world import World

MAX_HOLD_OUTPUT = 8192  # tokens of one choice, written into a request without a ceiling when a `max` hold needs one


def plan_of(world: World, visit: Visit, call: Call, ask: Ask, upstream: Upstream, number: int) -> Plan:
    """The attempt to make, the first or a later one. Raises what the caller is told when there is no price, or no permission.

    Where rules send the call to another model, all of the plan is for that one but ``ask``, which stays as it came.
    Raises ``Elsewhere`` where the upstream does not serve it.
    """
    generation = visit.generation
    if not world.books.healthy:
        raise Unavailable(
            "The journal cannot be written, and what cannot be recorded is not forwarded.", retry_after_s=5
        )
    facts, weighed, sent = _asked(world, visit, call, ask, upstream)
    visit.decided = facts
    decision = visit.decision = decide(facts, generation.policy, decision_id(call.request_id), visit.spent)
    if sent is not None:
        decision = visit.decision = msgspec.structs.replace(decision, route=sent)
    decision, seen = _looked_through(world, visit, call, ask, decision)
    call = call if seen is None else seen.call
    if seen is not None and seen.sent.ask is not ask:  # what is held for, and learnt from, is what will be sent
        ask = seen.sent.ask
        weighed = weighed and _weigh(world, visit, call, ask, upstream, ask.model)
    wanted = decision.route.model if decision.route else ask.model
    if weighed is None or decision.route is not None:
        if not _serves(visit, upstream, wanted):
            visit.facts = visit.facts or facts
            raise Elsewhere(wanted)
        weighed = _weigh(world, visit, call, ask, upstream, wanted)
    if weighed.unpriced is not None:
        raise weighed.unpriced
    clamp = clamp_of(ask, decision)
    if clamp is not None and ask.likely_output is None and (most := clamp * ask.choices) < weighed.output:
        weighed = weighed._replace(output=most, expected_nusd=expected_nusd(ask, weighed.price, weighed.estimate, most))
    return Plan(
        call=call,
        ask=ask,
        dialect=visit.dialect,
        upstream=upstream,
        model=weighed.model,
        estimate=weighed.estimate,
        amounts=amounts_of(ask, weighed, clamp, decision.obligations),
        facts_json=facts.canonical(),
        price_version=generation.prices.version,
        decision=decision,
        max_output=clamp,
        number=number,
        screened=seen,
    )


def _looked_through(
    world: World, visit: Visit, call: Call, ask: Ask, decision: Decision
) -> tuple[Decision, Screened | None]:
    """The decision with what content rules found in the prompt, and the prompt as they let it go. Raises their refusal.

    What has to be done again for the prompt's sake raises before anything is told.
    """
    seen = None
    if decision.inspections and not decision.denials:
        seen = screened(world.gauge, visit, call, ask, decision, world.clock)
    recent.remember(world, call.principal.org, decision)
    tell_notes(world.gauge, decision)
    if seen is not None:
        decision = visit.decision = seen.judge(decision)
    if decision.denials:
        raise refused(decision)
    return decision, seen


def _serves(visit: Visit, upstream: Upstream, model: str) -> bool:
    return upstream in visit.generation.routes.candidates(visit.dialect.family, model)


def sent_elsewhere(world: World, visit: Visit, call: Call, ask: Ask) -> str | None:
    """The model that rules send a call to whose own nobody serves, such as one that was retired; None where none does.

    They see no upstream and no cost. Plans are then made of these facts, with the cost at the model that is asked instead.
    """
    policy = visit.generation.policy
    if not policy.routes:
        return None
    estimate = world.estimator.estimate(
        "", "", ask.features, exact=world.is_tight
    )  # names of nobody are not remembered
    facts = facts_of(visit, call, ask, "", Weighed("", None, estimate, 0, 0, None), world.meters.time_us())
    facts = recent.gathered(world, policy, facts)
    route = decide(facts, policy, decision_id(call.request_id)).route
    if route is None:
        return None
    visit.facts = facts
    return route.model


def _asked(
    world: World, visit: Visit, call: Call, ask: Ask, upstream: Upstream
) -> tuple[Facts, Weighed | None, Routed | None]:
    """What rules are asked about, and what it weighs here; where the call must go, if nobody serves its own model.

    Rules about costs then see those there; one that asks for costs to send calls on must not send this one in circles.
    """
    if visit.facts is None or _serves(visit, upstream, ask.model):
        weighed = _weigh(world, visit, call, ask, upstream, ask.model)
        facts = facts_of(visit, call, ask, upstream.name, weighed, world.meters.time_us())
        return recent.gathered(world, visit.generation.policy, facts), weighed, None
    facts, own = msgspec.structs.replace(visit.facts, upstream=upstream.name), visit.facts.upstream
    route = None if own else decide(facts, visit.generation.policy, decision_id(call.request_id), visit.spent).route
    if route is None or not _serves(visit, upstream, route.model):
        return facts, None, None
    there = _weigh(world, visit, call, ask, upstream, route.model)
    output = there.output if ask.endpoint.generates else 0
    return msgspec.structs.replace(facts, cost_nusd=there.expected_nusd, output_tokens=output), None, route


def _weigh(world: World, visit: Visit, call: Call, ask: Ask, upstream: Upstream, name: str) -> Weighed:
    """Weigh the call as one for ``name``, as callers name models."""
    model, price, unpriced = upstream.own_name(name), None, None
    if ask.endpoint.metered:
        try:
            price = _price(visit, ask, upstream, name, model)
        except Forbidden as error:
            unpriced = error
    estimate = world.estimator.estimate(upstream.name, model, ask.features, exact=world.is_tight)
    output = (
        world.outputs.expected(model, call.attribution.team, ask.max_output, ask.choices)
        if ask.likely_output is None
        else ask.likely_output * ask.choices
    )
    return Weighed(model, price, estimate, output, expected_nusd(ask, price, estimate, output), unpriced)


def _price(visit: Visit, ask: Ask, upstream: Upstream, name: str, model: str) -> Price:
    """The model's price. Raises ``Forbidden`` for one without, or sold by a unit that its answers do not show."""
    price = visit.generation.prices.quote(upstream, model, visit.at)
    where = f"upstreams.{upstream.name}.prices"
    if price is None:
        raise Forbidden(
            f"The model {name!r} has no price at upstream {upstream.name!r}, and what has no price is not forwarded. "
            f"Give it one under {where}, or set `unpriced: free` there.",
            code="model_unpriced",
        )
    if unit := lacking(price, ask):
        raise Forbidden(
            f"The model {name!r} has no price for {unit} at upstream {upstream.name!r}. Write one under {where}; 0 is a price.",
            code="model_unpriced",
        )
    if missing := unbillable(price, ask.endpoint.api, media=bool(ask.features.media_bytes)):
        if sides := unpriced_sides(price, ask.endpoint.api):
            raise Forbidden(
                f"The model {name!r} has no price for {' and '.join(sides)} tokens at upstream {upstream.name!r}. "
                f"Write one under {where}; 0 is a price.",
                code="model_unpriced",
            )
        raise Forbidden(
            f"The model {name!r} is sold {', '.join(missing).replace('_', ' ')}, which answers of this path do not show; "
            f"it could not be billed truly. Price it by tokens under {where} to let it pass.",
            code="model_unpriced",
        )
    return price


def expected_nusd(ask: Ask, price: Price | None, estimate: Estimate, output: int) -> int:
    """What the call will probably cost."""
    if price is None:
        return 0
    made = output if ask.endpoint.generates else 0
    return price.expected(estimate.input_tokens, made, ask.service_tier, pictures=ask.choices, searches=ask.searches)


def clamp_of(ask: Ask, decision: Decision) -> int | None:
    """The ceiling to write into the request: a rule's, or where it has none and a `max` hold needs one; None leaves it."""
    if not (ask.endpoint.generates and ask.endpoint.clamps):
        return None
    if decision.max_output is not None:
        return decision.max_output
    return MAX_HOLD_OUTPUT if ask.max_output is None and _holds_max(decision.obligations) else None


def amounts_of(ask: Ask, weighed: Weighed, clamp: int | None, obligations: tuple[Obligation, ...]) -> Amounts:
    """What the call will probably use, and the most it can: rule 6 of Limits in the design."""
    _, price, estimate, output, expected_nusd, _ = weighed
    if price is None:
        return Amounts(0, 0, 0, 0)
    most = ask.max_output if clamp is None else clamp
    if not ask.endpoint.clamps:
        most = None
    if not ask.endpoint.generates:
        output = most = 0
    ceiling = None if most is None else price.ceiling(estimate.upper_tokens, most, ask.choices)
    unbounded = ask.features.unbounded if price.units else ""  # what is free has a ceiling whatever it reads
    if (unbounded or ceiling is None) and _holds_max(obligations):
        raise _no_ceiling(ask, unbounded)
    tokens_in, lane = estimate.input_tokens, ask.service_tier
    return Amounts(
        input_nusd=price.expected(tokens_in, 0, lane, pictures=ask.choices, searches=ask.searches),
        expected_nusd=expected_nusd,
        ceiling_nusd=ceiling,
        expected_tokens=estimate.input_tokens + output,
    )


def _no_ceiling(ask: Ask, unbounded: str) -> CapExceeded:
    """The refusal under a `max` hold; it names what has no bound, and never what stands in it."""
    if unbounded:
        why = f"{unbounded!r} brings in what cannot be measured before the call."
    elif ask.endpoint.clamps:
        why = "for this one that cannot be known."
    else:
        why = "this path takes no ceiling on its output."
    told = f"A budget here holds the most that a call can cost; {why}"
    return CapExceeded(told, code="ceiling_unknown", param=unbounded or None)


def _holds_max(obligations: tuple[Obligation, ...]) -> bool:
    return True in [wish.reserve is Reserve.MAX and wish.enforce for wish in obligations]

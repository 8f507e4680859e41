"""From an understood request to a plan: at which price, what the policy says, how much must be held."""

from __future__ import annotations

from proxy.domain.ask import Ask
from proxy.domain.call import Call
from proxy.domain.decision import Obligation, Reserve
from proxy.domain.errors import CapExceeded, Forbidden, Unavailable
from proxy.domain.upstream import Upstream
from proxy.metering.billable import lacking, unbillable, unpriced_sides
from proxy.metering.cost import Price
from proxy.metering.estimate import Estimate
from proxy.policy.decide import decide
from proxy.policy.draws import Amounts
from proxy.policy.facts import Facts
from proxy.steps.visit import Plan, Visit
from proxy.steps.world import World

MAX_HOLD_OUTPUT = 8192  # tokens of one choice, written into a request without a ceiling when a `max` hold needs one


def plan_of(world: World, visit: Visit, call: Call, ask: Ask, upstream: Upstream, number: int) -> Plan:
    """The attempt to make, the first or a later one. Raises what the caller is told when there is no price, or no permission."""
    generation = visit.generation
    if not world.books.healthy:
        raise Unavailable(
            "The journal cannot be written, and what cannot be recorded is not forwarded.", retry_after_s=5
        )
    model = upstream.own_name(ask.model)
    price = _price(visit, ask, upstream, model) if ask.endpoint.metered else None
    estimate = world.estimator.estimate(upstream.name, model, ask.features, exact=world.is_tight)
    facts = _facts(call, ask, upstream, estimate, world.meters.time_us())
    decision = visit.decision = decide(facts, generation.policy, f"d_{call.request_id[-10:]}")
    if decision.denied_by:
        raise Forbidden(decision.reason)
    clamp = _clamp(ask, decision.obligations)
    expected = (
        world.outputs.expected(model, call.attribution.team, ask.max_output, ask.choices)
        if ask.likely_output is None
        else ask.likely_output * ask.choices
    )
    return Plan(
        call=call,
        ask=ask,
        dialect=visit.dialect,
        upstream=upstream,
        model=model,
        estimate=estimate,
        amounts=_amounts(ask, price, estimate, expected, clamp, decision.obligations),
        facts_json=facts.canonical(),
        price_version=generation.prices.version,
        decision=decision,
        max_output=clamp,
        number=number,
    )


def _price(visit: Visit, ask: Ask, upstream: Upstream, model: str) -> Price:
    """The model's price. What has none, or is sold by a unit that its answers do not show, is not forwarded."""
    price = visit.generation.prices.quote(upstream, model, visit.at)
    where = f"upstreams.{upstream.name}.prices"
    if price is None:
        raise Forbidden(
            f"The model {ask.model!r} has no price at upstream {upstream.name!r}, and what has no price is not forwarded. "
            f"Give it one under {where}, or set `unpriced: free` there.",
            code="model_unpriced",
        )
    if unit := lacking(price, ask):
        raise Forbidden(
            f"The model {ask.model!r} has no price for {unit} at upstream {upstream.name!r}. Write one under {where}; 0 is a price.",
            code="model_unpriced",
        )
    if missing := unbillable(price, ask.endpoint.api, media=bool(ask.features.media_bytes)):
        if sides := unpriced_sides(price, ask.endpoint.api):
            raise Forbidden(
                f"The model {ask.model!r} has no price for {' and '.join(sides)} tokens at upstream {upstream.name!r}. "
                f"Write one under {where}; 0 is a price.",
                code="model_unpriced",
            )
        raise Forbidden(
            f"The model {ask.model!r} is sold {', '.join(missing).replace('_', ' ')}, which answers of this path do not show; "
            f"it could not be billed truly. Price it by tokens under {where} to let it pass.",
            code="model_unpriced",
        )
    return price


def _facts(call: Call, ask: Ask, upstream: Upstream, estimate: Estimate, time_us: int) -> Facts:
    who, what, features = call.principal, call.attribution, ask.features
    return Facts(
        team=what.team,
        model=ask.model,
        dialect=call.dialect,
        endpoint=call.endpoint,
        upstream=upstream.name,
        project=what.project,
        service=who.service,
        groups=tuple(sorted(who.groups)),
        tags=what.tags,
        stream=ask.stream,
        tools=len(ask.tools),
        images=features.images,
        messages=features.messages,
        input_tokens=estimate.input_tokens,
        input_ceiling=estimate.upper_tokens,
        max_output=ask.max_output,
        choices=ask.choices,
        clock=time_us // 1_000_000,
    )


def _clamp(ask: Ask, obligations: tuple[Obligation, ...]) -> int | None:
    """The ceiling to write into a request that has none, where a `max` hold needs one; None leaves it as it is."""
    endpoint = ask.endpoint
    needed = endpoint.generates and endpoint.clamps and ask.max_output is None and _holds_max(obligations)
    return MAX_HOLD_OUTPUT if needed else None


def _amounts(
    ask: Ask,
    price: Price | None,
    estimate: Estimate,
    output: int,
    clamp: int | None,
    obligations: tuple[Obligation, ...],
) -> Amounts:
    """What the call will probably use, and the most it can: rule 6 of Limits in the design."""
    if price is None:
        return Amounts(0, 0, 0, 0)
    most = clamp if ask.max_output is None else ask.max_output
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
        expected_nusd=price.expected(tokens_in, output, lane, pictures=ask.choices, searches=ask.searches),
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
    return True in [wish.reserve is Reserve.MAX for wish in obligations]

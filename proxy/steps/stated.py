"""What rules are asked about: the facts of a call, with its size and cost where it would be sent."""

from __future__ import annotations

from typing import NamedTuple

from proxy.domain.ask import Ask
from proxy.domain.call import Call
from proxy.domain.errors import Forbidden
from proxy.metering.cost import Price
from proxy.metering.estimate import Estimate
from proxy.policy.facts import Facts
from proxy.steps.visit import Visit

MAX_USER_AGENT = 128  # characters that rules see and rows keep


class Weighed(NamedTuple):
    """What a call is at one upstream, for one model: its name there, its price, and what it will probably use."""

    model: str  # the upstream's own name
    price: Price | None
    estimate: Estimate
    output: int  # tokens of all choices
    expected_nusd: int
    unpriced: Forbidden | None  # why it cannot be forwarded as it is; rules may still send it elsewhere


def facts_of(visit: Visit, call: Call, ask: Ask, upstream: str, weighed: Weighed, time_us: int) -> Facts:
    """The call at an upstream, "" for none, where it weighs so much. ``time_us``: unix microseconds, of the store."""
    who, what, features, endpoint = call.principal, call.attribution, ask.features, ask.endpoint
    return Facts(
        team=what.team,
        model=ask.model,
        dialect=call.dialect,
        endpoint=call.endpoint,
        upstream=upstream,
        project=what.project,
        service=who.service,
        groups=tuple(sorted(who.groups)),
        tags=what.tags,
        stream=ask.stream,
        tools=len(ask.tools),
        images=features.images,
        messages=features.messages,
        input_tokens=weighed.estimate.input_tokens,
        input_ceiling=weighed.estimate.upper_tokens,
        max_output=ask.max_output,
        choices=ask.choices,
        clock=time_us // 1_000_000,
        family=visit.dialect.family,
        generates=endpoint.generates,
        clamps=endpoint.clamps,
        user_agent=_legible(visit.request.header("user-agent")),
        cost_nusd=weighed.expected_nusd,
        output_tokens=weighed.output if endpoint.generates else 0,
        org=who.org,
        key=who.key_id,
        person=who.pseudonym,
        user=who.user or "",
    )


def _legible(header: str | None) -> str:
    """A header that rows and conditions can hold: bytes that are no text arrive as lone surrogates."""
    return (header or "")[:MAX_USER_AGENT].encode("utf-8", "replace").decode()

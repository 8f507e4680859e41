"""The facts of a trial: what a real call would have been measured to be, as the case says it is."""

from __future__ import annotations

import msgspec

from proxy.app.trial.ground import Ground, endpoint_at, usual_endpoint
from proxy.config.directory import Directory
from proxy.dialects.base import Match
from proxy.domain.ask import Ask, Features
from proxy.domain.upstream import Upstream
from proxy.metering.estimate import Estimate
from proxy.metering.outputs import OutputHistory
from proxy.policy.case import Asker, Case
from proxy.policy.facts import Facts
from proxy.steps.planning import expected_nusd
from proxy.steps.stated import Weighed


class Unasked(ValueError):
    """The case asks for what nobody can ask for; the text says what."""


class Asked(msgspec.Struct, frozen=True):
    """A case as the walk would have it before anything is decided."""

    case: Case
    match: Match
    ask: Ask
    upstream: Upstream
    weighed: Weighed
    facts: Facts


def asked(ground: Ground, case: Case) -> Asked:
    """Understand a case. Raises ``Unasked``."""
    question = case.question
    upstream = ground.places.first(question.model, question.provider)
    if upstream is None:
        raise Unasked(f"no upstream serves {question.model}")
    match = _match(question.endpoint, upstream)
    if match.dialect.family != upstream.dialect:
        found = ground.places.candidates(match.dialect.family, question.model)
        if not found:
            raise Unasked(f"no upstream serves {question.model} at {question.endpoint}")
        upstream = found[0]
    ask = Ask(
        endpoint=match.endpoint,
        model=question.model,
        body=b"",
        stream=question.stream,
        max_output=question.max_output_tokens,
        features=Features(texts=(question.prompt,), messages=question.messages),
    )
    weighed = weigh(ground, case, ask, upstream, question.model)
    return Asked(case, match, ask, upstream, weighed, _facts(ground.directory, case, match, upstream, weighed))


def weigh(ground: Ground, case: Case, ask: Ask, upstream: Upstream, model: str) -> Weighed:
    """The call's size, price and cost for a model; what the case says it costs, it costs anywhere."""
    question, own = case.question, upstream.own_name(model)
    price = ground.prices.quote(upstream, own, case.clock) if ask.endpoint.metered else None
    tokens = question.input_tokens
    estimate = Estimate(tokens, tokens, tokens, 0, question.messages, 0, counted=True, media=False)
    output = OutputHistory().expected(own, case.asker.team, ask.max_output)
    cost = question.cost_nusd
    if cost is None:
        cost = expected_nusd(ask, price, estimate, output)
    return Weighed(own, price, estimate, output, cost, None)


def person_of(directory: Directory, asker: Asker) -> tuple[str, str | None]:
    """The pseudonym of whoever asks, and the service if it is one; "" for a caller who is only of a team."""
    if asker.user:
        return directory.pseudonym("user", asker.user), None
    service = next((key.service for key in directory.keys if key.id == asker.key), None)
    return (directory.pseudonym("service", service), service) if service else ("", None)


def _match(endpoint: str, upstream: Upstream) -> Match:
    if not endpoint:
        return usual_endpoint(upstream.dialect)
    found = endpoint_at(endpoint)
    if found is None:
        raise Unasked(f"nobody serves an endpoint {endpoint}; write its path, such as /v1/chat/completions")
    return found


def _facts(directory: Directory, case: Case, match: Match, upstream: Upstream, weighed: Weighed) -> Facts:
    who, question = case.asker, case.question
    person, service = person_of(directory, who)
    return Facts(
        team=who.team,
        model=question.model,
        dialect=match.dialect.name,
        endpoint=match.endpoint.path,
        upstream=question.provider or upstream.name,
        project=who.project or None,
        service=service,
        groups=tuple(sorted(who.groups)),
        tags=case.tags,
        stream=question.stream,
        tools=int(question.tools),
        messages=question.messages,
        input_tokens=question.input_tokens,
        input_ceiling=question.input_tokens,
        max_output=question.max_output_tokens,
        clock=int(case.clock),
        family=match.dialect.family,
        generates=match.endpoint.generates,
        clamps=match.endpoint.clamps,
        user_agent=question.user_agent,
        cost_nusd=weighed.expected_nusd,
        output_tokens=weighed.output if match.endpoint.generates else 0,
        org=who.org,
        key=who.key,
        person=person,
        user=who.user,
    )

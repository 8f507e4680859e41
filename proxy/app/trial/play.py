"""A case played as a call: the steps of the walk between its being understood and its being forwarded.

Each play is a generator that stops where the walk waits for the store, so that a thousand of them share one engine and
each of its answers. What it does is what ``steps`` does, by the same functions; only what costs time is left out.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import NamedTuple

import msgspec

from proxy.app.trial.asked import Asked, asked, person_of, weigh
from proxy.app.trial.ground import Ground
from proxy.app.trial.outcome import Outcome
from proxy.app.trial.standing import Standing, Told, before
from proxy.domain.call import Attribution, Call
from proxy.domain.decision import Decision, Obligation, Reserve
from proxy.domain.errors import CallError, Forbidden, Unavailable
from proxy.domain.meter import Draw, Held, Hold, HoldState
from proxy.domain.principal import Principal
from proxy.policy.case import Case
from proxy.policy.content.outcome import judged
from proxy.policy.decide import decide
from proxy.policy.draws import Amounts, draw
from proxy.policy.levels import readings, reroute
from proxy.steps.planning import amounts_of, clamp_of, expected_nusd
from proxy.steps.refusal import refused, refused_hold
from proxy.steps.visit import Plan
from proxy.stores.allowance import Allowance
from proxy.stores.virtual import Move, Taking

_LEASE_US = 30_000_000


class Round(NamedTuple):
    """What is asked of the store: what happened before, then the call's own hold."""

    before: tuple[Move, ...]
    taking: Taking


def play(ground: Ground, case: Case, org: str, standing: Standing | None = None) -> Generator[Round, Held, Outcome]:
    """What comes of a case. ``org``: the name of a set of meters that nobody else uses. Raises ``Unasked``.

    ``standing``: how things stand before the call; else as the case says.
    """
    call = _Trial(ground, case, org, standing or Told(case))
    try:
        return (yield from call.serve())
    except CallError as error:
        return call.outcome(error=error)


class _Trial:
    """One case on its way."""

    def __init__(self, ground: Ground, case: Case, org: str, standing: Standing) -> None:
        self._ground = ground
        self._case = case
        self._org = org
        self._standing = standing
        self._asked = asked(ground, case)
        self._asked = msgspec.structs.replace(self._asked, facts=standing.lately(self._asked.facts))
        self._at_us = int(case.clock * 1_000_000)
        self._known: set[str] = set()  # meters that stand as the case says
        self._result = Outcome(decision=Decision("", ""), now_us=self._at_us)

    def outcome(self, **more: object) -> Outcome:
        """What is known so far, and more."""
        self._result = msgspec.structs.replace(self._result, **more)
        return self._result

    def serve(self) -> Generator[Round, Held, Outcome]:
        spent: frozenset[str] = frozenset()
        while True:
            decision, weighed_for = self._decide(spent)
            plan = self._plan(decision, weighed_for)
            draws = tuple([draw(wish, self._org, plan.amounts, self._at_us) for wish in decision.obligations])
            whole = any(wish.reserve is Reserve.MAX and wish.enforce for wish in decision.obligations)
            hold = Hold(f"trial:{len(spent)}", self._org, draws, b"", whole=whole)
            held = yield Round(tuple(self._before(decision.obligations, draws)), Taking(hold, self._at_us))
            if not self._case.standing.store_up:
                return self._without_store(decision, hold, held)
            seen = readings(decision.obligations, draws, held.levels)
            self.outcome(seen=seen)
            if held.state is HoldState.ADMITTED:
                return self.outcome(admitted=True)
            if held.state is not HoldState.REFUSED or not (more := reroute(seen) - spent):
                raise refused_hold(plan, hold, held)
            spent |= more

    # -- deciding

    def _decide(self, spent: frozenset[str]) -> tuple[Decision, Asked]:
        """The decision at the upstream that it is for, as ``failover`` and ``planning`` find it between them."""
        at, been = self._asked, {self._asked.ask.model}
        while True:
            decision = decide(at.facts, self._ground.policy, "", spent)
            wanted = decision.route.model if decision.route else at.ask.model
            there = self._ground.places.candidates(at.match.dialect.family, wanted)
            if not decision.denials and there and at.upstream not in there:
                if wanted in been:
                    raise Unavailable("Rules send this call in circles.", code="route_circular")
                been.add(wanted)
                facts = msgspec.structs.replace(at.facts, upstream=there[0].name)
                at = msgspec.structs.replace(at, upstream=there[0], facts=facts)
                continue
            self.outcome(decision=decision)
            if not decision.denials:
                looked = self._ground.contents.look(at.ask.features.texts, decision.inspections)
                decision = judged(decision, looked, "prompt")
                self.outcome(decision=decision, found=looked.found)
            if decision.denials:
                raise refused(decision)
            weighed = weigh(self._ground, self._case, at.ask, at.upstream, wanted)
            return decision, msgspec.structs.replace(at, weighed=weighed)

    def _plan(self, decision: Decision, at: Asked) -> Plan:
        ask, weighed = at.ask, at.weighed
        if weighed.price is None and ask.endpoint.metered and self._case.question.cost_nusd is None:
            raise Forbidden(
                f"The model {ask.model!r} has no price at upstream {at.upstream.name!r}, and what has no price is not "
                "forwarded.",
                code="model_unpriced",
            )
        clamp = clamp_of(ask, decision)
        self.outcome(max_output=ask.max_output if clamp is None else clamp)
        if clamp is not None and clamp < weighed.output:
            cost = expected_nusd(ask, weighed.price, weighed.estimate, clamp)
            weighed = weighed._replace(output=clamp, expected_nusd=cost)
        return Plan(
            call=self._call(),
            ask=ask,
            dialect=at.match.dialect,
            upstream=at.upstream,
            model=weighed.model,
            estimate=weighed.estimate,
            amounts=self._amounts(at, clamp, decision.obligations, weighed.output, weighed.expected_nusd),
            facts_json=b"",
            price_version="",
            decision=decision,
            max_output=clamp,
        )

    def _amounts(
        self, at: Asked, clamp: int | None, wishes: tuple[Obligation, ...], output: int, expected: int
    ) -> Amounts:
        """What the call will hold; where the case says what it costs, that and no more."""
        cost = self._case.question.cost_nusd
        weighed = at.weighed._replace(output=output, expected_nusd=expected)
        if cost is None:
            return amounts_of(at.ask, weighed, clamp, wishes)
        return Amounts(cost, cost, cost, weighed.estimate.input_tokens + output)

    def _call(self) -> Call:
        case, facts = self._case, self._asked.facts
        who = case.asker
        person, service = person_of(self._ground.directory, who)
        principal = Principal(who.key, who.org, who.team, person, user=who.user or None, service=service)
        told = Attribution(who.team, facts.project, tags=case.tags)
        return Call("", case.clock, principal, told, facts.dialect, facts.endpoint, "")

    # -- holding

    def _before(self, wishes: tuple[Obligation, ...], draws: tuple[Draw, ...]) -> Iterator[Move]:
        """How the meters stand that this call now needs and did not need before it was sent elsewhere."""
        new = [(wish, one) for wish, one in zip(wishes, draws, strict=True) if one.key not in self._known]
        self._known.update(one.key for _, one in new)
        for (_, one), stand in zip(new, self._standing.stands(new), strict=True):
            yield from before(one, stand, self._org, self._at_us)

    def _without_store(self, decision: Decision, hold: Hold, held: Held) -> Outcome:
        """What a worker admits by itself that saw the meters once, just before the store went away."""
        seen = Held(HoldState.REFUSED, held.levels, held.now_us)
        if _alone(hold, seen, decision.obligations, self._at_us):
            return self.outcome(admitted=True)
        apart = [
            (msgspec.structs.replace(hold, draws=(one,)), Held(seen.state, (level,), seen.now_us), (wish,))
            for wish, one, level in zip(decision.obligations, hold.draws, held.levels, strict=False)
        ]
        closed = tuple(
            [wishes[0].rule for one, levels, wishes in apart if not _alone(one, levels, wishes, self._at_us)]
        )
        told = "The store that keeps the limits is away, and no more may be spent without it."
        return self.outcome(error=Unavailable(told, retry_after_s=5.0), closed=closed)


def _alone(hold: Hold, seen: Held, wishes: tuple[Obligation, ...], at_us: int) -> bool:
    allowance = Allowance(1, _LEASE_US)
    allowance.seen(hold, seen)
    return allowance.hold(hold, wishes, at_us) is not None

"""What one generation says of a recorded call: the production decision, followed where rules send the call, and weighed.

The counterpart of ``steps.planning`` and ``steps.detour`` for calls of which only facts remain.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from proxy.app.replay.outcome import CIRCLES, NO_CEILING, NO_PRICE, NOBODY, Outcome
from proxy.app.replay.recorded import Recorded
from proxy.app.replay.weighing import Scales
from proxy.domain.decision import Decision
from proxy.domain.trace import Said
from proxy.domain.upstream import Upstream
from proxy.policy.decide import decide
from proxy.policy.draws import Amounts
from proxy.policy.generation import Policy

NONE: Final[frozenset[str]] = frozenset()


class Planned(NamedTuple):
    """A call that no rule refuses by itself: what must be held for it, and what it costs."""

    decision: Decision
    amounts: Amounts
    cost_nusd: int
    clamp: int | None  # of rules, on the output of one choice
    spent: frozenset[str]


class Planner:
    """Of one generation."""

    def __init__(self, policy: Policy, scales: Scales) -> None:
        """Neither is changed, but for what they remember."""
        self._policy = policy
        self._scales = scales

    def plan(self, call: Recorded, spent: frozenset[str] = NONE) -> Planned | Outcome:
        """What is to be held, or the refusal. ``spent``: budgets that had no room and gave way."""
        facts = call.facts
        first = at = self._scales.upstream(facts, facts.model)
        been = {facts.model}
        while True:
            decision = decide(facts, self._policy, "", spent)
            if decision.denials:
                return Outcome(refused_by=decision.denials[0].rule)
            wanted = decision.route.model if decision.route else facts.model
            there = first if wanted == facts.model else self._scales.upstream(facts, wanted)
            if there is None or there is at or there.name == facts.upstream:
                break
            if wanted in been:
                return Outcome(refused_by=CIRCLES)
            been.add(wanted)
            at, facts = there, msgspec.structs.replace(facts, upstream=there.name)
        return self._weighed(call, decision, wanted, there, spent)

    def _weighed(
        self, call: Recorded, decision: Decision, model: str, at: Upstream | None, spent: frozenset[str]
    ) -> Planned | Outcome:
        if at is None and model != call.facts.model:
            return Outcome(refused_by=NOBODY)
        is_new = not call.answered or model != call.model
        if at is not None and is_new and not self._scales.is_priced(call, model, at):
            return Outcome(refused_by=NO_PRICE)
        clamp = decision.max_output if call.facts.generates and call.facts.clamps else None
        amounts = self._scales.amounts(call, model, at, clamp, decision.obligations)
        if amounts is None:
            return Outcome(refused_by=NO_CEILING)
        return Planned(decision, amounts, self._scales.cost(call, model, at, amounts), clamp, spent)


def outcome_of(planned: Planned, warned: tuple[str, ...] = (), held_nusd: int = 0) -> Outcome:
    """An admitted call. ``warned``: the rules whose meters tell its caller something."""
    decision = planned.decision
    route, clamp = decision.route, planned.clamp
    told = {one.rule for one in decision.warnings}.union(warned)
    return Outcome(
        cost_nusd=planned.cost_nusd,
        model=route.model if route else "",
        routed_by=route.rule if route else "",
        warned_by=tuple(sorted(told)) if told else (),
        clamp=clamp,
        clamped_by="" if clamp is None else _clamped_by(decision),
        held_nusd=held_nusd,
    )


def _clamped_by(decision: Decision) -> str:
    found = [note.rule for note in decision.trace if note.said is Said.CLAMP and note.mode == "enforce"]
    return min(found, default="")

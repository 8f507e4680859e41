"""What is held for a stream keeps up with what it costs, where its budgets hold what was expected.

The moment the estimate passes what is held, more is held, a quarter at a time, so that a long stream makes few calls and
others see what is being spent. Where a rule says `on_outgrown: cut` and there is no room, the stream ends, after its text
was counted truly: nobody is cut for an estimate.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

import msgspec

from proxy.domain.decision import Obligation, Reserve
from proxy.domain.errors import PolicyNote, QuotaSpent
from proxy.domain.meter import Draw, Extension, Unit
from proxy.steps.holding import Taken
from proxy.steps.pace import Pace
from proxy.steps.visit import Plan
from proxy.steps.world import World

GROWTH: Final = 1.25  # of what it costs now is held then
LEAST_TOKENS: Final = 256  # more than now, at least
_MANY: Final = 1_000_000  # tokens, to learn what one costs
_MOST: Final = 2**53 - 1  # what stores count exactly

Cost = Callable[[int], int]  # nano-dollars of the call with so many output tokens


def can_outgrow(plan: Plan) -> bool:
    """Whether anything is held of which a stream may need more."""
    return any(_grows(wish) for wish in plan.decision.obligations)


class Outgrowing:
    """The hold of one stream."""

    def __init__(self, world: World, plan: Plan, taken: Taken, cost: Cost) -> None:
        """``taken`` gets the hold that it has come to."""
        self._world = world
        self._plan = plan
        self._taken = taken
        self._cost = cost
        self._each = (cost(_MANY) - cost(0)) / _MANY
        most = plan.ask.max_output if plan.max_output is None else plan.max_output
        self._most = _MOST if most is None else most * plan.ask.choices
        self._excused = 0  # output tokens until which nobody is asked again
        self._is_asking = False
        self.pace: Pace | None = None
        self.refusal: QuotaSpent | None = None  # why the relay must end it

    def left(self, output: int) -> float:
        """Output tokens that may follow until there is something to do; where the hold is outgrown, more is asked for."""
        if self.refusal is not None:
            return inf
        left = max(self._held_for(output), self._excused - output)
        if left > 0:
            return left
        wanted = max(output + 1, min(max(round(output * GROWTH), output + LEAST_TOKENS), self._most))
        if not self._is_asking:
            self._is_asking = True
            self._world.later(self._ask(wanted))
        return wanted - output

    def keep_up(self) -> None:
        """Look now; where nothing is known of the stream yet, at what comes next."""
        if self.pace is None:
            return
        if self.pace.is_known:
            self.left(self.pace.output)
        else:
            self.pace.hurry()

    def _held_for(self, output: int) -> float:
        """Output tokens that are held for and have not come; negative where more have come."""
        left = inf
        for wish, draw in zip(self._plan.decision.obligations, self._taken.hold.draws, strict=True):
            if not _grows(wish):
                continue
            if draw.unit is Unit.TOKENS:
                left = min(left, draw.amount - self._plan.estimate.input_tokens - output)
            elif self._each:
                left = min(left, (draw.amount - self._cost(output)) / self._each)
        return left

    async def _ask(self, wanted: int) -> None:
        try:
            draws = self._draws(wanted)
            answer = await self._world.meters.extend(self._taken.hold, draws, self._plan.decision.obligations)
            if answer.state is Extension.HELD:
                self._taken.hold = msgspec.structs.replace(self._taken.hold, draws=draws)
            elif answer.state is Extension.OPEN:
                self._excused = wanted
            elif await self._is_true():
                self.refusal = self._refused(answer.rule)
        finally:
            self._is_asking = False

    async def _is_true(self) -> bool:
        """Whether the text itself says that the hold is outgrown; where it was too long to be kept, the estimate does."""
        if self.pace is None or (text := self.pace.text) is None:
            return True
        at = self.pace.passed
        self.pace.correct(await self._world.count_long(self._plan.model, text), at)
        return self._held_for(self.pace.output) <= 0

    def _draws(self, output: int) -> tuple[Draw, ...]:
        """What is held, come to so many output tokens."""
        nusd, tokens = self._cost(output), self._plan.estimate.input_tokens + output
        both = zip(self._plan.decision.obligations, self._taken.hold.draws, strict=True)
        return tuple([_grown(wish, draw, nusd if draw.unit is Unit.NUSD else tokens) for wish, draw in both])

    def _refused(self, rule: str) -> QuotaSpent:
        owner = next((one.owner for one in self._plan.decision.obligations if one.rule == rule), "")
        ask = f" Ask {owner}." if owner else ""
        return QuotaSpent(
            f"The answer has outgrown what was held for it, and {rule} has no room for more.{ask}",
            policy=PolicyNote(rule=rule, decision=self._plan.decision.id, owner=owner or None),
        )


def _grows(wish: Obligation) -> bool:
    """Whether a stream may need more of it than is held: the most that a call can cost is held already, or not at all."""
    holds_most = wish.reserve is Reserve.MAX and wish.enforce
    return wish.unit is Unit.TOKENS or (wish.unit is Unit.NUSD and not holds_most)


def _grown(wish: Obligation, draw: Draw, amount: int) -> Draw:
    if not _grows(wish) or amount <= draw.amount:
        return draw
    return msgspec.structs.replace(draw, amount=min(amount, _MOST))

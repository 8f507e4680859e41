"""One generation over all calls: decided one by one, held and settled in batches, in the order in which it happened.

A batch is sent before its answers are known. That is exact, because what is decided of one call depends on the counters
only where a budget sends calls past its limit elsewhere. Such a refusal ends a batch; the call is decided again, as the
walk does, and the rest is sent behind it. A call is settled when it ended in reality.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import islice
from typing import Final

from proxy.app.replay.forms import Forms, Rows
from proxy.app.replay.outcome import Outcome
from proxy.app.replay.planning import Planned, Planner, outcome_of
from proxy.app.replay.recorded import Recorded
from proxy.domain.meter import Level
from proxy.policy.levels import Reading, reroute, warnings
from proxy.stores.virtual_batch import HOLD, SETTLE, TURN, Step, VirtualBatch

BATCH: Final = 256  # calls
_FEWEST: Final = 8  # steps that are sent at once where many turn
_MICRO: Final = 1_000_000
_REFUSED: Final = 0


class _Held:
    """A call that waits for its hold's answer, at its place in the batch."""

    __slots__ = ("at_us", "call", "ended", "place", "planned", "rows", "step")

    def __init__(self, call: Recorded, at_us: int, place: int) -> None:
        self.call = call
        self.at_us = at_us
        self.place = place
        self.step = Step(at_us, HOLD, f"{call.id}:1", b"")
        self.ended = Step(at_us + max(0, round(call.seconds * _MICRO)), SETTLE, self.step.id, b"")

    def wants(self, planned: Planned, forms: Forms) -> None:
        """Say what it is to hold, and what it will be settled with."""
        wishes, call = planned.decision.obligations, self.call
        tokens = call.tokens if call.answered else planned.amounts.expected_tokens
        self.planned = planned
        self.rows: Rows = forms.rows(wishes, planned.amounts, (planned.cost_nusd, tokens, 1), self.at_us)
        self.step.kind = TURN if self.rows.form.may_turn else HOLD
        self.step.rows = self.rows.draws
        self.ended.rows = self.rows.charges

    def outcome(self, warned: tuple[str, ...] = ()) -> Outcome:
        """Admitted as planned. ``warned``: the rules whose meters tell its caller something."""
        return outcome_of(self.planned, warned, self.rows.most_nusd)


class Run:
    """The replay of one generation; meters begin at zero."""

    def __init__(self, planner: Planner, meters: VirtualBatch, org: str, batch: int = BATCH) -> None:
        """``meters`` are this run's own; ``batch`` changes the speed and nothing else."""
        self._size = batch
        self._planner = planner
        self._meters = meters
        self._forms = Forms(org)
        self._now_us = 0
        self._running: list[Step] = []  # settlements to come, the next one first

    def outcomes(self, calls: Iterable[Recorded]) -> Iterator[list[Outcome]]:
        """What becomes of the calls, in batches, in their order. Raises ``StoreAway``."""
        rest = iter(calls)
        while batch := list(islice(rest, self._size)):
            yield self._batch(batch)

    def _batch(self, calls: Sequence[Recorded]) -> list[Outcome]:
        found: list[Outcome | None] = []
        waiting: dict[Step, _Held] = {}
        steps: list[Step] = []
        for place, call in enumerate(calls):
            at_us = self._now_us = max(self._now_us, round(call.at * _MICRO))
            while self._running and self._running[0].at_us <= at_us:
                steps.append(heappop(self._running))
            planned = self._planner.plan(call)
            if isinstance(planned, Outcome):
                found.append(planned)
                continue
            held = _Held(call, at_us, place)
            held.wants(planned, self._forms)
            if not held.rows.form.wishes:
                found.append(held.outcome())
            else:
                found.append(None)
                waiting[held.step] = held
                steps.append(held.step)
                heappush(self._running, held.ended)
        self._take(steps, waiting, found)
        return [one for one in found if one is not None]

    def _take(self, steps: Sequence[Step], waiting: dict[Step, _Held], found: list[Outcome | None]) -> None:
        begin, size = 0, len(steps)
        while begin < len(steps):
            said = self._meters.run(steps[begin : begin + size])
            made = steps[begin : begin + len(said)]
            begin += len(said)
            # What lies behind a turn was sent for nothing: after one, a little more than came before it is sent.
            size = max(_FEWEST, 2 * len(said))
            for step, reply in zip(made, said, strict=True):
                if step.kind == SETTLE:
                    continue
                held = waiting[step]
                found[held.place] = outcome = self._heard(held, reply)
                if outcome is None:  # the last one is to hold something else: again, from there on
                    begin -= 1

    def _heard(self, held: _Held, reply: Sequence[int]) -> Outcome | None:
        """What came of a hold; None where the call goes another way, for which it must hold anew."""
        planned = held.planned
        if reply[0] != _REFUSED:
            return held.outcome(_told(held, reply))
        over = [one for one in _readings(held, reply) if one.level.over]
        if held.step.kind == TURN and (spent := reroute(over) - planned.spent):
            again = self._planner.plan(held.call, planned.spent | spent)
            if isinstance(again, Outcome):
                return again
            held.wants(again, self._forms)
            return None if held.rows.form.wishes else held.outcome()
        return Outcome(refused_by=next(one.wish.rule for one in over if one.wish.enforce))


def _readings(held: _Held, reply: Sequence[int]) -> Iterator[Reading]:
    """The meters as they stood when the call was to be held on them."""
    for wish, amount, at in zip(held.rows.form.wishes, held.rows.amounts, range(2, len(reply), 3), strict=True):
        yield Reading(wish, amount, Level(reply[at] == 1, reply[at + 1], reply[at + 2]))


def _told(held: _Held, reply: Sequence[int]) -> tuple[str, ...]:
    """The rules whose meters warn. Most calls are far from every limit, which is all that is looked at for them."""
    amounts = held.rows.amounts
    for place, level in held.rows.form.watched:
        if reply[2 + 3 * place] or reply[3 + 3 * place] + amounts[place] >= level:
            return tuple([one.rule for one in warnings(_readings(held, reply))])
    return ()

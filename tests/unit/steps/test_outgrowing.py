"""A stream that costs more than was held for it has more held, a quarter at a time, or ends where its rule says so."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Sequence
from functools import partial

import msgspec
import pytest

from proxy.dialects.openai_chat_tap import ChatTap
from proxy.domain.decision import Obligation, Reserve
from proxy.domain.meter import Draw, Extended, Extension, Hold, HoldState, Level
from proxy.metering.count import count
from proxy.metering.vocab import O200K, Vocabulary
from proxy.steps.holding import Taken
from proxy.steps.outgrowing import LEAST_TOKENS, Outgrowing, can_outgrow
from proxy.steps.pace import Pace
from proxy.steps.rows import open_row
from proxy.steps.visit import Plan
from tests.support.plans import BUDGET, PARALLEL, RATE, TOKENS, NoonMeters, held, make_hold, make_plan, make_world

ENCODING = Vocabulary().get(O200K)
INPUT, EACH = 2_000_000, 5_000  # nano-dollars; a plan expects 5,000,000: 600 output tokens
HELD_OUTPUT = 600
MAX = msgspec.structs.replace(BUDGET, rule="org/max", reserve=Reserve.MAX)


class Answering(NoonMeters):
    """A store that answers wishes for more as it is told, the last answer again and again."""

    def __init__(self, *answers: Extended) -> None:
        super().__init__()
        self._answers = list(answers)

    async def extend(self, hold: Hold, draws: Sequence[Draw], wishes: Sequence[Obligation]) -> Extended:
        await super().extend(hold, draws, wishes)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class Stream:
    """A stream under a hold."""

    def __init__(self, meters: NoonMeters, *obligations: Obligation, plan: Plan | None = None) -> None:
        self.meters = meters
        self._later: list[Awaitable[None]] = []
        world = make_world(meters=meters)
        world.later = self._later.append
        world.count_long = self._count_long
        plan = plan or make_plan(*obligations)
        hold = make_hold(plan)
        levels = held(*(Level(False, 0) for _ in hold.draws), state=HoldState.ADMITTED)
        self.taken = Taken(open_row(plan, hold.draws), hold, levels)
        self.outgrowing = Outgrowing(world, plan, self.taken, lambda output: INPUT + EACH * output)
        self._tap = ChatTap()
        self.pace = self.outgrowing.pace = Pace(
            self._tap, ChatTap, partial(count, encoding=ENCODING), b"\n\n", self.outgrowing.left
        )

    async def feed(self, tokens: int, text: str = " the") -> int:
        """So many events of the text pass; returns at which of them the stream was cut, or their number."""
        piece = b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"
        for number in range(tokens):
            self._tap.feed(piece)
            self.pace.passed += len(piece)
            if self.pace.passed >= self.pace.due:
                self.pace.take(piece)
            await self.settle()
            if self.outgrowing.refusal:
                return number
        return tokens

    async def settle(self) -> None:
        """Let what was begun end."""
        while self._later:
            await self._later.pop(0)

    @property
    def amounts(self) -> list[int]:
        return [draw.amount for draw in self.taken.hold.draws]

    async def _count_long(self, _: str, text: str) -> int:
        return count(text, ENCODING)


HELD = Extended(Extension.HELD)


async def test_a_stream_that_keeps_to_its_hold_asks_for_nothing() -> None:
    stream = Stream(Answering(HELD), BUDGET, TOKENS)
    await stream.feed(HELD_OUTPUT * 9 // 10)
    assert stream.meters.extended == []


async def test_a_stream_that_passes_its_hold_has_more_held_on_every_meter_that_it_uses() -> None:
    stream = Stream(Answering(HELD), BUDGET, RATE, TOKENS, PARALLEL, MAX)
    await stream.feed(HELD_OUTPUT * 5 // 4)
    (asked,) = stream.meters.extended
    output = (asked[1][0].amount - INPUT) // EACH
    assert HELD_OUTPUT + LEAST_TOKENS <= output <= 1.7 * HELD_OUTPUT
    assert [draw.amount for draw in asked[1]] == [INPUT + EACH * output, 1, 400 + output, 1, 9_000_000]
    assert stream.amounts == [draw.amount for draw in asked[1]]


async def test_a_long_stream_asks_rarely_and_holds_what_it_costs() -> None:
    stream = Stream(Answering(HELD), BUDGET)
    await stream.feed(20 * HELD_OUTPUT)
    asked = [draws[0].amount for _, draws in stream.meters.extended]
    assert asked == sorted(set(asked))
    assert 5 <= len(asked) <= 20
    assert stream.amounts[0] >= 0.9 * (INPUT + EACH * 20 * HELD_OUTPUT)


async def test_a_stream_that_outgrows_only_a_rate_of_tokens_has_more_held_too() -> None:
    stream = Stream(Answering(HELD), TOKENS)
    await stream.feed(HELD_OUTPUT * 5 // 4)
    assert stream.amounts[0] > 1000


async def test_never_more_is_held_than_the_caller_allowed_the_model_to_write() -> None:
    plan = make_plan(BUDGET, max_output=HELD_OUTPUT + 50)
    stream = Stream(Answering(HELD), plan=plan)
    await stream.feed(HELD_OUTPUT + 40)
    assert stream.amounts == [INPUT + EACH * (HELD_OUTPUT + 50)] or stream.meters.extended == []


async def test_a_stream_for_which_there_is_no_room_ends_and_names_the_rule_and_whom_to_ask() -> None:
    stream = Stream(Answering(Extended(Extension.REFUSED, BUDGET.rule)), BUDGET)
    cut_at = await stream.feed(5 * HELD_OUTPUT)
    assert HELD_OUTPUT <= cut_at <= HELD_OUTPUT * 1.3
    refusal = stream.outgrowing.refusal
    assert refusal is not None
    assert "config/budget" in refusal.message
    assert "finance@acme.example" in refusal.message
    assert refusal.policy is not None
    assert (refusal.policy.rule, refusal.policy.decision) == ("config/budget", "d_7Kq2")
    assert stream.amounts == [5_000_000]


async def test_nobody_is_cut_for_an_estimate_that_was_too_high() -> None:
    """One dense stretch makes the estimate jump; the text itself says that there is room."""
    stream = Stream(Answering(Extended(Extension.REFUSED, BUDGET.rule)), BUDGET)
    await stream.feed(1)
    stream.pace.correct(10 * HELD_OUTPUT, 0)
    assert stream.outgrowing.refusal is None
    await stream.settle()
    assert stream.outgrowing.refusal is None
    assert len(stream.meters.extended) == 1
    assert await stream.feed(HELD_OUTPUT // 2) == HELD_OUTPUT // 2


async def test_where_nobody_can_say_the_stream_goes_on_and_asks_again_later() -> None:
    stream = Stream(Answering(Extended(Extension.OPEN), Extended(Extension.OPEN), HELD), BUDGET)
    await stream.feed(4 * HELD_OUTPUT)
    assert stream.outgrowing.refusal is None
    assert [hold.draws[0].amount for hold, _ in stream.meters.extended[:3]] == [5_000_000] * 3
    assert stream.amounts[0] > 5_000_000
    assert len(stream.meters.extended) <= 8


async def test_a_touch_brings_the_first_look_forward_and_later_asks_at_once() -> None:
    stream = Stream(Answering(HELD), BUDGET)
    await stream.feed(1)
    stream.outgrowing.keep_up()
    assert stream.meters.extended == []
    await stream.feed(150)
    assert stream.pace.is_known
    stream.pace.passed += 100_000
    stream.outgrowing.keep_up()
    await stream.settle()
    assert len(stream.meters.extended) == 1


@pytest.mark.parametrize(
    ("obligations", "can"),
    [
        ((), False),
        ((RATE, PARALLEL), False),
        ((MAX,), False),
        ((msgspec.structs.replace(MAX, enforce=False),), True),
        ((MAX, BUDGET), True),
        ((TOKENS,), True),
    ],
)
def test_what_holds_the_most_already_or_counts_no_output_cannot_be_outgrown(
    obligations: tuple[Obligation, ...], *, can: bool
) -> None:
    assert can_outgrow(make_plan(*obligations)) is can

"""What an attempt used and what that costs, from what passed of its answer.

The provider's own figures where it gave them; else the estimate of the input and a count of the text that passed, long
texts off the loop. An answer that cannot be read is estimated by its size: only what was never asked is free.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from proxy.dialects.base import Tap
from proxy.domain.usage import NO_USAGE, Usage, UsageSource
from proxy.metering.cost import USAGE_MISSING, Cost
from proxy.metering.count import count
from proxy.metering.shortfall import completed, is_whole
from proxy.ports import Answer
from proxy.steps.ceiling import Ceiling
from proxy.steps.inflate import Inflater
from proxy.steps.outgrowing import Outgrowing
from proxy.steps.pace import BYTES_PER_TOKEN_STREAMED, Pace
from proxy.steps.visit import Plan, Visit
from proxy.steps.world import World

COUNT_INLINE = 8192  # characters that may be counted on the loop: 0.2 ms
BYTES_PER_TOKEN_PACKED = 4  # rough, for answers that cannot be read


class Bill(NamedTuple):
    """What an attempt is booked with."""

    usage: Usage
    cost: Cost


class Uncounted(NamedTuple):
    """A usage that lacks the count of a text too long to be counted on the loop."""

    usage: Usage
    text: str

    def roughly(self) -> int:
        """Tokens of the text, for a row that must be written whatever happens to the count."""
        return len(self.text) // 4


class Reckoning:
    """Of one attempt."""

    def __init__(self, world: World, visit: Visit, plan: Plan) -> None:
        """Nothing has passed yet."""
        self._estimator = world.estimator
        self._prices = visit.generation.prices
        self._plan = plan
        self._tap: Tap | None = None
        self._inflater: Inflater | None = None
        self._ceiling: Ceiling | None = None
        self._pace: Pace | None = None
        self._is_refusal = False
        self._passed = 0  # bytes of the answer
        self._unread = 0  # bytes of it that could not be read

    # -- what passes

    def begin(self, answer: Answer) -> None:
        """The upstream has begun to answer; from here on the tap knows what it used."""
        self._tap = self._plan.dialect.tap(self._plan.ask)
        self._tap.head(answer.headers)
        self._inflater = Inflater(answer.coding) if answer.coding else None
        self._is_refusal = answer.status >= 400  # noqa: PLR2004 - HTTP's own border

    def watch(self, held_nusd: int) -> None:
        """Have ``feed`` tell when the stream that has begun costs more than was held for it."""
        ask, dialect, encoding = self._plan.ask, self._plan.dialect, self._estimator.encoding(self._plan.model)
        self._ceiling = Ceiling(
            held_nusd, self.nusd, lambda text: count(text, encoding), lambda: dialect.tap(ask), dialect.gap
        )

    def follow(self, outgrowing: Outgrowing) -> None:
        """Have the stream that has begun followed by whoever holds more for it."""
        if self._tap is None:
            return
        ask, dialect, encoding = self._plan.ask, self._plan.dialect, self._estimator.encoding(self._plan.model)
        self._pace = outgrowing.pace = Pace(
            self._tap, lambda: dialect.tap(ask), lambda text: count(text, encoding), dialect.gap, outgrowing.left
        )

    def feed(self, piece: bytes) -> bool:
        """One piece of a stream has come. True: it is watched, and its hold is spent."""
        if self._tap is None:
            return False
        plain = self._plain(piece)
        self._tap.feed(plain)
        pace = self._pace
        if pace is not None:
            pace.passed += len(plain)
            if pace.passed >= pace.due:
                pace.take(plain)
        return self._ceiling is not None and self._ceiling.feed(plain)

    def body(self, body: bytes) -> None:
        """The whole of a buffered answer has come, or all that there will be of it."""
        if self._tap is not None:
            self._tap.body(self._plain(body))

    def _plain(self, piece: bytes) -> bytes:
        self._passed += len(piece)
        if self._inflater is None:
            return piece
        plain = self._inflater.feed(piece)
        if self._inflater.is_lost:
            self._unread += len(piece)
        return plain

    # -- while it passes

    def so_far_nusd(self) -> int:
        """What it would cost if it ended now."""
        if self._pace is not None and self._pace.is_known:
            return self.nusd(self._pace.output)
        output = self._tap.output_so_far() if self._tap is not None else None
        return self.nusd(self._passed // BYTES_PER_TOKEN_STREAMED if output is None else output)

    def nusd(self, output: int) -> int:
        """What the call costs with so many output tokens."""
        plan = self._plan
        usage = Usage(input=plan.estimate.input_tokens, output=output, service_tier=plan.ask.service_tier)
        return self._priced(usage).cost.nusd

    # -- when it has ended

    def bill(self, *, may_bill: bool) -> Bill | Uncounted:
        """What is to be booked. ``may_bill``: whether a provider that gave no answer may have worked on the request."""
        usage = self._reported(may_bill=may_bill)
        if usage is None:
            return Bill(NO_USAGE, Cost(0, self._plan.price_version, None))
        if is_whole(usage):
            return self._shown(usage)
        text = self._tap.relayed_text() if self._tap is not None else ""
        if len(text) > COUNT_INLINE:
            return Uncounted(usage, text)
        return self.counted(usage, count(text, self._estimator.encoding(self._plan.model)) if text else 0)

    def counted(self, usage: Usage, tokens: int) -> Bill:
        """The bill of a usage that lacked the count of its text."""
        return self._shown(completed(usage, self._plan.estimate.input_tokens, tokens + self._guess()))

    def _reported(self, *, may_bill: bool) -> Usage | None:
        """The tap's word; None where nothing is billed: not metered, refused, or never asked."""
        if not self._plan.ask.endpoint.metered:
            return None
        if self._tap is None:  # of some requests the tap knows what they cost without an answer
            return self._plan.dialect.tap(self._plan.ask).finish() if may_bill else None
        usage = self._tap.finish()
        is_free = not usage.input or usage.usage_source is UsageSource.ESTIMATED  # a refusal costs what it says it does
        return None if self._is_refusal and is_free else usage

    def _guess(self) -> int:
        """Output tokens in what could not be read, at most those that were asked for."""
        ask = self._plan.ask
        if not self._unread or not ask.endpoint.generates:
            return 0
        tokens = -(-self._unread // BYTES_PER_TOKEN_PACKED)
        most = self._plan.max_output if ask.max_output is None else ask.max_output
        return tokens if most is None else min(tokens, most * ask.choices)

    def _shown(self, usage: Usage) -> Bill:
        """The bill; where the answer kept back what its price is for, the estimate, which is flagged: never nothing."""
        bill = self._priced(usage)
        if bill.cost.flag != USAGE_MISSING or bill.cost.nusd:
            return bill
        return Bill(usage, msgspec.structs.replace(bill.cost, nusd=self._plan.amounts.expected_nusd))

    def _priced(self, usage: Usage) -> Bill:
        plan = self._plan
        return Bill(usage, self._prices.cost_of(plan.upstream, plan.model, usage, plan.call.at))

"""An answer that nobody is asked for: entered with the request counted, left with a row, however it is left.

It holds no money and takes no place, so it is given to whoever has spent their budget, too. It counts as a request: rates of
requests are held, in one call to the store, where there are any.
"""

from __future__ import annotations

from dataclasses import replace
from types import TracebackType
from typing import Final, Self

import msgspec

from proxy.dedup.replay import retold
from proxy.domain.decision import Decision
from proxy.domain.errors import CallError
from proxy.domain.meter import Hold, MeterKind, Unit
from proxy.domain.reuse import Hit
from proxy.domain.row import Outcome, Row
from proxy.policy.draws import Amounts
from proxy.ports import Answer, Headers
from proxy.steps import receipt, recent
from proxy.steps.booking import explained
from proxy.steps.cache_status import COALESCED
from proxy.steps.holding import Taken, secure
from proxy.steps.limit_headers import Pairs
from proxy.steps.rows import charges, ending, reused_row
from proxy.steps.visit import Plan, Visit
from proxy.steps.world import World

_NOTHING: Final = Amounts(0, 0, 0, 0)
_OK: Final = 200


class StoredAnswer:
    """Satisfies ``ports.Answer``: a stored answer, told as this caller wants to hear it."""

    status = _OK
    coding = b""

    def __init__(self, content_type: bytes, body: bytes) -> None:
        self.headers: Headers = ((b"content-type", content_type),)
        self.content_type = content_type
        self._left = body

    async def read(self) -> bytes:
        """All of it."""
        return await self.piece()

    async def piece(self) -> bytes:
        """All of it, and then its end."""
        body, self._left = self._left, b""
        return body

    def arrived(self, most: int) -> bytes:
        """Nothing that was not taken."""
        return self._left[:most]

    def close(self) -> None:
        """Nobody is asked."""


def stored_answer(plan: Plan, visit: Visit, hit: Hit) -> StoredAnswer:
    """Tell a stored answer again. Raises ``ValueError`` for one that is not understood: it is no answer then."""
    if hit.entry.api != plan.ask.endpoint.api or hit.entry.is_shadow:
        raise ValueError("an entry of another kind")
    told = retold(
        hit.entry.api,
        hit.entry.body,
        stream=plan.ask.stream,
        usage_asked=plan.ask.usage_asked,
        new_id=visit.request_id.replace("-", ""),
        created=int(visit.at),
        query=plan.ask.query,
    )
    return StoredAnswer(told.content_type, told.body)


class Reused:
    """The passing on of one stored answer. Satisfies ``passage.Passage`` and ``leases.Holder``."""

    cut = None

    def __init__(self, world: World, visit: Visit, plan: Plan, hit: Hit, answer: StoredAnswer) -> None:
        """Nothing happens until the block is entered."""
        self._world, self._visit, self._hit = world, visit, hit
        self._plan, self._answer = _request_alone(plan), answer
        self._taken: Taken | None = None
        self._first_at = 0.0
        cost = visit.generation.prices.cost_of(plan.upstream, plan.model, hit.entry.usage, plan.call.at)
        self._saved_nusd = cost.nusd

    async def __aenter__(self) -> Self:
        """Count the request. Raises ``Throttled`` where there is no room for another one."""
        if self._plan.decision.obligations:
            self._taken = await secure(self._world, self._visit, self._plan)
            self._world.leases.add(self)
        self._visit.rowed = True
        self._first_at = self._world.clock.monotonic()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the row. Nothing in here waits."""
        world, visit, hold = self._world, self._visit, self.hold
        row = self._row(error)
        if isinstance(error, CallError) and error.policy is not None:
            row = explained(world, visit, row, error)
        world.books.book(row, hold)
        if hold is not None:
            world.leases.discard(self)
            world.meters.ended(hold, 0)
        world.gauge.finished(row)
        recent.booked(world, visit, row)

    @property
    def hold(self) -> Hold | None:
        """What is held: requests, where they are counted."""
        return self._taken.hold if self._taken else None

    def so_far_nusd(self) -> int:
        """It costs nothing."""
        return 0

    def keep_up(self) -> None:
        """It will never cost more."""

    # -- the answer

    def answered(self, answer: Answer) -> None:
        """It has begun; nobody needs to know."""

    async def read(self) -> bytes:
        """All of it."""
        return await self._answer.read()

    def feed(self, piece: bytes) -> None:
        """It is known already."""

    def head(self, plan: Plan, answer: Answer, *, is_unpacked: bool = False) -> Pairs:  # noqa: ARG002 - it was never packed
        """Headers for the caller."""
        held = self._taken.held if self._taken else None
        limited = _with_obligations(plan.decision, self._plan)
        return receipt.reused(plan, self._answer.content_type, limited, self.hold, held)

    def costs(self) -> Pairs:
        """What it saved."""
        return receipt.saved(self._saved_nusd)

    def _row(self, error: BaseException | None) -> Row:
        outcome, status, code = ending(error, _OK, is_open=self._visit.opened)
        if outcome is Outcome.OK:
            outcome = Outcome.COALESCED if self._plan.cached.result == COALESCED else Outcome.CACHE_HIT
        now, visit, plan, entry = self._world.clock.monotonic(), self._visit, self._plan, self._hit.entry
        row = reused_row(plan, visit, outcome, status, code, round((now - visit.began) * 1000, 3))
        is_given = outcome in (Outcome.COALESCED, Outcome.CACHE_HIT)
        return msgspec.structs.replace(
            row,
            model=entry.model or plan.model,
            charges=charges(self._taken.hold.draws, 0, row.usage) if self._taken else (),
            local=self._taken.held.local if self._taken else False,
            saved_nusd=self._saved_nusd if is_given else 0,
            saved_input=entry.usage.input or 0 if is_given else 0,
            saved_output=entry.usage.output or 0 if is_given else 0,
            ttft_ms=round((self._first_at - visit.began) * 1000, 3),
            overhead_us=int((self._first_at - visit.read_at) * 1_000_000),
        )


def _request_alone(plan: Plan) -> Plan:
    """The plan of attempt 0: it is counted as a request, and costs nothing even if nobody came back to say so."""
    wishes = plan.decision.obligations
    rates = tuple([wish for wish in wishes if wish.kind is MeterKind.RATE and wish.unit is Unit.REQUESTS])
    return replace(
        plan,
        decision=msgspec.structs.replace(plan.decision, obligations=rates),
        amounts=_NOTHING,
        estimate=msgspec.structs.replace(plan.estimate, input_tokens=0),
        number=0,
    )


def _with_obligations(decision: Decision, plan: Plan) -> Decision:
    """A decision whose obligations are those that something was held for."""
    return msgspec.structs.replace(decision, obligations=plan.decision.obligations)

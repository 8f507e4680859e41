"""An attempt upstream: entered with a hold, left with a row, however it is left.

What must never be forgotten is not remembered but built in: leaving the block books the row, and ``Books.book`` neither
waits nor fails, so that no cancellation, error or bug between the two ends can lose a call that an upstream saw.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import msgspec

from proxy.domain.errors import CallError, ClientGone, PassedOver, StoreAway, UpstreamFailed
from proxy.domain.meter import Held, Hold, HoldState
from proxy.domain.row import Rank, Row
from proxy.domain.upstream import Upstream
from proxy.domain.usage import UsageSource
from proxy.domain.verdict import UNSEEN
from proxy.metering.cost import Cost
from proxy.ports import Answer, Body, Permit
from proxy.steps.delivery import is_stream
from proxy.steps.failure import failed, goes_on, retry_after_s, verdict
from proxy.steps.holding import TRIES, describe, nobody_knows, take
from proxy.steps.receipt import upstream_request_id
from proxy.steps.reckoning import Bill, Reckoning, Uncounted
from proxy.steps.refusal import refused_hold
from proxy.steps.rows import charges, ending
from proxy.steps.visit import Plan, Visit
from proxy.steps.world import World

ARRIVED_AT_MOST = 1 << 20  # bytes of a broken answer that are read for what it used, as many as taps keep


class Attempt:
    """One try upstream, as an asynchronous context manager."""

    def __init__(
        self, world: World, visit: Visit, plan: Plan, permit: Permit, *, others: Sequence[Upstream] = ()
    ) -> None:
        """Nothing happens until the block is entered. ``others`` could be asked if this one fails."""
        self._world = world
        self._visit = visit
        self._plan = plan
        self._permit = permit
        self._others = others
        self._answer: Answer | None = None
        self._sending: asyncio.Future[Answer] | None = None  # where it outlives a caller who leaves
        self._reckoning = Reckoning(world, visit, plan)
        self._bill: Bill | None = None  # of a buffered answer, as its receipt says
        self._is_sent = False  # the whole request is on a connection: from here on a provider may bill
        self._is_whole = self._is_read = False  # the answer is buffered; it has gone through the tap
        self._was_open = self._may_follow = False  # when it ended: a long count is booked while the next one is asked
        self._row: Row
        self.hold: Hold | None = None
        self.held: Held | None = None
        self.edits: tuple[str, ...] = ()
        self.sent_at = 0.0  # monotonic: the request was given to the wire
        self.first_at = 0.0  # monotonic: the first piece of the answer is here
        self.is_cut = False  # its `max` hold is spent: the relay must end it

    async def __aenter__(self) -> Self:
        """Hold the money first. Raises what the caller is told when there is no room."""
        try:
            return await self._enter()
        except BaseException:
            self._permit.ended(UNSEEN)
            raise

    async def _enter(self) -> Self:
        clock, gauge = self._world.clock, self._world.gauge
        began = clock.monotonic()
        held = await self._take()
        if held.state is HoldState.STALE:  # midnight passed between our clock and the store's
            held = await self._take()
        gauge.stage("decide", (began - self._visit.read_at) * 1e6)
        gauge.stage("hold", (clock.monotonic() - began) * 1e6)
        for wish, level in zip(self._plan.decision.obligations, held.levels, strict=False):
            gauge.decided(wish.rule, "enforce" if wish.enforce else "audit", "deny" if level.over else "allow")
        if held.state is not HoldState.ADMITTED:
            raise refused_hold(self._plan, self._hold, held)
        self.held = held
        self._visit.rowed = True
        self._visit.attempts = self._plan.number
        self._world.leases.add(self)
        if held.local:
            try:
                await self._world.books.open(self._row)
            except BaseException as error:
                self._leave(error)  # it may be committed all the same: its end must be told
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Record, then settle. Nothing in here waits, so nothing in here can be cancelled."""
        if self._worth_draining(error):
            self._world.later(self._drain_then_book(error))
        else:
            self._leave(error)

    async def send(self, target: str, headers: list[tuple[bytes, bytes]], body: bytes | Body) -> Answer:
        """Ask the upstream; its answer has begun. Where answers are drained, the asking outlives a caller who leaves.

        Raises ``PassedOver`` for an answer that another upstream may better.
        """
        upstream = self._plan.upstream
        self.sent_at = self._world.clock.monotonic()
        method = self._plan.ask.endpoint.method
        sending = self._world.wire.send(upstream, method, target, headers, body, self._on_sent)
        if upstream.on_disconnect == "drain":
            self._sending = asyncio.ensure_future(sending)
            self._sending.add_done_callback(_heard)
            answer = await asyncio.shield(self._sending)
        else:
            answer = await sending
        if failed(upstream, answer) and not self._visit.is_spent and self._world.permits.may_ask(self._others):
            self.answered(answer)
            self._is_whole = True  # what has come of it may say what it cost
            raise PassedOver(upstream.name, answer.status, retry_after_s(answer))
        return answer

    def _on_sent(self, is_sent: bool) -> None:  # noqa: FBT001 - as ``ports.OnSent`` has it
        self._is_sent = is_sent

    def answered(self, answer: Answer) -> None:
        """The upstream has begun to answer; from here on the tap knows what it used."""
        self._answer = answer
        self._permit.answered(verdict(self._plan.upstream, answer, None))
        self._reckoning.begin(answer)
        if self._hold.whole and self._plan.ask.endpoint.generates and is_stream(self._plan, answer):
            self._reckoning.watch(self._row.held_nusd)
        self.first_at = self._world.clock.monotonic()

    async def read(self) -> bytes:
        """The whole of an answer that is buffered."""
        if self._answer is None:
            raise RuntimeError("an answer is read after it has begun")
        self._is_whole = True
        body = await self._answer.read()
        self._reckoning.body(body)
        self._is_read = True
        return body

    def feed(self, piece: bytes) -> None:
        """One piece of a stream has come."""
        self.is_cut = self._reckoning.feed(piece)

    def so_far_nusd(self) -> int:
        """What it would cost if it ended now."""
        return self._reckoning.so_far_nusd()

    # -- holding

    @property
    def _hold(self) -> Hold:
        if self.hold is None:
            raise RuntimeError("an attempt is used inside its block")
        return self.hold

    async def _take(self) -> Held:
        for tried in range(TRIES):
            self._row, self.hold = describe(self._world, self._plan, tried)
            with suppress(StoreAway):
                return await take(self._world, self._plan, self.hold)
        raise nobody_knows()

    # -- ending

    def reckon(self) -> Bill | None:
        """Usage and cost of a buffered answer, for its receipt; None where its text is too long to be counted here."""
        bill = self._reckoning.bill(may_bill=True)
        self._bill = None if isinstance(bill, Uncounted) else bill
        return self._bill

    def _leave(self, error: BaseException | None) -> None:
        self._was_open, self._may_follow = self._visit.opened, self._may_be_followed(error)
        if self._answer is not None:
            self._answer.close()
        elif self._sending is not None:
            _let_go(self._sending)
        self._permit.ended(verdict(self._plan.upstream, self._answer, error))
        try:
            self._count_up(error)
        except Exception as bug:  # noqa: BLE001 - a mistake in reading the answer must not lose the row
            self._world.report("usage_unread", self._plan.call.request_id, bug)
            self._book(Bill(self._row.usage, Cost(self._row.cost_nusd, self._plan.price_version, None)), error)

    def _count_up(self, error: BaseException | None) -> None:
        if self._answer is not None and self._is_whole and not self._is_read:  # it broke, or its caller left
            self._reckoning.body(self._answer.arrived(ARRIVED_AT_MOST))
        # A provider that we waited for may bill what it read.
        may_bill = self._is_sent and not isinstance(error, UpstreamFailed)
        bill = self._bill or self._reckoning.bill(may_bill=may_bill)
        if isinstance(bill, Uncounted):
            self._world.later(self._count_then_book(bill, error))
        else:
            self._book(bill, error)

    async def _count_then_book(self, bill: Uncounted, error: BaseException | None) -> None:
        counted = bill.roughly()
        try:
            counted = await self._world.count_long(self._plan.model, bill.text)
        finally:
            self._book(self._reckoning.counted(bill.usage, counted), error)

    def _may_be_followed(self, error: BaseException | None) -> bool:
        """Whether another attempt may come after this one: nothing was passed on, and there is somebody to ask."""
        if not self._others or self._visit.opened or self._visit.is_spent:
            return False
        return isinstance(error, CallError) and goes_on(error)

    def _worth_draining(self, error: BaseException | None) -> bool:
        left = isinstance(error, ClientGone | asyncio.CancelledError)
        return left and self._sending is not None and self._is_sent and not self._is_read

    async def _drain_then_book(self, error: BaseException | None) -> None:
        """Read on for a caller who left, where the provider bills anyway: the true figure comes at the end."""
        try:
            with suppress(TimeoutError, CallError):  # what was reported until then is booked
                async with asyncio.timeout(self._plan.upstream.drain_s):
                    await self._read_on()
        finally:
            self._leave(error)

    async def _read_on(self) -> None:
        if self._answer is None and self._sending is not None:
            self.answered(await self._sending)
        if self._answer is None:
            return
        if not is_stream(self._plan, self._answer):
            await self.read()
            return
        while piece := await self._answer.piece():
            self.feed(piece)

    def _book(self, bill: Bill, error: BaseException | None) -> None:
        usage, cost = bill
        world, plan, answer, now = self._world, self._plan, self._answer, self._world.clock.monotonic()
        upstream_status = None if answer is None else answer.status
        outcome, status, code = ending(error, upstream_status or 0, is_open=self._was_open)
        began = self._visit.began
        row = msgspec.structs.replace(
            self._row,
            rank=Rank.FINAL,
            upstream_request_id=None if answer is None else upstream_request_id(answer),
            model=usage.model or plan.model,
            status=status,
            upstream_status=upstream_status,
            outcome=outcome,
            error=code,
            usage=usage,
            cost_nusd=cost.nusd,
            charges=charges(self._hold.draws, cost.nusd, usage),
            price_flag=cost.flag,
            edits=self.edits,
            local=self.held is not None and self.held.local,
            may_follow=self._may_follow,
            ttft_ms=round((self.first_at - began) * 1000, 3) if self.first_at else None,
            duration_ms=round((now - began) * 1000, 3),
            overhead_us=int((self.sent_at - self._visit.read_at) * 1_000_000) if self.sent_at else 0,
        )
        world.books.book(row, self.hold)
        world.leases.discard(self)
        world.meters.ended(self._hold, cost.nusd)
        world.gauge.finished(row)
        if usage.usage_source is UsageSource.REPORTED:
            world.estimator.learn(plan.upstream.name, plan.model, plan.estimate, usage)
            world.outputs.learn(plan.model, plan.call.attribution.team, usage.output or 0, plan.ask.choices)


def _heard(sending: asyncio.Future[Answer]) -> None:
    """Take note of how an asking ended that nobody may wait for any more."""
    if not sending.cancelled():
        sending.exception()


def _let_go(sending: asyncio.Future[Answer]) -> None:
    """End an asking that nobody waits for any more; its answer may have come in the very turn in which the caller left."""
    if sending.done() and not sending.cancelled() and sending.exception() is None:
        sending.result().close()
    else:
        sending.cancel()

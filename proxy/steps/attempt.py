"""An attempt upstream: entered with a hold, left with a row, however it is left.

What must never be forgotten is not remembered but built in: leaving the block books the row, and ``Books.book`` neither
waits nor fails, so that no cancellation, error or bug between the two ends can lose a call that an upstream saw.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

import msgspec

from proxy.dialects.base import Tap
from proxy.domain.errors import CallError, ClientGone, StoreAway, UpstreamFailed
from proxy.domain.meter import Held, Hold, HoldState
from proxy.domain.row import Rank, Row
from proxy.domain.usage import NO_USAGE, Usage, UsageSource
from proxy.metering.cost import Cost
from proxy.metering.count import count
from proxy.metering.shortfall import completed, is_whole
from proxy.ports import Answer
from proxy.steps.delivery import is_stream
from proxy.steps.holding import TRIES, describe, nobody_knows, take
from proxy.steps.receipt import upstream_request_id
from proxy.steps.refusal import refused_hold
from proxy.steps.rows import charges, ending
from proxy.steps.visit import Plan, Visit
from proxy.steps.world import World

COUNT_INLINE = 8192  # characters that may be counted on the loop: 0.2 ms
COUNT_AT_MOST = 65_536  # characters of a running stream that are counted to see whether it outgrew its hold
BYTES_PER_TOKEN_STREAMED = 16  # rough, for the leases of streams that report nothing until their end


class Attempt:
    """One try upstream, as an asynchronous context manager."""

    def __init__(self, world: World, visit: Visit, plan: Plan) -> None:
        """Nothing happens until the block is entered."""
        self._world = world
        self._visit = visit
        self._plan = plan
        self._answer: Answer | None = None
        self._sending: asyncio.Future[Answer] | None = None  # where it outlives a caller who leaves
        self._tap: Tap | None = None
        self._is_read = False  # a buffered answer has gone through the tap
        self._row: Row
        self.hold: Hold | None = None
        self.held: Held | None = None
        self.edits: tuple[str, ...] = ()
        self.sent_at = 0.0  # monotonic: the request is on its way upstream
        self.first_at = 0.0  # monotonic: the first piece of the answer is here
        self.relayed = 0  # bytes of a stream
        self.is_cut = False  # its `max` hold is spent: the relay must end it
        self._reckoned: tuple[Usage, Cost] | None = None

    async def __aenter__(self) -> Self:
        """Hold the money first. Raises what the caller is told when there is no room."""
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

    async def send(self, target: str, headers: list[tuple[bytes, bytes]], body: bytes) -> Answer:
        """Ask the upstream; its answer has begun. Where answers are drained, the asking outlives a caller who leaves."""
        upstream = self._plan.upstream
        self.sent_at = self._world.clock.monotonic()
        sending = self._world.wire.send(upstream, self._plan.ask.endpoint.method, target, headers, body)
        if upstream.on_disconnect != "drain":
            return await sending
        self._sending = asyncio.ensure_future(sending)
        return await asyncio.shield(self._sending)

    def answered(self, answer: Answer) -> None:
        """The upstream has begun to answer; from here on the tap knows what it used."""
        self._answer = answer
        self._tap = self._plan.dialect.tap(self._plan.ask)
        self.first_at = self._world.clock.monotonic()

    async def read(self) -> bytes:
        """The whole of an answer that is buffered."""
        if self._answer is None or self._tap is None:
            raise RuntimeError("an answer is read after it has begun")
        body = await self._answer.read()
        self._tap.body(body)
        self._is_read = True
        return body

    def feed(self, piece: bytes) -> None:
        """One piece of a stream has come."""
        self.relayed += len(piece)
        if self._tap is not None:
            self._tap.feed(piece)

    def so_far_nusd(self) -> int:
        """What it would cost if it ended now."""
        output = self._tap.output_so_far() if self._tap is not None else 0
        guess = self.relayed // BYTES_PER_TOKEN_STREAMED if output is None else output
        return self._cost(Usage(input=self._plan.estimate.input_tokens, output=guess)).nusd

    def outgrew(self) -> bool:
        """Whether a `max` hold is spent although the stream goes on: a provider that does not keep to the ceiling."""
        if self.hold is None or not self.hold.whole or self._tap is None or not self.relayed:
            return False
        output = self._tap.output_so_far()
        if output is None:
            output = count(self._tap.relayed_text()[:COUNT_AT_MOST], self._world.estimator.encoding(self._plan.model))
        usage = Usage(input=self._plan.estimate.input_tokens, output=output)
        self.is_cut = self._cost(usage).nusd > self._row.held_nusd
        return self.is_cut

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

    def reckon(self) -> tuple[Usage, Cost] | None:
        """Usage and cost of a buffered answer, for its receipt; None where its text is too long to be counted here."""
        usage = self._reported(None)
        text = self._uncounted_text(usage)
        if len(text) > COUNT_INLINE:
            return None
        usage = self._whole(usage, text)
        self._reckoned = usage, self._cost(usage)
        return self._reckoned

    def _leave(self, error: BaseException | None) -> None:
        if self._answer is not None:
            self._answer.close()
        elif self._sending is not None:
            self._sending.cancel()
        try:
            self._count_up(error)
        except Exception as bug:  # noqa: BLE001 - a mistake in reading the answer must not lose the row
            self._world.report("usage_unread", self._plan.call.request_id, bug)
            self._book(self._row.usage, Cost(self._row.cost_nusd, self._plan.price_version, None), error)

    def _count_up(self, error: BaseException | None) -> None:
        if self._reckoned is not None:
            self._book(*self._reckoned, error)
            return
        usage = self._reported(error)
        text = self._uncounted_text(usage)
        if len(text) > COUNT_INLINE:
            self._world.later(self._count_then_book(usage, text, error))
            return
        usage = self._whole(usage, text)
        self._book(usage, self._cost(usage), error)

    def _worth_draining(self, error: BaseException | None) -> bool:
        left = isinstance(error, ClientGone | asyncio.CancelledError)
        return left and self._sending is not None and not self._is_read

    async def _drain_then_book(self, error: BaseException | None) -> None:
        """Read on for a caller who left, where the provider bills anyway: the true figure comes at the end."""
        try:
            async with asyncio.timeout(self._plan.upstream.drain_s):
                await self._read_on()
        except (TimeoutError, CallError):
            pass  # what was reported until here is booked
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

    def _reported(self, error: BaseException | None) -> Usage:
        """The tap's word; ``NO_USAGE`` where nothing is billed: not metered, refused, or never reached."""
        if not self._plan.ask.endpoint.metered or not self.sent_at:
            return NO_USAGE
        if self._answer is None or self._tap is None:  # a provider that we waited for may bill what it read
            return NO_USAGE if isinstance(error, UpstreamFailed) else Usage()
        usage = self._tap.finish()
        refused = self._answer.status >= 400  # noqa: PLR2004 - HTTP's own border
        return NO_USAGE if refused and usage.input is None else usage

    def _uncounted_text(self, usage: Usage) -> str:
        """The text that must be counted because the provider did not; empty when it did."""
        return "" if usage is NO_USAGE or is_whole(usage) or self._tap is None else self._tap.relayed_text()

    def _whole(self, usage: Usage, text: str, counted: int | None = None) -> Usage:
        if usage is NO_USAGE or is_whole(usage):
            return usage
        if counted is None:
            encoding = self._world.estimator.encoding(self._plan.model)
            counted = count(text, encoding) if text else 0
        return completed(usage, self._plan.estimate.input_tokens, counted)

    async def _count_then_book(self, usage: Usage, text: str, error: BaseException | None) -> None:
        counted = len(text) // 4  # whatever happens to the count, the row must be written
        try:
            counted = await self._world.count_long(self._plan.model, text)
        finally:
            usage = self._whole(usage, text, counted)
            self._book(usage, self._cost(usage), error)

    def _cost(self, usage: Usage) -> Cost:
        plan = self._plan
        if usage is NO_USAGE:
            return Cost(0, plan.price_version, None)
        return self._visit.generation.prices.cost_of(plan.upstream, plan.model, usage, plan.call.at)

    def _book(self, usage: Usage, cost: Cost, error: BaseException | None) -> None:
        world, plan, answer, now = self._world, self._plan, self._answer, self._world.clock.monotonic()
        upstream_status = None if answer is None else answer.status
        outcome, status, code = ending(error, upstream_status or 0)
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
            ttft_ms=round((self.first_at - began) * 1000, 3) if self.first_at else None,
            duration_ms=round((now - began) * 1000, 3),
            overhead_us=int((self.sent_at - self._visit.read_at) * 1_000_000) if self.sent_at else 0,
        )
        world.books.book(row, self.hold)
        world.leases.discard(self)
        world.gauge.finished(row)
        if usage.usage_source is UsageSource.REPORTED:
            world.estimator.learn(plan.upstream.name, plan.model, plan.estimate, usage)
            world.outputs.learn(plan.model, plan.call.attribution.team, usage.output or 0, plan.ask.choices)

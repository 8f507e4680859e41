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

from proxy.domain.errors import CallError, ClientGone, PassedOver, QuotaSpent, UpstreamFailed
from proxy.domain.meter import Held, Hold
from proxy.domain.upstream import Upstream
from proxy.domain.usage import Usage
from proxy.domain.verdict import UNSEEN
from proxy.metering.cost import Cost
from proxy.ports import Answer, Body, Permit
from proxy.steps import receipt
from proxy.steps.asking import Asking
from proxy.steps.booking import End, book
from proxy.steps.delivery import is_stream
from proxy.steps.failure import failed, goes_on, retry_after_s, verdict
from proxy.steps.holding import Taken, secure
from proxy.steps.limit_headers import Pairs
from proxy.steps.outgrowing import Outgrowing, can_outgrow
from proxy.steps.reading_on import read_on
from proxy.steps.reckoning import Bill, Reckoning, Uncounted
from proxy.steps.recording import Recording
from proxy.steps.refusal import used_up
from proxy.steps.visit import Plan, Visit
from proxy.steps.world import World

ARRIVED_AT_MOST = 1 << 20  # bytes of a broken answer that are read for what it used, as many as taps keep


class Attempt:
    """One try upstream, as an asynchronous context manager."""

    def __init__(
        self,
        world: World,
        visit: Visit,
        plan: Plan,
        permit: Permit,
        *,
        others: Sequence[Upstream] = (),
        recording: Recording | None = None,
    ) -> None:
        """Nothing happens until the block is entered. ``others`` could be asked if this one fails.

        ``recording`` keeps the answer for those who ask the same, and is ended here.
        """
        self._world = world
        self._visit = visit
        self._plan = plan
        self._permit = permit
        self._others = others
        self._recording = recording
        self._asking = Asking(world, plan, for_others=recording is not None)
        self._answer: Answer | None = None
        self._reckoning = Reckoning(world, visit, plan)
        self._bill: Bill | None = None  # of a buffered answer, as its receipt says
        self._is_whole = self._is_read = False  # the answer is buffered; it has gone through the tap
        self._is_all = False  # of a stream: its end has come
        self._first_at = 0.0  # monotonic: the first piece of the answer is here
        self._taken: Taken | None = None
        self._outgrowing: Outgrowing | None = None
        self._is_spent = False  # its `max` hold
        self.edits: tuple[str, ...] = ()

    async def __aenter__(self) -> Self:
        """Hold the money first. Raises what the caller is told when there is no room, or ``GivesWay``."""
        try:
            taken = self._taken = await secure(self._world, self._visit, self._plan)
        except BaseException:
            self._permit.ended(UNSEEN)
            if self._recording is not None:
                self._recording.stop()
            raise
        self._visit.rowed = True
        self._visit.attempts = self._plan.number
        self._world.leases.add(self)
        if taken.held.local:
            try:
                await self._world.books.open(taken.row)
            except BaseException as error:
                self._leave(error)  # it may be committed all the same: its end must be told
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Record, then settle. Nothing in here waits, so nothing in here can be cancelled."""
        self._is_all = error is None
        if self._worth_draining(error):
            self._world.later(self._drain_then_book(error))
        else:
            self._leave(error)

    @property
    def hold(self) -> Hold | None:
        """What is held now; None before the block is entered."""
        return self._taken.hold if self._taken else None

    @property
    def held(self) -> Held | None:
        """What the store said to it."""
        return self._taken.held if self._taken else None

    # -- the answer

    async def send(self, target: str, headers: list[tuple[bytes, bytes]], body: bytes | Body) -> Answer:
        """Ask the upstream; its answer has begun. Where answers are drained, the asking outlives a caller who leaves.

        Raises ``PassedOver`` for an answer that another upstream may better.
        """
        upstream = self._plan.upstream
        answer = await self._asking.send(target, headers, body)
        if failed(upstream, answer) and not self._visit.is_spent and self._world.permits.may_ask(self._others):
            self.answered(answer)
            self._is_whole = True  # what has come of it may say what it cost
            raise PassedOver(upstream.name, answer.status, retry_after_s(answer))
        return answer

    def answered(self, answer: Answer) -> None:
        """The upstream has begun to answer; from here on the tap knows what it used."""
        self._answer = answer
        self._permit.answered(verdict(self._plan.upstream, answer, None))
        self._reckoning.begin(answer)
        if self._recording is not None:
            self._recording.begin(answer, is_stream=is_stream(self._plan, answer))
        if self._plan.ask.endpoint.generates and is_stream(self._plan, answer):
            self._watch(self._in_block())
        self._first_at = self._world.clock.monotonic()

    def _watch(self, taken: Taken) -> None:
        """A stream begins: see that it keeps to what is held, or that what is held keeps up with it."""
        if taken.hold.whole:
            self._reckoning.watch(taken.row.held_nusd)
        if can_outgrow(self._plan):
            self._outgrowing = Outgrowing(self._world, self._plan, taken, self._reckoning.nusd)
            self._reckoning.follow(self._outgrowing)

    async def read(self) -> bytes:
        """The whole of an answer that is buffered."""
        if self._answer is None:
            raise RuntimeError("an answer is read after it has begun")
        self._is_whole = True
        body = await self._answer.read()
        self._reckoning.body(body)
        if self._recording is not None:
            self._recording.take(body)
        self._is_read = True
        return body

    def feed(self, piece: bytes) -> None:
        """One piece of a stream has come."""
        if self._recording is not None:
            self._recording.take(piece)
        self._is_spent = self._reckoning.feed(piece)

    @property
    def cut(self) -> QuotaSpent | None:
        """Why the relay must end the stream now; None: it may go on."""
        if self._is_spent:
            return used_up(self._plan.decision)
        return self._outgrowing.refusal if self._outgrowing is not None else None

    def keep_up(self) -> None:
        """Have more held where the stream has cost more than is; returns at once."""
        if self._outgrowing is not None:
            self._outgrowing.keep_up()

    def so_far_nusd(self) -> int:
        """What it would cost if it ended now."""
        return self._reckoning.so_far_nusd()

    def costs(self) -> Pairs:
        """Usage and cost of a buffered answer, for its receipt; nothing where its text is too long to be counted here."""
        bill = self._reckoning.bill(may_bill=True)
        if isinstance(bill, Uncounted):
            return []
        self._bill = bill
        return receipt.cost(bill.cost.nusd, bill.usage.usage_source)

    def head(self, plan: Plan, answer: Answer, *, is_unpacked: bool = False) -> Pairs:
        """Headers for the caller; those of ``costs`` come first where there are any. ``is_unpacked``: see ``receipt``."""
        kept, bill = self._recording, self._bill
        is_stored = kept is not None and bill is not None and kept.is_fit(bill.usage)
        return receipt.headers(plan, answer, self.hold, self.held, is_unpacked=is_unpacked, is_stored=is_stored)

    # -- ending

    def _leave(self, error: BaseException | None) -> None:
        answer = self._answer
        end = End(
            error=error,
            answer=answer,
            was_open=self._visit.opened,
            may_follow=self._may_be_followed(error),
            sent_at=self._asking.at,
            first_at=self._first_at,
            edits=self.edits,
        )
        if answer is not None:
            answer.close()
        else:
            self._asking.let_go()
        self._permit.ended(verdict(self._plan.upstream, answer, error))
        usage = None
        try:
            usage = self._count_up(end)
        except Exception as bug:  # noqa: BLE001 - a mistake in reading the answer must not lose the row
            self._world.report("usage_unread", self._plan.call.request_id, bug)
            row = self._in_block().row
            self._book(end, Bill(row.usage, Cost(row.cost_nusd, self._plan.price_version, None)))
        if self._recording is not None:
            self._recording.end(usage if self._is_read or self._is_all else None)

    def _count_up(self, end: End) -> Usage | None:
        """Book what it used; None where that is not known yet."""
        if self._answer is not None and self._is_whole and not self._is_read:  # it broke, or its caller left
            self._reckoning.body(self._answer.arrived(ARRIVED_AT_MOST))
        # A provider that we waited for may bill what it read.
        may_bill = self._asking.is_sent and not isinstance(end.error, UpstreamFailed)
        bill = self._bill or self._reckoning.bill(may_bill=may_bill)
        if isinstance(bill, Uncounted):
            self._world.later(self._count_then_book(bill, end))
            return None
        self._book(end, bill)
        return bill.usage

    async def _count_then_book(self, bill: Uncounted, end: End) -> None:
        counted = bill.roughly()
        try:
            counted = await self._world.count_long(self._plan.model, bill.text)
        finally:
            self._book(end, self._reckoning.counted(bill.usage, counted))

    def _may_be_followed(self, error: BaseException | None) -> bool:
        """Whether another attempt may come after this one: nothing was passed on, and there is somebody to ask."""
        if not self._others or self._visit.opened or self._visit.is_spent:
            return False
        return isinstance(error, CallError) and goes_on(error)

    def _worth_draining(self, error: BaseException | None) -> bool:
        """Whether its answer may be worth reading without a caller."""
        if not isinstance(error, ClientGone | asyncio.CancelledError) or not self._asking.is_sent or self._is_read:
            return False
        return self._owed_s() > 0 or (self._recording is not None and not self._recording.is_over)

    def _owed_s(self) -> float:
        """How long an answer is read whose caller has left, even though nobody waits for it."""
        upstream = self._plan.upstream
        return upstream.drain_s if upstream.on_disconnect == "drain" and self._asking.outlives else 0.0

    async def _is_awaited(self) -> bool:
        return self._recording is not None and await self._recording.is_wanted()

    async def _drain_then_book(self, error: BaseException | None) -> None:
        """Read on for a caller who left, where the provider bills anyway, or others wait for the answer."""
        try:
            with suppress(CallError):  # what was reported until then is booked
                await read_on(self._owed_s(), self._is_awaited, self._read_on())
        finally:
            self._leave(error)

    async def _read_on(self) -> None:
        if self._answer is None and (answer := await self._asking.answer()) is not None:
            self.answered(answer)
        if self._answer is None:
            return
        if not is_stream(self._plan, self._answer):
            await self.read()
            return
        while piece := await self._answer.piece():
            self.feed(piece)
            if (cut := self.cut) is not None:
                raise cut
        self._is_all = True

    def _book(self, end: End, bill: Bill) -> None:
        book(self._world, self._visit, self._plan, self._in_block(), self, end, bill)

    def _in_block(self) -> Taken:
        if self._taken is None:
            raise RuntimeError("an attempt is used inside its block")
        return self._taken

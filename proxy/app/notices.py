"""What people who keep watch are told, once over all workers and machines: as a metric, in the log, and by webhook.

The walk only puts a name into a queue, and only for what it has not seen told; a mark in the store then says who is first.
Failure: while the store is away nothing is told, and the next call that finds the same is asked again; a worker that dies
between the mark and the webhook takes that one notice with it. So: at most once, and once unless something breaks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import msgspec

from proxy.app.doors import Doors
from proxy.config.settings import Notify
from proxy.domain.errors import StoreAway
from proxy.domain.notice import Notice, Telling
from proxy.policy.notices import expiry
from proxy.ports import Clock, NewId
from proxy.steps.generation import Generation
from proxy.stores.marks import StoreMarks
from proxy.telemetry import metrics
from proxy.telemetry.logs import Log
from proxy.upstream.webhook import Webhook

MOST: Final = 1_000  # that wait for the store
REMEMBERED: Final = 20_000  # names that were told; the one told first is forgotten first
LAST_S: Final = 2.0  # at the end, for what waits
EXPIRES_SOON_S: Final = 3 * 86_400
LOOK_S: Final = 600.0  # between looks at exemptions

_encode = msgspec.json.Encoder().encode


class Notices:
    """Satisfies ``ports.Notices``, for one worker."""

    def __init__(
        self,
        doors: Doors,
        webhook: Webhook | None,
        log: Log,
        clock: Clock,
        new_id: NewId,
        now: Callable[[], Generation],
    ) -> None:
        """``now``: the generation in force. Without ``webhook`` crossings are counted and logged, and no more is told."""
        self._marks = StoreMarks(doors.store)
        self._webhook = webhook
        self._accumulator = doors.accumulator
        self._log = log
        self._clock = clock
        self._new_id = new_id
        self._now = now
        self._known: dict[str, None] = {}
        self._waiting: deque[Telling] = deque()
        self._came = asyncio.Event()

    @property
    def chores(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        """What is to be done for ever beside the calls."""
        return (self._run,) if self._webhook is None else (self._run, self._watch, self._webhook.run)

    def knows(self, once: str) -> bool:
        """Whether it was told, here or by another worker, or is about to be."""
        return once in self._known

    def tell(self, telling: Telling) -> None:
        """Tell it if nobody has; returns at once. What only a webhook is for is not told without one."""
        if len(self._waiting) >= MOST:
            return  # whoever sees it next tells it
        if len(self._known) >= REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[telling.once] = None
        if self._webhook is None and telling.notice.type != "budget.crossed":
            return
        self._waiting.append(telling)
        self._came.set()

    async def _run(self) -> None:
        while True:
            self._came.clear()
            while self._waiting:
                await self._pass_on(self._waiting.popleft())
            await self._came.wait()

    async def _watch(self) -> None:
        """Look for exemptions that end soon."""
        while True:
            policy, now = self._now().policy.said, self._clock.now()
            for one in policy.exemptions:
                if 0 < one.until - now <= EXPIRES_SOON_S:
                    telling = expiry(one, policy.generation)
                    if not self.knows(telling.once):
                        self.tell(telling)
            await asyncio.sleep(LOOK_S)

    async def last(self) -> None:
        """Before the end: give what waits a moment."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_S):
                while self._waiting or (self._webhook and not self._webhook.is_idle):  # noqa: ASYNC110 - two queues, once
                    await asyncio.sleep(0.02)

    async def _pass_on(self, telling: Telling) -> None:
        try:
            is_first = await self._marks.first(self._now().directory.org, telling.once, telling.until_s)
        except StoreAway:
            self._known.pop(telling.once, None)
            return
        if is_first:
            self._publish(telling.notice)

    def _publish(self, notice: Notice) -> None:
        if notice.type == "budget.crossed":
            self._accumulator.cell(metrics.CROSSINGS, notice.rule, notice.mark).value += 1
            self._log.event(
                "warning",
                "budget_crossed",
                rule=notice.rule,
                mark=notice.mark,
                scope=notice.scope,
                used=notice.level,
                limit=notice.limit,
            )
        if self._webhook is not None:
            id_ = self._new_id()
            at = datetime.fromtimestamp(self._clock.now(), UTC).isoformat(timespec="milliseconds")
            self._webhook.post(notice.type, id_, _encode({"id": id_, "at": at} | msgspec.to_builtins(notice)))


def webhook_of(to: Notify | None, doors: Doors, log: Log) -> Webhook | None:
    """The webhook that the configuration names."""
    if to is None:
        return None

    def tell(level: str, event: str, detail: str) -> None:
        log.event(level, event, detail=detail)

    def count(type_: str, outcome: str) -> None:
        doors.accumulator.cell(metrics.NOTICES, type_, outcome).value += 1

    return Webhook(doors.wire, to, tell, count)

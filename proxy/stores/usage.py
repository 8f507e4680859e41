"""What scopes did lately, for rules that ask: counted here, added up in the store by all workers, and read back.

Nothing of it happens on a call's time. What a call adds is in memory and counts at once for this worker; every few seconds
one script per org takes the additions there and brings back the scopes that calls asked about. A scope that nobody asked
about lately is nothing until it was read, which is at once. While the store is away scopes stay as last known, with what
happens here; additions wait, up to a bound, and count as of when they arrive. What the store may have taken is not sent
again: statistics may lack the seconds of a failure, and never count them twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

import msgspec

from proxy.domain.decision import Watch
from proxy.domain.errors import StoreAway
from proxy.domain.lately import COUNTERS, Counts, Lately
from proxy.stores import keys
from proxy.stores.errors import Unanswered
from proxy.stores.scope_view import View, add_to
from proxy.stores.store import Store

MOST_SCOPES: Final = 4096  # known; of those beyond, the ones that were asked about least lately are forgotten
MOST_PENDING: Final = 16_384  # scopes whose additions wait; others are not counted while the store is away
ROUND_S: Final = 5.0
FRESH_S: Final = 25.0  # a scope is read again after so long: with the round, at most half a minute old
FORGET_S: Final = 600.0  # after which a scope that nobody asks about is no longer read
_PAUSE_S: Final = 0.02  # in which new scopes gather, to be read together
_READS, _ADDS = 16, 64  # in one script call: about a millisecond of the engine
_DEADLINE_S: Final = 1.0

Where = tuple[str, str]  # org, scope
_WIDTH: Final = len(COUNTERS)
_encode = msgspec.msgpack.Encoder().encode


class StoreUsage:
    """Satisfies ``ports.Usage``. ``run`` is its only task; while no rule asks for anything it waits."""

    def __init__(
        self, store: Store, now: Callable[[], float], *, round_s: float = ROUND_S, fresh_s: float = FRESH_S
    ) -> None:
        """``now`` measures seconds."""
        self._store = store
        self._now = now
        self._round_s, self._fresh_s = round_s, fresh_s
        self._views: dict[Where, View] = {}  # the one that was asked about least lately is first
        self._pending: dict[Where, list[int]] = {}  # counted, and not sent
        self._asked = asyncio.Event()  # some rule wants to know or to count something
        self._new: dict[Where, None] = {}  # scopes that were never read
        self._is_new = asyncio.Event()
        self.standing: Mapping[tuple[str, int], int] = {}  # (ladder, rung): scopes for which it is the one that stands

    def add(self, org: str, scopes: Iterable[str], counts: Counts) -> None:
        """Count what a call did in each of these scopes."""
        added = [(at, count) for at, count in enumerate(msgspec.structs.astuple(counts)) if count]
        for scope in scopes:
            where = (org, scope)
            pending = self._pending.get(where)
            if pending is None:
                if len(self._pending) >= MOST_PENDING:
                    continue
                pending = self._pending[where] = [0] * _WIDTH
            add_to(pending, added)
            if (view := self._views.get(where)) is not None:
                view.add(added)
        self._asked.set()

    def of(self, org: str, scope: str, ladders: Sequence[str]) -> Lately:
        """What is known of a scope, and of these ladders on it."""
        where = (org, scope)
        view = self._views.pop(where, None)
        if view is None:
            view = View(_WIDTH)
            if len(self._views) >= MOST_SCOPES:
                del self._views[next(iter(self._views))]
        if view.read_at is None or not view.ladders.issuperset(ladders):
            view.ladders.update(ladders)
            self._new[where] = None
            self._asked.set()
            self._is_new.set()
        self._views[where] = view
        view.asked_at = self._now()
        return Lately(Counts(*view.hour), Counts(*view.day), tuple(view.since.items()))

    def watch(self, org: str, watch: Watch) -> None:
        """Remember since when a ladder's condition holds, or that it no longer does."""
        if (view := self._views.get((org, watch.scope))) is not None:
            view.watch(watch)

    async def run(self) -> None:
        """Send and read, for ever."""
        next_at = self._now() + self._round_s
        while True:
            await self._asked.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, next_at - self._now())):
                    await self._is_new.wait()
            if self._is_new.is_set():
                await asyncio.sleep(_PAUSE_S)
                await self._first_look()
            if self._now() >= next_at:
                await self.round()
                next_at = self._now() + self._round_s
            if not (self._views or self._pending):
                self._asked.clear()

    async def round(self) -> None:
        """Send what was counted, then read what is due. A store that is away leaves all of it for the next round."""
        now = self._now()
        for where in [where for where, view in self._views.items() if now - view.asked_at > FORGET_S]:
            del self._views[where]
        due = [where for where, view in self._views.items() if view.is_due(now - self._fresh_s)]
        with suppress(StoreAway):
            await self._send()
            await self._read(due)
        self.standing = _standing(self._views.values())

    async def close(self) -> None:
        """Send what was counted last; ``run`` has ended."""
        with suppress(StoreAway):
            await self._send()

    async def _first_look(self) -> None:
        self._is_new.clear()
        new, self._new = self._new, {}
        with suppress(StoreAway):
            await self._read(new)

    async def _send(self) -> None:
        """Additions first: who reads a ladder must find what it stands on."""
        for org, batch in _batches(self._pending, _ADDS):
            await self._send_counts(org, batch)
        for org, batch in _batches([where for where, view in self._views.items() if view.told], _ADDS):
            await self._send_ladders(org, batch)

    async def _send_counts(self, org: str, batch: Sequence[Where]) -> None:
        adds = {where: counts for where in batch if (counts := self._pending.pop(where, None))}
        flat = [part for where, counts in adds.items() for part in (keys.usage(*where), *counts)]
        try:
            await self._script(org, adds=flat)
        except Unanswered:
            raise
        except StoreAway:  # it certainly took nothing
            for where, counts in adds.items():
                add_to(self._pending.setdefault(where, [0] * _WIDTH), enumerate(counts))
            raise

    async def _send_ladders(self, org: str, batch: Sequence[Where]) -> None:
        views = {where: view for where in batch if (view := self._views.get(where))}
        told = {where: view.tell() for where, view in views.items()}
        flat = [
            part
            for where, ladders in told.items()
            for rule, (dropped, since) in ladders.items()
            for part in (keys.ladder(org, rule, where[1]), dropped, since)
        ]
        try:
            await self._script(org, ladders=flat)
        except StoreAway:  # telling it twice changes nothing
            for where, ladders in told.items():
                views[where].tell_again(ladders)
            raise

    async def _read(self, due: Iterable[Where]) -> None:
        for org, batch in _batches(due, _READS):
            views = {where: view for where in batch if (view := self._views.get(where))}
            ladders = [(where, rule) for where, view in views.items() for rule in sorted(view.ladders)]
            reply = await self._script(
                org,
                reads=[keys.usage(*where) for where in views],
                asked=[keys.ladder(org, rule, where[1]) for where, rule in ladders],
            )
            figures, stands = iter(reply), reply[2 * _WIDTH * len(views) :]
            since: dict[Where, dict[str, int]] = {where: {} for where in views}
            for (where, rule), at in zip(ladders, stands, strict=True):
                if at:
                    since[where][rule] = at
            now = self._now()
            for where, view in views.items():
                hour, day = list(islice(figures, _WIDTH)), list(islice(figures, _WIDTH))
                view.take(hour, day, since[where], self._pending.get(where, ()), now)

    async def _script(
        self,
        org: str,
        *,
        adds: Sequence[object] = (),
        ladders: Sequence[object] = (),
        reads: Sequence[object] = (),
        asked: Sequence[object] = (),
    ) -> list[int]:
        names = (keys.open_holds(org), keys.never(org))
        packed = [_encode(part) for part in (adds, ladders, reads, asked)]
        reply: list[int] = await self._store.of(org).run("usage", names, _WIDTH, *packed, deadline_s=_DEADLINE_S)
        return reply


def _batches(wheres: Iterable[Where], size: int) -> list[tuple[str, list[Where]]]:
    """Some of one org at a time."""
    by_org: dict[str, list[Where]] = {}
    for where in wheres:
        by_org.setdefault(where[0], []).append(where)
    return [(org, some[at : at + size]) for org, some in by_org.items() for at in range(0, len(some), size)]


def _standing(views: Iterable[View]) -> dict[tuple[str, int], int]:
    """How many scopes stand on each rung of each ladder."""
    found: dict[tuple[str, int], int] = {}
    for view in views:
        for stands in view.rungs.items():
            found[stands] = found.get(stands, 0) + 1
    return found

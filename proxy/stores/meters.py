"""Holds and counters, as the walk asks for them: the ``Meters`` port on the store's scripts.

A hold that was asked for and not answered may still be taken later, when the engine catches up. So whoever gives up, by
deadline or because the caller left, sends a release behind it: it gives back what was held and refuses the id for a while.
While the store is away such releases are kept and sent when it returns; if even that fails, the lease ends the hold.
Calls are then admitted from the local allowance, where the rules say so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final

import msgspec

from proxy.domain.decision import Obligation
from proxy.domain.errors import StoreAway
from proxy.domain.meter import Draw, Extended, Extension, Held, Hold, HoldState, Level, MeterKind, Standing
from proxy.stores import keys
from proxy.stores.allowance import Allowance
from proxy.stores.errors import Refused, Unsent
from proxy.stores.rows import EXACT, pack_draws
from proxy.stores.store import Store

LEASE_S: Final = 30.0
REFUSE_S: Final = 60
_STATES: Final = (HoldState.REFUSED, HoldState.ADMITTED, HoldState.VOID, HoldState.STALE)
_OWED: Final = 10_000
_PATIENCE_S: Final = 2.0


class StoreMeters:
    """Satisfies ``ports.Meters``. ``lease_s`` is how long a hold outlives the last touch; ``workers`` share an allowance."""

    def __init__(self, store: Store, *, lease_s: float = LEASE_S, workers: int = 1) -> None:
        self._store = store
        self._clock = store.clock
        self._allowance = Allowance(workers, round(lease_s * 1_000_000))
        self._lease_ms = round(lease_s * 1000)
        self._owed: dict[str, str] = {}  # holds given up whose release has not arrived: id to org
        self._tasks: set[asyncio.Task[None]] = set()
        store.on_return(self._returned)

    async def hold(self, hold: Hold, wishes: Sequence[Obligation] = ()) -> Held:
        """Take room on every meter or on none.

        While the store is away, ``wishes`` (in the order of the draws) say what may be granted here: then ``Held.local``.
        One answer that comes too late is no outage: until the breaker opens, such a call is refused, so that a slow moment
        never lets through more than the limit. Raises ``StoreAway`` within the deadline; then nothing stays held. Raises
        ``ValueError`` for amounts beyond 2^53, before anything is sent.
        """
        try:
            held = await self._hold(hold)
        except StoreAway:
            if self._store.of(hold.org).up:
                raise
            local = self._allowance.hold(hold, wishes, self.time_us()) if len(wishes) == len(hold.draws) else None
            if local is None:
                raise
            return local
        self._allowance.seen(hold, held)
        return held

    def time_us(self) -> int:
        """The store's clock as known here, in microseconds since 1970, without asking."""
        return self._clock.time_us()

    async def spent(self, key: str) -> Standing:
        """How a budget's key stands. Raises ``StoreAway``."""
        figures = await self._store.of(keys.org_of(key)).command("HMGET", key, "s", "r", "g")
        return Standing(*(int(figure or 0) for figure in figures))

    async def extend(self, hold: Hold, draws: Sequence[Draw], wishes: Sequence[Obligation]) -> Extended:
        """Have a hold come to ``draws``, its own with larger amounts, on every meter or on none. Never raises.

        Rules in force that say ``cut`` must have room. While the store is away nothing more is held: then those look at the
        local allowance.
        """
        must = [wish.on_outgrown == "cut" and draw.enforce for wish, draw in zip(wishes, draws, strict=True)]
        marked = [msgspec.structs.replace(draw, enforce=one) for draw, one in zip(draws, must, strict=True)]
        shard = self._store.of(hold.org)
        try:
            refuses = await shard.run("extend", _names(hold.org, hold.id), hold.id, pack_draws(marked))
        except (StoreAway, ValueError):
            refuses = 0 if shard.up else self._without_room(hold, marked, wishes)
            return Extended(Extension.REFUSED, draws[refuses - 1].rule) if refuses else Extended(Extension.OPEN)
        if refuses > 0:
            return Extended(Extension.REFUSED, draws[refuses - 1].rule)
        return Extended(Extension.OPEN if refuses else Extension.HELD)

    def _without_room(self, hold: Hold, draws: Sequence[Draw], wishes: Sequence[Obligation]) -> int:
        """The first of the draws, from 1, that must have room for its growth and has none here; 0 where all have."""
        now_us = self.time_us()
        for number, (old, new, wish) in enumerate(zip(hold.draws, draws, wishes, strict=True), 1):
            more = msgspec.structs.replace(new, amount=new.amount - old.amount)
            if more.amount > 0 and not self._allowance.has_room(more, wish, now_us):
                return number
        return 0

    def touch(self, hold: Hold, so_far_nusd: int) -> None:
        """Refresh the lease, and say what an orphan would cost by now; a hold that was swept or lost is taken again."""
        if not self._store.of(hold.org).up:
            self._allowance.touch(hold.id, so_far_nusd, self.time_us())
        self._background(self._touch(hold, so_far_nusd))

    def ended(self, hold: Hold, nusd: int) -> None:
        """Give back its places among parallel calls before anything else is held: whoever has the answer may ask again.

        What it cost is told the local allowance; while the store is up, settlement tells the store.
        """
        shard = self._store.of(hold.org)
        if not shard.up:
            self._allowance.ended(hold, nusd)
            return
        for draw in hold.draws:
            if draw.kind is MeterKind.PARALLEL:
                shard.tell("ZREM", draw.key, hold.id)

    def release(self, hold: Hold) -> None:
        """Give a hold up unused and refuse its id for 60 s, now or as soon as the store is back."""
        self._owe(hold.id, hold.org)
        if self._store.of(hold.org).connected:
            self._background(self._release(hold.id, hold.org))

    async def drain(self) -> None:
        """Wait for touches and releases that are under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _hold(self, hold: Hold) -> Held:
        names = _names(hold.org, hold.id)
        shard = self._store.of(hold.org)
        self._clock = shard.clock
        try:
            reply = await shard.run("hold", names, hold.id, self._lease_ms, *contents(hold))
        except (Unsent, Refused):
            raise
        except BaseException:
            self.release(hold)
            raise
        shard.clock.heard(reply[1])
        return held_of(reply)

    async def _touch(self, hold: Hold, so_far_nusd: int) -> None:
        names = _names(hold.org, hold.id)
        await self._store.of(hold.org).run(
            "touch", names, hold.id, self._lease_ms, min(so_far_nusd, EXACT), *contents(hold)
        )

    async def _release(self, hold_id: str, org: str) -> None:
        names = _names(org, hold_id)
        await self._store.of(org).run("release", names, hold_id, REFUSE_S, deadline_s=_PATIENCE_S, anyway=True)
        self._owed.pop(hold_id, None)

    def _owe(self, hold_id: str, org: str) -> None:
        if len(self._owed) >= _OWED:
            del self._owed[next(iter(self._owed))]  # the oldest; its lease ends it
        self._owed[hold_id] = org

    def _returned(self) -> None:
        self._allowance.returned()
        for hold_id, org in self._owed.items():
            self._background(self._release(hold_id, org))

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except StoreAway:
        return  # the next touch, the store's return or the lease will do it


def _names(org: str, hold_id: str) -> tuple[str, str, str]:
    """The keys of a hold, as its scripts declare them."""
    return keys.open_holds(org), keys.hold(org, hold_id), keys.void(org, hold_id)


def contents(hold: Hold) -> tuple[bytes, bytes, int, int]:
    """The arguments of ``hold.lua`` behind id and lease. Raises ``ValueError`` for amounts beyond 2^53."""
    return pack_draws(hold.draws), hold.facts, min(hold.floor_nusd, EXACT), int(hold.whole)


def held_of(reply: list[Any]) -> Held:
    """The reply of ``hold.lua``: three figures a draw, and at the end the grants of those that have any."""
    *figures, last = reply
    grants = last if isinstance(last, list) else ()
    end = len(figures) if grants else len(reply)
    levels = [Level(reply[i] == 1, reply[i + 1], reply[i + 2]) for i in range(2, end, 3)]
    for i in range(0, len(grants), 2):
        levels[grants[i] - 1] = msgspec.structs.replace(levels[grants[i] - 1], granted=grants[i + 1])
    return Held(_STATES[reply[0]], tuple(levels), reply[1])

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

from proxy.domain.decision import Obligation
from proxy.domain.errors import StoreAway
from proxy.domain.meter import Held, Hold, HoldState, Level
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

    async def spent(self, key: str) -> tuple[int, int]:
        """What a budget's key has spent, and holds, in nano-dollars. Raises ``StoreAway``."""
        spent, held = await self._store.of(keys.org_of(key)).command("HMGET", key, "s", "r")
        return int(spent or 0), int(held or 0)

    def touch(self, hold: Hold, so_far_nusd: int) -> None:
        """Refresh the lease, and say what an orphan would cost by now; a hold that was swept or lost is taken again."""
        if not self._store.of(hold.org).up:
            self._allowance.touch(hold.id, so_far_nusd, self.time_us())
        self._background(self._touch(hold, so_far_nusd))

    def ended(self, hold: Hold, nusd: int) -> None:
        """Tell the local allowance what a call cost in the end; while the store is up, settlement tells the store."""
        if not self._store.of(hold.org).up:
            self._allowance.ended(hold, nusd)

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
        names = (keys.open_holds(hold.org), keys.hold(hold.org, hold.id), keys.void(hold.org, hold.id))
        shard = self._store.of(hold.org)
        self._clock = shard.clock
        try:
            reply = await shard.run("hold", names, hold.id, self._lease_ms, *_contents(hold))
        except (Unsent, Refused):
            raise
        except BaseException:
            self.release(hold)
            raise
        shard.clock.heard(reply[1])
        return _held(reply)

    async def _touch(self, hold: Hold, so_far_nusd: int) -> None:
        names = (keys.open_holds(hold.org), keys.hold(hold.org, hold.id), keys.void(hold.org, hold.id))
        await self._store.of(hold.org).run(
            "touch", names, hold.id, self._lease_ms, min(so_far_nusd, EXACT), *_contents(hold)
        )

    async def _release(self, hold_id: str, org: str) -> None:
        names = (keys.open_holds(org), keys.hold(org, hold_id), keys.void(org, hold_id))
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


def _contents(hold: Hold) -> tuple[bytes, bytes, int, int]:
    return pack_draws(hold.draws), hold.facts, min(hold.floor_nusd, EXACT), int(hold.whole)


def _held(reply: list[int]) -> Held:
    levels = tuple(Level(reply[i] == 1, reply[i + 1], reply[i + 2]) for i in range(2, len(reply), 3))
    return Held(_STATES[reply[0]], levels, reply[1])

"""Asking for stored answers: the ``Answers`` port.

One script looks and leases, so that whoever finds nothing either leads or waits. A lease that is lost (its holder died, the
cache evicted it, the scope was flushed, the answer deleted) costs a second call upstream and never a wrong answer: what its
holder says is for those who waited by then, and not stored. A look that came to nothing by the deadline may have
taken a lease all the same: whoever leaves gives up behind it, on the same connection.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any, Final

from proxy.domain.errors import StoreAway
from proxy.domain.reuse import CacheKey, Entry, Hit, Missed
from proxy.ports import Lead
from proxy.stores.answers.coding import ALL, ANSWERS, pack, unpack
from proxy.stores.answers.flight import POLL_S, WAIT_S, Flight
from proxy.stores.answers.flushed import Flushed
from proxy.stores.answers.lead import Lease, StoreLead
from proxy.stores.answers.shelf import GENERATION_BYTES, LEASE_S, Seen, Shelf, State, Wish
from proxy.stores.answers.spots import Spot, is_name, place_of, spot_of
from proxy.stores.errors import Refused, Unsent
from proxy.stores.store import Store

DEADLINE_S: Final = (
    0.045  # with the quarter that a connection may add: 60 ms, and all of it only when something is wrong
)
_LONG: Final = 64 * 1024  # bytes of an answer that is packed in a thread: a millisecond of the loop
_BEATS: Final = 3  # renewals in a lease


class StoreAnswers:
    """Satisfies ``ports.Answers``. ``heard`` is for a ``Subscription``; without one, answers of other processes take longer."""

    def __init__(
        self, store: Store, *, lease_s: float = LEASE_S, wait_s: float = WAIT_S, deadline_s: float = DEADLINE_S
    ) -> None:
        """``lease_s``: how long others wait for a leader that died; ``wait_s``: for one that does not."""
        self._deadline_s = deadline_s
        self._store = store
        self._shelf = Shelf(store, lease_s)
        self._lease_s, self._wait_s = lease_s, wait_s
        self._flights: dict[bytes, Flight] = {}
        self._leases: dict[str, Lease] = {}  # by token
        self._me, self._numbers = os.urandom(6).hex(), count()
        self._renewal: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._troubles: dict[str, int] = {}

    @property
    def troubles(self) -> Mapping[str, int]:
        """``unanswered`` look-ups, ``unkept`` deposits, ``too_large``; entries that were ``strange`` or ``undecodable``."""
        return self._troubles

    async def ask(
        self,
        key: CacheKey,
        *,
        caller: str,
        max_age_s: float | None = None,
        fresh: bool = False,
        only_if_cached: bool = False,
    ) -> Hit | Lead | Missed:
        """An answer, or the duty to find one; as the port says."""
        spot = spot_of(key)
        wish = Wish(
            "" if fresh else ANSWERS,
            "" if only_if_cached else self._new_token(),
            "" if fresh or only_if_cached else spot.mark(caller),
            max_age_s,
        )
        try:
            found = await self._look(spot, wish, self._deadline_s)
        except StoreAway:
            self._trouble("unanswered")
            return Missed("away")
        return await self._flight(spot).wait(found) if isinstance(found, bytes) else found

    async def peek(self, key: CacheKey) -> Hit | None:
        """What is stored, shadows included."""
        try:
            found = await self._look(spot_of(key), Wish(ALL, ""), self._deadline_s)
        except StoreAway:
            self._trouble("unanswered")
            return None
        return found if isinstance(found, Hit) else None

    def put(self, key: CacheKey, entry: Entry) -> None:
        """Store an answer that nobody waits for."""
        self._background(self._keep(spot_of(key), entry, None))

    async def forget(self, org: str, scopes: Sequence[str], name: str) -> bool:
        """Delete an answer by its name, or what is under way of it. Raises ``StoreAway``."""
        gone = [await self._shelf.delete(place_of(org, scope), name) for scope in scopes if is_name(name)]
        return any(gone)

    async def flush(self, org: str, scope: str, by: str = "") -> None:
        """Delete all answers of a scope; workers hear ``by`` whom. Raises ``StoreAway``."""
        await self._shelf.flush(place_of(org, scope), Flushed(org, scope, by).told())

    async def flush_all(self, org: str, by: str = "") -> None:
        """Delete all answers of an org, whoever shares them. Raises ``StoreAway``, also when only some of them are gone."""
        await self._shelf.flush_all(org, Flushed(org, "", by).told())

    def heard(self, flight: bytes) -> None:
        """A lease ended in some process."""
        if (found := self._flights.get(flight)) is not None:
            found.stir()

    async def close(self) -> None:
        """Give up what still leads and wait for what is under way; nobody asks any more."""
        if self._renewal is not None:
            self._renewal.cancel()
        for lease in list(self._leases.values()):
            self._give_up(lease, alone=False)
        self._closed = True
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _look(self, spot: Spot, wish: Wish, deadline_s: float) -> Hit | StoreLead | Missed | bytes:
        """One look; bytes are the token of who leads elsewhere. Raises ``StoreAway``."""
        until = asyncio.get_running_loop().time() + deadline_s
        seen = await self._seen(spot, wish, deadline_s)
        if seen.state == State.HIT:
            if (entry := unpack(seen.text)) is not None:
                left_s = seen.number / 1000
                return Hit(entry, max(0.0, entry.ttl_s - left_s), left_s)
            self._trouble("undecodable")
            self._shelf.drop(spot, wish.mark)
            seen = await self._seen(spot, wish, max(0.001, until - asyncio.get_running_loop().time()))
        if seen.strange:
            self._trouble("strange")
        if seen.state == State.HELD:
            return seen.text
        if seen.state in (State.LEADS, State.APART):
            return self._lead(spot, wish, seen)
        return Missed("not-cached")

    async def _seen(self, spot: Spot, wish: Wish, deadline_s: float) -> Seen:
        try:
            return await self._shelf.look(spot, wish, deadline_s)
        except (Unsent, Refused):
            raise
        except BaseException:
            if wish.token:
                self._background(self._shelf.abandon(spot, wish.token, apart=False))
            raise

    async def _look_again(self, spot: Spot, max_age_s: float) -> Hit | Lead | Missed | bytes:
        """For those who wait."""
        wish = Wish(ANSWERS, self._new_token(), max_age_s=max_age_s)
        found = await self._look(spot, wish, POLL_S)
        if isinstance(found, Hit):
            return Hit(found.entry, found.age_s, found.ttl_s, coalesced=True)
        return Missed("alone") if isinstance(found, StoreLead) and found.is_apart else found

    def _lead(self, spot: Spot, wish: Wish, seen: Seen) -> StoreLead:
        generation, permit = seen.text[:GENERATION_BYTES], seen.text[GENERATION_BYTES:]
        leases = seen.state == State.LEADS
        lease = Lease(spot, wish.token if leases else "", generation, permit, self._flight(spot) if leases else None)
        if leases:
            self._leases[lease.token] = lease
            if self._renewal is None:
                self._renew_later()
        return StoreLead(lease, self._deposit, self._give_up, self._is_wanted, there=seen.number)

    def _flight(self, spot: Spot) -> Flight:
        name = spot.flight
        flight = self._flights.get(name)
        if flight is None:
            look = partial(self._look_again, spot)
            flight = self._flights[name] = Flight(look, partial(self._landed, name), self._wait_s)
        return flight

    def _landed(self, name: bytes, flight: Flight) -> None:
        if self._flights.get(name) is flight:
            del self._flights[name]

    def _deposit(self, lease: Lease, entry: Entry) -> None:
        if self._ended(lease):
            if lease.flight is not None:
                lease.flight.over(lease.number, Hit(entry, 0.0, entry.ttl_s, coalesced=True))
            self._background(self._keep(lease.spot, entry, lease))

    def _give_up(self, lease: Lease, alone: bool) -> None:  # noqa: FBT001 - as a lead calls it
        if self._ended(lease) and lease.flight is not None:
            self._background(self._shelf.abandon(lease.spot, lease.token, apart=alone))
            if alone:
                lease.flight.over(lease.number, Missed("alone"))
            else:
                lease.flight.left(lease.number)

    async def _is_wanted(self, lease: Lease) -> bool:
        if lease.flight is not None and lease.flight.is_wanted(lease.number):
            return True
        try:
            return await self._shelf.renew(lease.spot, lease.token)
        except StoreAway:  # where others are told the same
            return False

    def _ended(self, lease: Lease) -> bool:
        """Whether this is the end of it: nothing ends once the cache is closed."""
        self._leases.pop(lease.token, None)
        return not self._closed

    async def _keep(self, spot: Spot, entry: Entry, lease: Lease | None) -> None:
        generation, token, permit = (lease.generation, lease.token, lease.permit) if lease else (b"", "", b"")
        parcel = await asyncio.to_thread(pack, entry) if len(entry.body) > _LONG else pack(entry)
        if parcel is None:
            self._trouble("too_large")
            await self._shelf.abandon(spot, token, apart=True)
            return
        try:
            await self._shelf.deposit(spot, parcel, generation, token, permit)
        except StoreAway:
            self._trouble("unkept")
            await self._shelf.abandon(spot, token, apart=False)

    def _renew_later(self) -> None:
        self._renewal = asyncio.get_running_loop().call_later(self._lease_s / _BEATS, self._renew_all)

    def _renew_all(self) -> None:
        self._renewal = None
        for lease in self._leases.values():
            self._background(self._renew(lease))
        if self._leases:
            self._renew_later()

    async def _renew(self, lease: Lease) -> None:
        await self._shelf.renew(lease.spot, lease.token)

    def _new_token(self) -> str:
        return f"{self._me}{next(self._numbers):012x}"

    def _trouble(self, kind: str) -> None:
        self._troubles[kind] = self._troubles.get(kind, 0) + 1

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        if self._closed:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except StoreAway:
        return  # the lease ends by itself

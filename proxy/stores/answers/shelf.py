"""The scripts of the cache, as calls. Every call that a caller waits for has the store's short deadline."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from proxy.stores.answers.coding import Parcel
from proxy.stores.answers.spots import CHANNEL, Place, Spot, buckets_of, names_of
from proxy.stores.store import Store

LEASE_S: Final = 3.0
GENERATION_BYTES: Final = 16
_PATIENCE_S: Final = 1.0  # for what nobody waits for
_OF_BUCKET: Final = 1  # as ``flush.lua`` counts generations
_OF_SCOPE: Final = 2
_WAITS_MS: Final = 1000  # whoever waited in another process, and has not looked for so long, waits no more
REFRESH: Final = 1  # there is one, and this caller had it a moment ago
OLDER: Final = 2  # there is one, older than was wanted


class State(IntEnum):
    """What came of a look, as ``lookup.lua`` numbers it."""

    HIT = 1
    LEADS = 2
    APART = 3  # leads, and holds no lease
    HELD = 4  # another leads
    NOTHING = 5


class Seen(NamedTuple):
    """What ``lookup.lua`` replies. ``text``: the entry, the holder's token, or the generation, and the permit behind it."""

    state: int
    text: bytes
    number: int  # ms that the entry has left; else 0 for no answer, ``REFRESH`` or ``OLDER``
    strange: int  # 1: there was an entry of another digest


class Wish(NamedTuple):
    """What a look is for."""

    kinds: str  # of entries; "": do not look, lead
    token: str  # "": lead in no case
    mark: str = ""  # the caller's; "": nobody's second ask counts
    max_age_s: float | None = None


class Shelf:
    """The cache of one installation. In a cluster each bucket has a connection of its own, for each has a slot of its own."""

    def __init__(self, store: Store, lease_s: float) -> None:
        self._store = store
        self._lease_ms = round(lease_s * 1000)

    async def look(self, spot: Spot, wish: Wish, deadline_s: float | None = None) -> Seen:
        """Find an answer or take the lease. Raises ``StoreAway``; after ``Unanswered`` the lease may be taken."""
        place, names = spot.place, spot.names
        keys = (*place.generations, *names, wish.mark or names.entry)
        age_ms = -1 if wish.max_age_s is None else max(0, round(wish.max_age_s * 1000))
        args = (wish.kinds, spot.digest, age_ms, int(bool(wish.mark)), wish.token, self._lease_ms)
        return Seen(*await self._store.of(place.tag).run("lookup", keys, *args, deadline_s=deadline_s))

    async def deposit(self, spot: Spot, parcel: Parcel, generation: bytes, token: str, permit: bytes) -> bool:
        """Store and end the lease; whether it was stored, and not flushed or deleted meanwhile. Raises ``StoreAway``."""
        place = spot.place
        keys = (*place.generations, *spot.names)
        args = (parcel.head, generation, parcel.rest, parcel.ttl_ms, token, permit, CHANNEL, spot.flight)
        return bool(await self._store.of(place.tag).run("deposit", keys, *args, deadline_s=_PATIENCE_S))

    async def abandon(self, spot: Spot, token: str, *, apart: bool) -> None:
        """End the lease; ``apart``: for the length of one, nobody waits for anybody else. Raises ``StoreAway``."""
        args = (token, self._lease_ms if apart else 0, CHANNEL, spot.flight)
        store = self._store.of(spot.place.tag)
        await store.run("abandon", (spot.names.lease,), *args, deadline_s=_PATIENCE_S, anyway=True)

    async def renew(self, spot: Spot, token: str) -> bool:
        """Make the lease last; whether somebody in another process waits. Raises ``StoreAway``."""
        args = (token, self._lease_ms, _WAITS_MS)
        return bool(await self._store.of(spot.place.tag).run("renew", (spot.names.lease,), *args))

    async def flush(self, place: Place, told: bytes) -> None:
        """Begin a new generation of a scope, and have workers ``told``. Raises ``StoreAway``."""
        args = (_OF_SCOPE, CHANNEL, told)
        await self._store.of(place.tag).run("flush", place.generations, *args, deadline_s=_PATIENCE_S)

    async def flush_all(self, org: str, told: bytes) -> None:
        """Begin a new generation of every bucket of an org. Raises ``StoreAway``; some of them may have begun then."""
        *buckets, last = buckets_of(org)
        for tag, generation in (*buckets, last):
            args = (_OF_BUCKET, CHANNEL, told if tag == last[0] else b"")
            await self._store.of(tag).run("flush", (generation, generation), *args, deadline_s=_PATIENCE_S)

    async def delete(self, place: Place, name: str) -> bool:
        """Delete an answer, also one under way; whether there was one. Raises ``StoreAway``."""
        names = names_of(place, name)
        return bool(await self._store.of(place.tag).run("forget", names, deadline_s=_PATIENCE_S))

    def drop(self, spot: Spot, mark: str) -> None:
        """Delete an entry, and that the caller was given it, before whatever is sent next."""
        entry = spot.names.entry
        self._store.of(spot.place.tag).tell("UNLINK", entry, mark or entry)

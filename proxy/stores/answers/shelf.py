"""The scripts of the cache, as calls. Every call that a caller waits for has the store's short deadline."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from proxy.stores.answers.coding import Parcel
from proxy.stores.answers.spots import CHANNEL, Spot, entry_of, generation_of
from proxy.stores.store import Store

LEASE_S: Final = 3.0
_PATIENCE_S: Final = 1.0  # for what nobody waits for


NONE: Final = 0  # there is no answer
REFRESH: Final = 1  # there is one, and this caller had it a moment ago


class State(IntEnum):
    """What came of a look, as ``lookup.lua`` numbers it."""

    HIT = 1
    LEADS = 2
    APART = 3  # leads, and holds no lease
    HELD = 4  # another leads
    NOTHING = 5


class Seen(NamedTuple):
    """What ``lookup.lua`` replies. ``text``: the entry, the holder's token, or the generation."""

    state: int
    text: bytes
    number: int  # ms that the entry has left; else ``NONE``, ``REFRESH`` or an older answer
    strange: int  # 1: there was an entry of another digest


class Wish(NamedTuple):
    """What a look is for."""

    kinds: str  # of entries; "": do not look, lead
    token: str  # "": lead in no case
    mark: str = ""  # the caller's; "": nobody's second ask counts
    max_age_s: float | None = None


class Shelf:
    """The cache of one installation. In a cluster each scope has a connection of its own, for each has a slot of its own."""

    def __init__(self, store: Store, lease_s: float) -> None:
        self._store = store
        self._lease_ms = round(lease_s * 1000)

    async def look(self, spot: Spot, wish: Wish, deadline_s: float | None = None) -> Seen:
        """Find an answer or take the lease. Raises ``StoreAway``; after ``Unanswered`` the lease may be taken."""
        names = (spot.generation, spot.entry, spot.lease, wish.mark or spot.entry)
        age_ms = -1 if wish.max_age_s is None else max(0, round(wish.max_age_s * 1000))
        args = (wish.kinds, spot.digest, age_ms, int(bool(wish.mark)), wish.token, self._lease_ms)
        return Seen(*await self._store.of(spot.tag).run("lookup", names, *args, deadline_s=deadline_s))

    async def deposit(self, spot: Spot, parcel: Parcel, generation: bytes, token: str) -> bool:
        """Store and end the lease; whether it was stored, and not flushed meanwhile. Raises ``StoreAway``."""
        names = (spot.generation, spot.entry, spot.lease)
        args = (parcel.head, generation, parcel.rest, parcel.ttl_ms, token, CHANNEL, spot.flight)
        return bool(await self._store.of(spot.tag).run("deposit", names, *args, deadline_s=_PATIENCE_S))

    async def abandon(self, spot: Spot, token: str, *, apart: bool) -> None:
        """End the lease; ``apart``: for the length of one, nobody waits for anybody else. Raises ``StoreAway``."""
        args = (token, self._lease_ms if apart else 0, CHANNEL, spot.flight)
        await self._store.of(spot.tag).run("abandon", (spot.lease,), *args, deadline_s=_PATIENCE_S, anyway=True)

    async def renew(self, spot: Spot, token: str) -> bool:
        """Make the lease last; whether somebody in another process waits. Raises ``StoreAway``."""
        return bool(await self._store.of(spot.tag).run("renew", (spot.lease,), token, self._lease_ms))

    async def flush(self, tag: str) -> None:
        """Begin a new generation of a scope. Raises ``StoreAway``."""
        await self._store.of(tag).run("flush", (generation_of(tag),), deadline_s=_PATIENCE_S)

    async def delete(self, tag: str, name: str) -> bool:
        """Delete an entry; whether there was one. Raises ``StoreAway``."""
        return bool(await self._store.of(tag).command("UNLINK", entry_of(tag, name), deadline_s=_PATIENCE_S))

    def drop(self, spot: Spot, mark: str) -> None:
        """Delete an entry, and that the caller was given it, before whatever is sent next."""
        self._store.of(spot.tag).tell("UNLINK", spot.entry, mark or spot.entry)

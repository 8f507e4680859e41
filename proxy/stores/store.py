"""The store as the meters see it: whoever asks for an org is given the shard that has its keys.

A server, or what Sentinels stand for, is one shard for all orgs. In a cluster every org has its own, because all its keys
lie in one slot; it is connected to when the org is first asked for. So nobody here routes single commands, and a node that
fails takes nobody with it whose keys are elsewhere.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from proxy.config.store_url import Endpoint
from proxy.stores.clock import StoreClock
from proxy.stores.connection import DEADLINE_S
from proxy.stores.locate import Locator
from proxy.stores.shard import Shard


class Store:
    """All shards. Made in the loop that uses it; ``start`` once, ``close`` once."""

    def __init__(self, endpoint: Endpoint, *, deadline_s: float = DEADLINE_S, may_evict: bool = False) -> None:
        self._endpoint = endpoint
        self._deadline_s = deadline_s
        self._may_evict = may_evict
        self._locator = Locator(endpoint)
        self._on_return: list[Callable[[], None]] = []
        self._shards: dict[str, Shard] = {}
        self._whole = None if endpoint.nodes else self._new("")
        self._wall = StoreClock(time.monotonic, time.time)

    @property
    def up(self) -> bool:
        """Whether calls would be sent now, on every shard that was asked for."""
        return all(shard.up for shard in self._shards.values())

    @property
    def fault(self) -> str:
        """Why a shard is away; "" while all are there."""
        return next((shard.fault for shard in self._shards.values() if shard.fault), "")

    @property
    def clock(self) -> StoreClock:
        """The clock of the server; in a cluster the wall clock, for its shards have their own."""
        return self._whole.clock if self._whole else self._wall

    def of(self, org: str) -> Shard:
        """The shard that has an org's keys."""
        return self._whole or self._shards.get(org) or self._begin(org)

    def on_return(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called whenever a shard is back: after every connect, and when it answers again."""
        self._on_return.append(callback)

    def start(self) -> None:
        """Begin to connect, in the background."""
        if self._whole:
            self._whole.start()

    async def wait_up(self, timeout_s: float) -> None:
        """Wait for the shards that were asked for. Raises ``StoreAway`` with the last fault when one did not come."""
        for shard in self._shards.values():
            await shard.wait_up(timeout_s)

    async def close(self) -> None:
        """Let go of all connections; whoever still waits gets ``Unanswered``."""
        await asyncio.gather(*(shard.close() for shard in self._shards.values()))

    def _begin(self, org: str) -> Shard:
        shard = self._new(org)
        shard.start()
        return shard

    def _new(self, org: str) -> Shard:
        shard = self._shards[org] = Shard(
            self._locator, org, self._on_return, deadline_s=self._deadline_s, may_evict=self._may_evict
        )
        return shard

    def _returned(self) -> None:
        for callback in self._on_return:
            callback()

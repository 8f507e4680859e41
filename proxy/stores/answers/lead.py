"""The duty to find an answer: what the cache knows of it, and the handle in the hand of the call that has it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from proxy.domain.reuse import Entry
from proxy.stores.answers.flight import Flight
from proxy.stores.answers.shelf import OLDER, REFRESH
from proxy.stores.answers.spots import Spot


class Lease:
    """One of ours leads. Without a ``flight`` it holds no lease but a ``permit``: nobody waits for it."""

    def __init__(self, spot: Spot, token: str, generation: bytes, permit: bytes, flight: Flight | None) -> None:
        """``generation``: of the scope when the answer was asked for."""
        self.spot = spot
        self.token = token
        self.generation = generation
        self.permit = permit
        self.flight = flight
        self.number = flight.led(token.encode()) if flight is not None else 0


class StoreLead:
    """Satisfies ``ports.Lead``. One that is let fall without an end gives up."""

    def __init__(
        self,
        lease: Lease,
        deposit: Callable[[Lease, Entry], None],
        give_up: Callable[[Lease, bool], None],
        is_wanted: Callable[[Lease], Awaitable[bool]],
        *,
        there: int,
    ) -> None:
        """What happens at either end. ``there``: the answer that is there already, as ``Seen.number`` says."""
        self._loop = asyncio.get_running_loop()
        self._lease: Lease | None = lease
        self._deposit = deposit
        self._give_up = give_up
        self._is_wanted = is_wanted
        self.is_refresh: Final = there == REFRESH
        self.is_older: Final = there == OLDER

    @property
    def is_apart(self) -> bool:
        """Whether others do not wait for it, because there is nothing to share."""
        return self._lease is None or self._lease.flight is None

    async def is_wanted(self) -> bool:
        """Whether somebody else waits now, here or in another process, where one has to ask. Never raises."""
        lease = self._lease
        return lease is not None and lease.flight is not None and await self._is_wanted(lease)

    def deposit(self, entry: Entry) -> None:
        """Give the answer to whoever waits, and store it."""
        lease, self._lease = self._lease, None
        if lease is not None:
            self._deposit(lease, entry)

    def give_up(self, *, alone: bool = False) -> None:
        """There is no answer, or one that is for its caller alone."""
        lease, self._lease = self._lease, None
        if lease is not None:
            self._give_up(lease, alone)

    def __del__(self) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._give_up, lease, False)  # whichever thread collects it

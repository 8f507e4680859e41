"""Leases: while an attempt is open its hold is refreshed, so that a sweeper elsewhere knows that somebody still works on it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from proxy.domain.meter import Hold
from proxy.ports import Meters


class Holder(Protocol):
    """An open attempt."""

    hold: Hold | None

    def so_far_nusd(self) -> int:
        """What it would cost if it ended now."""
        ...


class Leases:
    """The open attempts of this worker."""

    def __init__(self, meters: Meters, interval_s: float) -> None:
        """Refresh every ``interval_s``, a third of the lease."""
        self._meters = meters
        self._interval_s = interval_s
        self._open: set[Holder] = set()

    def add(self, holder: Holder) -> None:
        """From now on the holder's lease is refreshed."""
        self._open.add(holder)

    def discard(self, holder: Holder) -> None:
        """The holder has left its row; its hold will be settled."""
        self._open.discard(holder)

    def __len__(self) -> int:
        return len(self._open)

    async def keep(self) -> None:
        """Refresh for ever. A touch that is lost is made good by the next one."""
        while True:
            await asyncio.sleep(self._interval_s)
            for holder in list(self._open):
                try:
                    self._refresh(holder)
                except Exception:  # noqa: BLE001, S112 - one answer that cannot be read must not cost the others their lease
                    continue

    def _refresh(self, holder: Holder) -> None:
        if holder.hold is not None:
            self._meters.touch(holder.hold, holder.so_far_nusd())

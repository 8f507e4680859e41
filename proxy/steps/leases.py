"""Leases: while an attempt is open its hold is refreshed, so that a sweeper elsewhere knows that somebody still works on it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from proxy.domain.meter import Hold
from proxy.ports import Meters


class Holder(Protocol):
    """An open attempt."""

    @property
    def hold(self) -> Hold | None:
        """What is held for it; None while nothing is."""
        ...

    def so_far_nusd(self) -> int:
        """What it would cost if it ended now."""
        ...

    def keep_up(self) -> None:
        """Have more held where it has cost more than is; returns at once."""
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
            holder.keep_up()

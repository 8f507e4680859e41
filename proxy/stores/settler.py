"""The store's side of the books: the ``Settler`` port. Counts journal entries in their order, and finds orphans.

Nothing is decided here; what an entry does is told by ``scripts/settle.lua``. Deadlines are longer than a hold's: nobody
waits for these with a call in hand.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Final

from proxy.domain.meter import Charge, Expired, Gap, Settlement
from proxy.stores import keys
from proxy.stores.connection import Value
from proxy.stores.meters import LEASE_S
from proxy.stores.rows import pack_charges, unpack_draws
from proxy.stores.store import Store

_log = logging.getLogger(__name__)
_BATCH: Final = 64  # entries in one script call: about a millisecond of the engine
_DEADLINE_S: Final = 1.0
_TOTALS_S: Final = 10.0
_TOLERANCE_US: Final = 2_000_000


class StoreSettler:
    """Satisfies ``ports.Settler``. ``claim_s`` is how long a claimed orphan is kept from other sweepers."""

    def __init__(self, store: Store, *, lease_s: float = LEASE_S, claim_s: float | None = None) -> None:
        self._store = store
        self._lease_s = lease_s
        self._claim_s = lease_s if claim_s is None else claim_s

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Count committed entries in order, each once however often it is sent.

        Raises ``Gap`` when the store lacks entries before one of these: nothing from there on was counted, and the journal
        must send the entries after ``Gap.applied`` again, or post its totals where ``applied()`` is None. Raises
        ``StoreAway``: what was counted is unknown, sending again is safe.
        """
        for batch in _batches(settlements):
            org, journal = batch[0].org, batch[0].journal
            names = (keys.open_holds(org), keys.applied(org), keys.never(org))
            gap, applied, broken = await self._store.of(org).run(
                "settle", names, journal, *_entries(batch), deadline_s=_DEADLINE_S
            )
            _report(broken, org)
            if gap:
                raise Gap(max(applied, 0))

    async def applied(self, org: str, journal: str) -> int | None:
        """The last entry counted; None when the store knows nothing of this journal. Raises ``StoreAway``."""
        reply = await self._store.of(org).command("HGET", keys.applied(org), journal, deadline_s=_DEADLINE_S)
        return None if reply is None else int(reply)

    async def post_totals(
        self, org: str, journal: str, seq: int, totals: Sequence[Charge], recent: Sequence[Settlement] = ()
    ) -> None:
        """Take over what a journal has spent per budget up to ``seq`` if the store knows nothing of it; else do nothing.

        ``recent`` are its entries up to ``seq`` that may have a hold in the store, and those that a final one may still
        replace: they are counted as part of ``totals``, and end their holds in the same step. Raises ``StoreAway``; posting
        again is safe.
        """
        names = (keys.open_holds(org), keys.applied(org), keys.never(org))
        _, _, broken = await self._store.of(org).run(
            "totals", names, journal, seq, pack_charges(totals), *_entries(recent), deadline_s=_TOTALS_S
        )
        _report(broken, org)

    async def open_holds(self, org: str) -> list[str]:
        """Ids of all holds of an org that have not ended. Raises ``StoreAway``."""
        reply = await self._store.of(org).command("ZRANGE", keys.open_holds(org), 0, -1, deadline_s=_DEADLINE_S)
        return [name.decode() for name in reply]

    async def claim_expired(self, org: str, limit: int) -> list[Expired]:
        """Orphans, claimed for the caller, who must journal each as swept and settle it before the claim runs out.

        None within one lease of a connect, a jump of the store's clock or a start of the engine: until then their owners
        may not have had the time to refresh them. Raises ``StoreAway``.
        """
        shard = self._store.of(org)
        if shard.clock.steady_s() < self._lease_s:
            return []
        state, *orphans = await shard.run(
            "claim",
            (keys.open_holds(org), keys.never(org)),
            round(self._lease_s * 1000),
            round(self._claim_s * 1000),
            limit,
            shard.clock.time_us(),
            _TOLERANCE_US,
            deadline_s=_DEADLINE_S,
        )
        if state != 0:
            _log.info("orphans of %s are left alone: %s", org, ("", "the engine is young", "the clock jumped")[state])
        return [
            Expired(
                hold_id=hold_id.decode(),
                org=org,
                facts=facts,
                draws=unpack_draws(draws),
                so_far_nusd=int(so_far),
                floor_nusd=int(floor),
                whole=whole == b"1",
            )
            for hold_id, draws, facts, floor, whole, so_far in orphans
        ]


def _batches(settlements: Sequence[Settlement]) -> Iterator[list[Settlement]]:
    """Runs of entries of one journal and org, at most ``_BATCH`` long, in the given order."""
    batch: list[Settlement] = []
    for entry in settlements:
        if batch and (len(batch) == _BATCH or (batch[0].org, batch[0].journal) != (entry.org, entry.journal)):
            yield batch
            batch = []
        batch.append(entry)
    if batch:
        yield batch


def _entries(entries: Sequence[Settlement]) -> list[Value]:
    parts: list[Value] = []
    for entry in entries:
        parts += (entry.seq, entry.hold_id, int(entry.swept), pack_charges(entry.charges))
    return parts


def _report(broken: int, org: str) -> None:
    if broken:
        _log.error("%d meters of %s hold foreign values and were not charged", broken, org)

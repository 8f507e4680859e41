"""Marks that the first to set them is told of: what is to happen once over all workers and machines asks here first."""

from __future__ import annotations

from typing import Final

from proxy.stores import keys
from proxy.stores.store import Store

_DEADLINE_S: Final = 1.0  # nobody waits for it with a call in hand


class StoreMarks:
    """Of one worker."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def first(self, org: str, name: str, until_s: int) -> bool:
        """Whether nobody has set this mark before; now it is set, until then (unix seconds; 0: for ever).

        Raises ``StoreAway``; then it is unknown whether it is set.
        """
        ends = ("EXAT", until_s) if until_s else ()
        shard = self._store.of(org)
        return await shard.command("SET", keys.mark(org, name), "1", "NX", *ends, deadline_s=_DEADLINE_S) is not None

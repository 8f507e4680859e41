"""What the store's counters show, for whoever compares them with the journal from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from proxy.config.store_url import parse_endpoint
from proxy.domain.meter import MeterKind
from proxy.journal.accounts import Figure
from proxy.stores.meters import StoreMeters
from proxy.stores.store import Store

KEPT_S: Final = 34 * 86_400.0  # a day less than the store keeps the counters of a period that is over
_TRIES, _PAUSE_S = 60, 0.05  # beside running calls: rows are written first and counted a moment later
_WAIT_S: Final = 2.0


def counters_apart(url: str, sums: Callable[[], Mapping[Figure, int]]) -> dict[Figure, tuple[int, int]]:
    """Budgets whose counter is not the journal's sum: sum and counter, in nano-dollars, as last seen.

    A counter that equals the sum of the same moment even once is right, because both only follow the same rows. Raises
    ``StoreAway``.
    """
    return asyncio.run(_apart(url, sums))


async def _apart(url: str, sums: Callable[[], Mapping[Figure, int]]) -> dict[Figure, tuple[int, int]]:
    store = Store(parse_endpoint(url))
    meters = StoreMeters(store)
    store.start()
    try:
        await store.wait_up(_WAIT_S)
        apart = {figure: (amount, 0) for figure, amount in sums().items()}
        for turn in range(_TRIES):
            for figure in tuple(apart):
                found = await meters.spent(figure.key)
                counter = found.spent if figure.kind is MeterKind.BUDGET else found.granted
                amount = sums().get(figure, 0)
                if counter in (apart[figure][0], amount):
                    del apart[figure]
                else:
                    apart[figure] = amount, counter
            if not apart or turn == _TRIES - 1:
                return apart
            await asyncio.sleep(_PAUSE_S)
        return apart
    finally:
        await store.close()

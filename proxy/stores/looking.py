"""How meters stand in a running store, looked at without touching them: for people who ask, not for calls."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from proxy.domain.meter import Draw, MeterKind
from proxy.stores.shard import Shard
from proxy.stores.store import Store

_DEADLINE_S: Final = 2.0


class Stand(msgspec.Struct, frozen=True):
    """Nano-dollars spent or held, units of a rate in use, or live calls. ``granted``: what a budget was given on top."""

    used: int
    granted: int = 0


async def stands(store: Store, org: str, draws: Sequence[Draw]) -> list[Stand]:
    """The meters of draws as they stand now, by the store's clock. Raises ``StoreAway``."""
    shard = store.of(org)
    seconds, micros = await shard.command("TIME", deadline_s=_DEADLINE_S)
    now_us = int(seconds) * 1_000_000 + int(micros)
    return list(await asyncio.gather(*(_stand(shard, draw, now_us) for draw in draws)))


async def _stand(shard: Shard, draw: Draw, now_us: int) -> Stand:
    """As ``scripts/hold.lua`` reads it."""
    if draw.kind is MeterKind.BUDGET:
        spent, held, granted = await shard.command("HMGET", draw.key, "s", "r", "g", deadline_s=_DEADLINE_S)
        return Stand(_whole(spent) + _whole(held), _whole(granted))
    if draw.kind is MeterKind.RATE:
        arrival_us = _whole(await shard.command("GET", draw.key, deadline_s=_DEADLINE_S))
        return Stand(-(-max(0, arrival_us - now_us) // draw.interval_us))
    live = await shard.command("ZCOUNT", draw.key, f"({now_us // 1000}", "+inf", deadline_s=_DEADLINE_S)
    return Stand(int(live))


def _whole(value: Any) -> int:
    return int(value or 0)

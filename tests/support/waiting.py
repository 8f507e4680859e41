"""Waiting for what other processes do: there is no event to wait for, only a bound on how long it may take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE_S = 20.0  # generous: it only proves that nothing is stuck


async def until(what: Callable[[], Awaitable[bool]], seconds: float = PATIENCE_S) -> None:
    """Ask until it is so. Raises ``TimeoutError`` when that takes too long."""
    async with asyncio.timeout(seconds):
        while not await what():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.02)

"""Reading on after the caller has left: for the true cost where a provider bills anyway, or for others who wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

_LOOK_S: Final = 0.25  # between looks at whether anybody waits


async def read_on(owed_s: float, is_wanted: Callable[[], Awaitable[bool]], reading: Coroutine[Any, Any, None]) -> None:
    """Have ``reading`` go on for ``owed_s`` seconds, and to its end as long as somebody wants it; then it is cancelled.

    Raises what it raises.
    """
    clock, task = asyncio.get_running_loop().time, asyncio.ensure_future(reading)
    owed_until = clock() + owed_s
    try:
        while not task.done():
            left_s = owed_until - clock()
            if left_s <= 0:
                if not await is_wanted():
                    break
                left_s = _LOOK_S
            await asyncio.wait((task,), timeout=left_s)
        if task.done():
            task.result()
    finally:
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

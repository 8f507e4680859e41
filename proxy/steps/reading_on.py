"""Reading on after the caller has left: for the true cost where a provider bills anyway, or for others who wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

MOST_S: Final = 30.0  # as long as anybody waits for another call's answer
_LOOK_S: Final = 0.25  # between looks at whether anybody does


async def read_while(is_wanted: Callable[[], bool], reading: Coroutine[Any, Any, None]) -> None:
    """Have ``reading`` go on while its result is wanted; then it is cancelled. Raises what it raises."""
    task = asyncio.ensure_future(reading)
    try:
        while not task.done() and is_wanted():
            await asyncio.wait((task,), timeout=_LOOK_S)
        if task.done():
            task.result()
    finally:
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

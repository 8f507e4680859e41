"""Without a caller, an answer is read for as long as its upstream's setting says, and to its end where others wait."""

from __future__ import annotations

import asyncio

import pytest

from proxy.steps.reading_on import read_on

LONG_S = 0.6  # longer than some looks at whether anybody waits


class Reading:
    """An answer that takes a while, or for ever. ``wanted``: how often somebody is found to wait for it."""

    def __init__(self, wanted: int = 0, *, ends: bool = False) -> None:
        self.wanted, self.is_done = wanted, False
        self._end = asyncio.Event()
        if ends:
            asyncio.get_running_loop().call_later(LONG_S, self._end.set)

    async def is_wanted(self) -> bool:
        self.wanted -= 1
        return self.wanted >= 0

    async def all(self) -> None:
        await self._end.wait()
        self.is_done = True


@pytest.mark.parametrize(
    ("owed_s", "wanted", "done"),
    [(0.0, 0, False), (0.1, 0, False), (0.0, 1, False), (20.0, 0, True), (0.0, 100, True), (0.1, 100, True)],
)
async def test_it_is_read_to_its_end_where_it_is_owed_or_wanted(owed_s: float, wanted: int, *, done: bool) -> None:
    reading = Reading(wanted, ends=done)
    await read_on(owed_s, reading.is_wanted, reading.all())
    assert reading.is_done is done


async def test_nobody_is_asked_whether_they_wait_while_it_is_owed_anyway() -> None:
    reading = Reading(ends=True)
    await read_on(20.0, reading.is_wanted, reading.all())
    assert reading.wanted == 0


async def test_what_breaks_it_is_told() -> None:
    async def broken() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await read_on(0.0, Reading(100).is_wanted, broken())


async def test_who_ends_it_ends_the_reading() -> None:
    reading = Reading(100)
    task = asyncio.create_task(read_on(0.0, reading.is_wanted, reading.all()))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not reading.is_done

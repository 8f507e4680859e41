"""What a worker does beside its calls goes on, whatever happens to it."""

from __future__ import annotations

import asyncio

from proxy.app.tasks import steadily


async def test_a_chore_that_dies_is_told_of_and_begins_again() -> None:
    tries, told, again = 0, [], asyncio.Event()

    async def chore() -> None:
        nonlocal tries
        tries += 1
        if tries == 3:
            again.set()
            await asyncio.Event().wait()
        raise ValueError

    task = asyncio.create_task(steadily(chore, lambda event, _, error: told.append((event, type(error))), 0))
    await asyncio.wait_for(again.wait(), 5)
    task.cancel()
    assert told == [("task_failed", ValueError)] * 2

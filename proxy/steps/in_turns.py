"""Long work in slices on the loop, taking turns with everything else that the worker serves.

What is short is done where it began. What is not goes on one slice a turn of the loop, whatever number of calls have such
work, and calls that leave the interpreter to others are made in a thread. See ``policy.content.slices``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from proxy.policy.content.slices import Slices

T = TypeVar("T")
Monotonic = Callable[[], float]

SHORT: Final = 4096  # bytes that are looked through at once, whatever stands in them: 4 ms where all is findings
SLICE_S: Final = 0.001  # what everybody else waits for, each time; the slice at hand is ended, which takes up to 3 ms


class Work(Generic[T]):
    """Work that may be taken up again."""

    def __init__(self, slices: Slices[T], monotonic: Monotonic) -> None:
        """Nothing is done yet."""
        self._slices, self._monotonic = slices, monotonic
        self._sent: Any = None
        self._call: Callable[[], Any] | None = None
        self.result: list[T] = []  # of work that is done

    def go_on(self) -> bool:
        """Work for a slice's time, and tell whether it is done. Raises what the work does."""
        end = self._monotonic() + SLICE_S
        try:
            while self._call is None:
                self._call, self._sent = self._slices.send(self._sent), None
                if self._call is None and self._monotonic() >= end:
                    return False
        except StopIteration as done:
            self.result.append(done.value)
            return True
        return False

    async def done(self, turn: asyncio.Lock) -> T:
        """The result, in turns. ``turn`` is held by whoever works."""
        while not self.result:
            if self._call is not None:
                self._sent, self._call = await asyncio.to_thread(self._call), None
            async with turn:
                self.go_on()
                await asyncio.sleep(0)  # so that all others come first, whose turn it is next too
        return self.result[0]

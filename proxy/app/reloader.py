"""A worker's part in a change of the configuration: build a generation of what it is handed aside, then take it at once.

Unpacking and building take a fifth of a second for 500 rules, in a thread. They share the interpreter with the loop, so
while they last threads take turns ten times as often, and the collector, which stops everybody, waits.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from proxy.app.in_force import unpacked
from proxy.config.reading import Reading
from proxy.steps.generation import Generation
from proxy.telemetry.logs import Log

SWITCH_S = 0.0002  # what a call may wait for its turn, each time that it needs one
AGAIN_S = 1.0  # an order is given once, so it is tried until it is obeyed or another one comes


class Reloader:
    """Of one worker. ``reading`` is the one in force."""

    def __init__(
        self,
        reading: Reading,
        log: Log,
        build: Callable[[Reading], Generation],
        take: Callable[[Generation], None],
        failed: Callable[[], None],
    ) -> None:
        """``build`` may raise ``ConfigError`` and is called in a thread, ``take`` on the loop; ``failed`` counts."""
        self.reading = reading
        self._log = log
        self._build = build
        self._take = take
        self._failed = failed
        self._told = b""
        self._asked = asyncio.Event()
        self._fault = ""

    def ask(self, in_force: bytes) -> None:
        """Take this reading, see ``app.in_force``, as soon as it is built."""
        self._told = in_force
        self._asked.set()

    async def run(self) -> None:
        """Obey, for ever."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            self._fault = ""
            while not await self._obeyed():
                with suppress(TimeoutError):
                    async with asyncio.timeout(AGAIN_S):
                        await self._asked.wait()
                    break

    async def _obeyed(self) -> bool:
        try:
            reading, generation = await asyncio.to_thread(self._aside, self.reading, self._told)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the last good one stays
            self._refuse(str(error) or type(error).__name__)
            return False
        self.reading = reading
        if generation is not None:
            self._take(generation)
        return True

    def _refuse(self, fault: str) -> None:
        """Tell it once, however often it is tried."""
        if fault != self._fault:
            self._fault = fault
            self._failed()
            self._log.event("error", "reload_failed", detail=fault, generation=self.reading.generation)

    def _aside(self, last: Reading, told: bytes) -> tuple[Reading, Generation | None]:
        """What to go on with; no generation where nothing changed. Raises ``ConfigError``."""
        with _gently():
            reading = unpacked(told)
            return reading, None if reading.same_as(last) else self._build(reading)


@contextmanager
def _gently() -> Iterator[None]:
    """Let other threads run soon, and nobody wait for the collector."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        sys.setswitchinterval(before)

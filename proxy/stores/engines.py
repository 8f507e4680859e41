"""The embedded engines together: both start at once, and one that dies is started again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from proxy.stores.engine import Engine
from proxy.stores.errors import EngineFailed

_log = logging.getLogger(__name__)
_LOOK_S: Final = 0.1
_PAUSE_S: Final = (0.1, 5.0)


class Engines:
    """What the supervisor starts before its workers and stops after them."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        self._engines = tuple(engines)

    def start(self) -> None:
        """Start all and wait for all; when one fails, none is left. Raises ``EngineFailed``."""
        try:
            for engine in self._engines:
                engine.spawn()
            for engine in self._engines:
                engine.wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all, the last started first."""
        for engine in reversed(self._engines):
            engine.stop()

    async def watch(self) -> None:
        """Start again whichever dies, for ever; cancel to end. Must run in the thread that lives longest.

        An engine ends with the *thread* that started it, so no worker thread may do this.
        """
        await asyncio.gather(*(self._watch(engine) for engine in self._engines))

    async def _watch(self, engine: Engine) -> None:
        pause_s = _PAUSE_S[0]
        while True:
            await asyncio.sleep(_LOOK_S)
            if engine.pid is not None:
                continue
            _log.error("the embedded %s died and is started again", engine.name)
            try:
                engine.spawn()
                while not engine.answers():  # noqa: ASYNC110  # another process: there is no event to wait for
                    await asyncio.sleep(_LOOK_S / 10)
                pause_s = _PAUSE_S[0]
            except EngineFailed as error:
                _log.error("%s", error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _PAUSE_S[1])

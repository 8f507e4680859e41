"""What a channel of the store says, on a connection of its own: what is read slowly here holds up no reply elsewhere.

It comes back when the engine does. What is said meanwhile is lost, so nobody may depend on it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from proxy.config.store_url import Endpoint
from proxy.domain.errors import StoreAway
from proxy.stores.connection import Connection, open_connection
from proxy.stores.locate import Locator

_log = logging.getLogger(__name__)
_CONNECT_S: Final = 2.0
_BEAT_S: Final = 5.0  # a connection that says nothing for so long is asked whether it lives
_BACKOFF_S: Final = (0.05, 1.0)


class Subscription:
    """One channel. ``run`` is its only task."""

    def __init__(self, endpoint: Endpoint, channel: str, heard: Callable[[bytes], None]) -> None:
        """``heard`` is told every message; ``endpoint`` is a server, or the Sentinels that know it."""
        self._locator = Locator(endpoint)
        self._channel = channel
        self._heard = heard
        self._fault = ""
        self.listening = asyncio.Event()  # whether messages come now

    async def run(self) -> None:
        """Listen, for ever."""
        pause_s = 0.0
        while True:
            try:
                async with asyncio.timeout(_CONNECT_S):
                    connection = await self._subscribed()
            except (StoreAway, OSError) as error:  # a timeout is one of the latter
                self._say(str(error) or type(error).__name__)
                pause_s = min(max(2 * pause_s, _BACKOFF_S[0]), _BACKOFF_S[1])
                await asyncio.sleep(pause_s)
                continue
            pause_s = 0.0
            self._say("")
            self.listening.set()
            try:
                await self._stay(connection)
            finally:
                self.listening.clear()
                connection.abort()

    async def _subscribed(self) -> Connection:
        server = await self._locator.find("")
        connection = await open_connection(server, _CONNECT_S, self._heard)
        try:
            for command in (*server.login(), ("HELLO", 3), ("SUBSCRIBE", self._channel)):
                await connection.call(*command)
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _stay(self, connection: Connection) -> None:
        """Until the connection is lost, or dead."""
        while not connection.lost.done():
            await asyncio.wait((connection.lost,), timeout=_BEAT_S)
            try:
                await connection.call("PING")
            except StoreAway:
                return

    def _say(self, fault: str) -> None:
        if fault and fault != self._fault:
            _log.info("%s cannot be listened to at %s: %s", self._channel, self._locator, fault)
        self._fault = fault

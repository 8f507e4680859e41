"""A look at a server from outside, for ``tallygate doctor``: what it says of itself, its settings, its clock, its holds.

A connection of its own that is closed again; nothing is written.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec

from proxy.config.store_url import Endpoint
from proxy.domain.errors import StoreAway
from proxy.stores import keys
from proxy.stores.connection import Connection, open_connection
from proxy.stores.fitness import REDIS_FLOOR, VALKEY_FLOOR, Server, read_server
from proxy.stores.locate import Locator

PATIENCE_S = 3.0


class Inspection(msgspec.Struct, frozen=True):
    """What was seen. Settings are empty where the service does not tell them (hosted ones refuse ``CONFIG``)."""

    where: str
    server: Server
    settings: dict[str, str]
    fields: dict[str, str]  # of INFO
    ahead_s: float  # its clock minus ours
    round_trip_ms: float
    open_holds: int
    overdue_holds: int  # whose lease ran out a lease ago: nobody sweeps

    @property
    def new_enough(self) -> bool:
        """Whether the scripts run on it."""
        return self.server.version >= (VALKEY_FLOOR if self.server.kind == "valkey" else REDIS_FLOOR)


async def inspect(endpoint: Endpoint, org: str, lease_s: float) -> Inspection:
    """Look at the server that holds an org's keys. Raises ``StoreAway`` and ``OSError`` (a timeout is one)."""
    async with asyncio.timeout(PATIENCE_S):
        found = await Locator(endpoint).find(org)
        connection = await open_connection(found, PATIENCE_S)
        try:
            return await _look(connection, found, org, lease_s)
        finally:
            connection.abort()


async def _look(connection: Connection, endpoint: Endpoint, org: str, lease_s: float) -> Inspection:
    for command in endpoint.login():
        await connection.call(*command)
    began = time.perf_counter()
    seconds, micros = await connection.call("TIME")
    round_trip_s = time.perf_counter() - began
    ahead_s = int(seconds) + int(micros) / 1e6 - (time.time() - round_trip_s / 2)
    info: bytes = await connection.call("INFO")
    holds, now_ms = keys.open_holds(org), int(seconds) * 1000
    return Inspection(
        where=str(endpoint),
        server=read_server(info),
        settings=await _settings(connection),
        fields=dict(line.partition(":")[::2] for line in info.decode("utf-8", "replace").splitlines() if ":" in line),
        ahead_s=ahead_s,
        round_trip_ms=round_trip_s * 1000,
        open_holds=int(await connection.call("ZCARD", holds)),
        overdue_holds=int(await connection.call("ZCOUNT", holds, "-inf", now_ms - int(lease_s * 1000))),
    )


async def _settings(connection: Connection) -> dict[str, str]:
    try:
        reply: Any = await connection.call("CONFIG", "GET", "*")
    except StoreAway:
        return {}
    if not isinstance(reply, list):
        return {}
    words = [word.decode("utf-8", "replace") for word in reply]
    wanted = ("maxmemory", "maxmemory-policy", "appendonly", "appendfsync", "save")
    return {name: value for name, value in zip(words[::2], words[1::2], strict=False) if name in wanted}

"""The first words on a new connection: who we are, whether this server may hold our counters, and the scripts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from proxy.stores import keys
from proxy.stores.connection import Connection, Value
from proxy.stores.fitness import check, read_server
from proxy.stores.scripts import Script


async def greet(
    connection: Connection,
    login: Iterable[tuple[Value, ...]],
    scripts: Iterable[Script],
    org: str,
    *,
    within_s: float,
    may_evict: bool,
) -> Any:
    """Log in, check the server, load the scripts: one write, one answer. Returns its ``TIME``.

    ``org`` is the one whose keys it must serve just now, wholly; "" in no cluster. Raises ``StoreAway``: ``Unfit`` for a
    server that must not be used, else what it said.
    """

    def ask(*command: Value) -> asyncio.Future[Any]:
        return connection.call(*command, deadline_s=within_s)

    session = [ask(*command) for command in login]
    info, policy = ask("INFO"), ask("CONFIG", "GET", "maxmemory-policy")
    loads = [ask("SCRIPT", "LOAD", script.text) for script in scripts]
    serves = [ask("EXISTS", keys.open_holds(org), keys.never(org))] if org else []
    clock = ask("TIME")
    replies = await asyncio.gather(*session, info, *loads, *serves, clock, policy, return_exceptions=True)
    for reply in replies[:-1]:
        if isinstance(reply, BaseException):
            raise reply
    check(read_server(info.result()), replies[-1], may_evict=may_evict)
    return clock.result()

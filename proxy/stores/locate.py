"""Which server to connect to now: asked anew at every connect, so that a failover is followed by reconnecting.

Sentinels, and the nodes of a cluster, are asked in turn, each time beginning with another one: some may be dead, and one
that lives may be behind. What is looked for in a cluster is the slot of an org's keys, which all carry the same hash tag.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from redis.crc import key_slot

from proxy.config.store_url import Endpoint
from proxy.domain.errors import StoreAway
from proxy.stores import keys
from proxy.stores.connection import Value, open_connection
from proxy.stores.errors import Unsent

Address = tuple[str, int]
_TIMEOUT_S: Final = 0.5  # for each that is asked: where some are silent, there must be time for one that answers


class Locator:
    """Knows whom to ask; a single server is its own answer."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._asked = 0
        self._nodes = endpoint.nodes  # grows to what the cluster says of itself

    def __str__(self) -> str:
        """For people: where, never the password."""
        return str(self._endpoint)

    async def find(self, org: str) -> Endpoint:
        """The server for an org's keys. Raises ``Unsent`` with the last reason when nobody knows one."""
        where = self._endpoint
        if not where.sentinels and not where.nodes:
            return where
        everybody = where.sentinels or self._nodes
        first, self._asked = self._asked % len(everybody), self._asked + 1
        reason = ""
        for node in (*everybody[first:], *everybody[:first]):
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    host, port = await (self._master(node) if where.sentinels else self._owner(node, org))
            except (StoreAway, OSError) as error:  # a timeout is one of the latter
                reason = f"{node[0]}:{node[1]}: {error or type(error).__name__}"
            else:
                return msgspec.structs.replace(where, host=host, port=port, sentinels=(), nodes=(), master="")
        raise Unsent(f"nobody tells where it is; the last asked was {reason}")

    async def _master(self, sentinel: Address) -> Address:
        """What a Sentinel knows. Raises ``Unsent`` for a master that it sees down."""
        (reply,) = await self._answers(sentinel, ("SENTINEL", "MASTER", self._endpoint.master))
        return read_master(reply)

    async def _owner(self, node: Address, org: str) -> Address:
        """Who serves an org, as a node sees it. Raises ``Unsent`` when nobody has the slot."""
        *_, reply = await self._answers(node, *self._endpoint.login(), ("CLUSTER", "SLOTS"))
        slot, owner = key_slot(keys.open_holds(org).encode()), None
        nodes = dict.fromkeys(self._endpoint.nodes)  # those of the configuration stay: their names may lead elsewhere
        for first, last, *serving in reply:
            addresses = [read_address(each, node) for each in serving]
            nodes.update(dict.fromkeys(address for address in addresses if address is not None))
            if first <= slot <= last:
                owner = addresses[0]  # its replicas follow
        self._nodes = tuple(nodes)
        if owner is None:
            raise Unsent(f"no node has slot {slot} of {org}")
        return owner

    async def _answers(self, node: Address, *commands: tuple[Value, ...]) -> list[Any]:
        connection = await open_connection(msgspec.structs.replace(self._endpoint, host=node[0], port=node[1]))
        try:
            return await asyncio.gather(*(connection.call(*command, deadline_s=_TIMEOUT_S) for command in commands))
        finally:
            connection.abort()


def read_master(reply: list[bytes]) -> Address:
    """The address in an answer of ``SENTINEL MASTER``. Raises ``Unsent`` for a master that is down."""
    fields = dict(zip(reply[::2], reply[1::2], strict=True))
    flags = fields[b"flags"].decode().split(",")
    if "master" not in flags or "s_down" in flags or "o_down" in flags:
        raise Unsent(f"the master is {' '.join(flags)}")
    return fields[b"ip"].decode(), int(fields[b"port"])


def read_address(node: list[Any], asked: Address) -> Address | None:
    """The address of a node in an answer of ``CLUSTER SLOTS``; one without a host is the one that was ``asked``.

    None where the host is ``?``: not known to the node that was asked (Redis' documentation of CLUSTER SLOTS).
    """
    host, port = (node[0] or b"").decode() or asked[0], int(node[1])
    return None if host == "?" else (host, port)

"""Which server to connect to now: asked anew at every connect, so that a failover is followed by reconnecting."""

from __future__ import annotations

import msgspec
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel
from redis.exceptions import RedisError

from proxy.config.store_url import Endpoint
from proxy.stores.errors import Unsent

_TIMEOUT_S = 1.0


async def locate(endpoint: Endpoint) -> Endpoint:
    """The server itself, or the master that the Sentinels name. Raises ``Unsent`` when none of them knows one."""
    if not endpoint.sentinels:
        return endpoint
    sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py types this one not
        endpoint.sentinels, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
    )
    try:
        host, port = await sentinel.discover_master(endpoint.master)
    except (MasterNotFoundError, RedisError, OSError) as error:
        raise Unsent(f"no Sentinel knows the {endpoint.master} master") from error
    finally:
        for client in sentinel.sentinels:
            await client.aclose()
    return msgspec.structs.replace(endpoint, host=host, port=int(port), sentinels=(), master="")

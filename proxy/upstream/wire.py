"""The wire to every upstream: routes, pools, the sweep of deadlines and the single retry of a stale connection.

Satisfies ``ports.Wire``. An answer that began is never asked for twice, a redirect is an answer like any other, and a
request goes nowhere but to the host that the configuration names.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable

from proxy.domain.errors import UpstreamFailed
from proxy.domain.upstream import Upstream
from proxy.ports import Body, OnSent
from proxy.upstream.answer import HttpAnswer
from proxy.upstream.dial import tls_context
from proxy.upstream.origin import Origin, Route, route_to
from proxy.upstream.pool import Pool
from proxy.upstream.request import request_head

SWEEP_S = 0.25  # how late a deadline may strike; one timer for all calls instead of one each
LATE_S = 1.0  # a sweep this late means that the process slept: what came meanwhile is read before anything is judged
READ_BYTES = 64 << 10  # of one read: with what may already wait, the most that a stream keeps in memory
BODYLESS = frozenset({"GET", "HEAD"})


class HttpWire:
    """Sockets to upstreams, for one event loop. ``close`` it at the end; it starts by itself with the first call."""

    def __init__(self) -> None:
        self._routes: dict[str, tuple[Upstream, Route, Pool]] = {}
        self._pools: dict[Origin, Pool] = {}
        self._contexts: dict[str | None, ssl.SSLContext] = {}
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._timer: asyncio.TimerHandle | None = None
        self._expected = 0.0
        self._closed = False

    async def send(
        self,
        upstream: Upstream,
        method: str,
        target: str,
        headers: list[tuple[bytes, bytes]],
        body: bytes | Body,
        on_sent: OnSent | None = None,
    ) -> HttpAnswer:
        """Send one request and return its answer once status and headers are known; ``close`` the answer in any case.

        Raises ``UpstreamFailed``, ``UpstreamTimedOut``, ``Busy`` when no connection becomes free in time, and
        ``BadRequest`` when the target cannot stand in a URL.
        """
        known = self._routes.get(upstream.name)
        _, route, pool = known if known is not None and known[0] is upstream else self._learn(upstream)
        if not isinstance(body, bytes):
            chunked = body.length is None
            head = request_head(route, method, target, headers, body.length, chunked=chunked)
            return await _pass_on(upstream, pool, head, body, on_sent)
        head = request_head(route, method, target, headers, None if not body and method in BODYLESS else len(body))
        connection = await pool.take(upstream)
        stale = connection.uses > 0
        while True:
            answer = HttpAnswer(
                upstream.name, upstream.timeouts, asyncio.get_running_loop(), head_only=method == "HEAD"
            )
            try:
                await connection.send(head, body, answer)
                if on_sent is not None and answer.asked:
                    on_sent(True)
                await answer.head()
            except UpstreamFailed:
                # RFC 9112, 9.3.1: a connection may close while a request is on its way to it. Nothing was answered, so
                # one more try, on a connection that cannot have grown old.
                if not (stale and answer.looks_stale):
                    raise
                if on_sent is not None:
                    on_sent(False)
            except BaseException:
                answer.close()  # above all when the caller left: the upstream must not work on
                raise
            else:
                return answer
            stale = False
            connection = await pool.take(upstream, fresh=True)

    def retain(self, upstreams: Iterable[Upstream]) -> None:
        """After a reload: forget every upstream but these. Calls in progress finish on the connections they have.

        Files of authorities are read anew for connections opened from now on.
        """
        self._contexts.clear()
        kept = {upstream.name: upstream for upstream in upstreams}
        self._routes = {name: known for name, known in self._routes.items() if kept.get(name) == known[0]}
        used = {known[2].origin for known in self._routes.values()}
        for origin, pool in self._pools.items():
            if origin not in used:
                pool.retire()
            else:
                pool.limit = max(known[0].max_connections for known in self._routes.values() if known[2] is pool)

    def close(self) -> None:
        """End every call and every connection."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for pool in self._pools.values():
            pool.close()
        self._routes.clear()

    def connections(self) -> int:
        """Connections that exist or are being opened, over all upstreams."""
        return sum(pool.size for pool in self._pools.values())

    def idle(self) -> int:
        """Connections that wait for a request."""
        return sum(pool.idle for pool in self._pools.values())

    def _learn(self, upstream: Upstream) -> tuple[Upstream, Route, Pool]:
        """Route and pool of an upstream that is new or was configured anew."""
        if self._closed:
            raise UpstreamFailed("Tallygate is stopping; no new call is sent.")
        route = route_to(upstream)
        pool = self._pools.get(route.origin)
        if pool is None:
            ca_file = route.origin.ca_file
            pool = self._pools[route.origin] = Pool(
                route.origin, upstream.max_connections, self._buffer, lambda: self._context(ca_file)
            )
        else:
            pool.revive()
            pool.limit = max(pool.limit, upstream.max_connections)
        known = self._routes[upstream.name] = (upstream, route, pool)
        if self._timer is None:
            self._arm()
        return known

    async def _context(self, ca_file: str | None) -> ssl.SSLContext:
        """One context per set of authorities; reading them takes tens of milliseconds, so a thread does it."""
        context = self._contexts.get(ca_file)
        if context is None:
            context = self._contexts[ca_file] = await asyncio.to_thread(tls_context, ca_file)
        return context

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        self._expected = loop.time() + SWEEP_S
        self._timer = loop.call_at(self._expected, self._sweep)

    def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._expected < LATE_S:
            for origin, pool in list(self._pools.items()):
                pool.sweep(now)
                if pool.empty and not any(known[2] is pool for known in self._routes.values()):
                    del self._pools[origin]
        self._arm()


async def _pass_on(upstream: Upstream, pool: Pool, head: bytes, body: Body, on_sent: OnSent | None) -> HttpAnswer:
    """Send a body that is still coming, and that nobody may be able to send twice: on a connection that cannot be stale."""
    connection = await pool.take(upstream, fresh=True)
    answer = HttpAnswer(upstream.name, upstream.timeouts, asyncio.get_running_loop())
    try:
        connection.carry(head, body, answer, on_sent)
        await answer.head()
        await connection.carried(answer)
    except BaseException:
        answer.close()  # above all when the caller left: the upstream must not work on
        raise
    return answer

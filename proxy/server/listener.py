"""The public listener: sockets in, calls out to one handler, every guard of the design between them.

One listener lives on one event loop. ``drain`` ends it without cutting calls that end in time, ``abort`` at once.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
import traceback
from collections.abc import Sequence

from proxy.ports import DRAINING
from proxy.server.connection import Connection
from proxy.server.deadlines import sweep_every
from proxy.server.gate import Gate
from proxy.server.guards import assert_c_parser
from proxy.server.heads import DateLine
from proxy.server.limits import Limits
from proxy.server.plain_errors import plain_error
from proxy.server.service import Handler, OnError, Service

_log = logging.getLogger(__name__)
BACKLOG = 1024
_GRACE_S = 5.0  # for cancelled walks: to write their last event and to book
_POLL_S = 0.02


class Listener:
    """A running listener. Made by ``serve``."""

    def __init__(self, service: Service, servers: Sequence[asyncio.AbstractServer], everybody: set[Connection]) -> None:
        """``everybody`` are the open connections, kept by themselves."""
        self._service = service
        self._servers = servers
        self._everybody = everybody
        self._every_s = sweep_every(service.limits)
        self._sweeper = service.loop.call_later(self._every_s, self._sweep)

    @property
    def in_flight(self) -> int:
        """Calls in service now."""
        return self._service.gate.in_flight

    @property
    def queued(self) -> int:
        """Calls that wait for room."""
        return self._service.gate.queued

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._everybody)

    def stop_accepting(self) -> None:
        """Close the listening sockets and idle connections; from here on every answer ends its connection."""
        self._service.draining = True
        for server in self._servers:
            server.close()
        for connection in list(self._everybody):
            connection.close_idle()

    async def drain(self, max_s: float) -> int:
        """Wait until every call has ended, at most ``max_s``; then cancel the rest (``DRAINING``).

        Comes back when nothing is left, with the number of calls that were cut.
        """
        self.stop_accepting()
        await self._empty_within(max_s)
        cut = 0
        for connection in list(self._everybody):
            if connection.task is not None:
                connection.task.cancel(DRAINING)
                cut += 1
        await self._empty_within(_GRACE_S)
        self.abort()
        await self._empty_within(_GRACE_S)
        return cut

    def abort(self) -> None:
        """Reset every connection; the walks on them are cancelled as if their callers had left."""
        self.stop_accepting()
        self._sweeper.cancel()
        for connection in list(self._everybody):
            if connection.transport is not None:
                connection.transport.abort()

    async def _empty_within(self, limit_s: float) -> None:
        until = self._service.loop.time() + limit_s
        while (self._everybody or self.in_flight) and self._service.loop.time() < until:  # noqa: ASYNC110 - they end in many ways
            await asyncio.sleep(_POLL_S)

    def _sweep(self) -> None:
        self._sweeper = self._service.loop.call_later(self._every_s, self._sweep)
        now = self._service.loop.time()
        for connection in list(self._everybody):
            try:
                connection.check(now)
            except Exception as defect:  # noqa: BLE001 - the deadlines of all others must not end with this one
                self._service.report(defect)


async def serve(
    handler: Handler,
    *,
    sockets: Sequence[socket.socket],
    on_error: OnError = plain_error,
    limits: Limits | None = None,
    tls: ssl.SSLContext | None = None,
) -> Listener:
    """Accept calls on bound sockets (``sockets.bind``) and give each to ``handler`` in a task of its own.

    The handler answers through its ``Reply`` and may raise any ``CallError``, which ``on_error`` puts into the caller's
    dialect (its request is None when none was understood). The task is cancelled when the caller leaves. Raises
    ``RuntimeError`` when aiohttp runs without its C parser, ``OSError`` when a socket cannot listen.
    """
    assert_c_parser()
    limits = limits or Limits()
    loop = asyncio.get_running_loop()
    service = Service(
        loop=loop,
        limits=limits,
        handler=handler,
        on_error=on_error,
        report=_report,
        date=DateLine(time.time),
        gate=Gate(limits),
    )
    everybody: set[Connection] = set()
    servers = [
        await loop.create_server(
            lambda: Connection(service, everybody),
            sock=sock,
            backlog=BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=limits.head_s if tls else None,
            ssl_shutdown_timeout=limits.linger_s if tls else None,
        )
        for sock in sockets
    ]
    return Listener(service, servers, everybody)


def _report(defect: BaseException) -> None:
    """Log where it happened and of which kind; an exception's text may quote what a caller sent."""
    where = "".join(traceback.format_tb(defect.__traceback__))
    _log.error("a call ended by a defect of ours: %s\n%s", type(defect).__name__, where)

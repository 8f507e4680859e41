"""The admin listener: metrics and probes, in the supervisor's process and never on a loop that serves calls.

Read-only: whatever changes the proxy is a file, not a request.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import hdrs, web

from proxy.config.settings import Address
from proxy.server import health, sockets
from proxy.server.health import Readiness
from proxy.server.plain_errors import Answer

Render = Callable[[], bytes]
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_INDEX = """\
Tallygate

/metrics           for Prometheus
/livez             the process answers
/readyz            calls are served
/api/v1/upstreams  how the upstreams do
"""
_READING = frozenset({"GET", "HEAD"})


class AdminListener:
    """A running admin listener."""

    def __init__(self, runner: web.AppRunner, address: Address) -> None:
        """Made by ``serve_admin``."""
        self._runner = runner
        self.address = address

    async def close(self) -> None:
        """Stop; a scrape under way gets a moment to end."""
        await self._runner.cleanup()


async def serve_admin(
    address: Address,
    *,
    render: Render,
    readiness: Callable[[], Readiness],
    routes: Iterable[web.AbstractRouteDef] = (),
    tls: ssl.SSLContext | None = None,
) -> AdminListener:
    """Listen. ``render`` gives the metrics and runs in a thread, one at a time; ``routes`` are further pages (GET).

    Raises ``sockets.PortTaken`` or another ``OSError``, naming the address.
    """
    app = web.Application(middlewares=[_read_only])
    app.on_response_prepare.append(_own_headers)
    one_scrape = asyncio.Lock()

    async def metrics(_: web.Request) -> web.Response:
        async with one_scrape:
            body = await asyncio.to_thread(render)
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: METRICS_TYPE})

    async def livez(_: web.Request) -> web.Response:
        return _response(health.livez())

    async def readyz(_: web.Request) -> web.Response:
        return _response(health.readyz(readiness()))

    async def index(_: web.Request) -> web.Response:
        return web.Response(text=_INDEX)

    own = {"/metrics": metrics, "/livez": livez, "/readyz": readyz, "/": index}
    app.add_routes([web.get(path, handler) for path, handler in own.items()])
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=75, shutdown_timeout=2, handle_signals=False)
    await runner.setup()
    try:
        found, kept = sockets.reserve(address)
        bound = sockets.bind(found)
        sockets.close(kept)
        for sock in bound:
            await web.SockSite(runner, sock, ssl_context=tls).start()
    except BaseException:
        with contextlib.suppress(OSError):
            await runner.cleanup()
        raise
    return AdminListener(runner, found)


@web.middleware
async def _read_only(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    if request.method not in _READING:
        raise web.HTTPMethodNotAllowed(request.method, _READING)
    return await handler(request)


async def _own_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop(hdrs.SERVER, None)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")


def _response(answer: Answer) -> web.Response:
    status, headers, body = answer
    return web.Response(status=status, body=body, headers={name.decode(): value.decode() for name, value in headers})

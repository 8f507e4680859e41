"""``/api/v1/upstreams`` of the admin listener: how the upstreams do now, over all workers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec
from aiohttp import web

from proxy.upstream.view import UpstreamView, WorkerView, first_byte_p50_ms, merged

PATH = "/api/v1/upstreams"
Ask = Callable[[], Awaitable[Sequence[str | None]]]  # what each worker says; None of one that gave no word in time
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(WorkerView).decode


def upstream_page(ask: Ask) -> web.RouteDef:
    """The route of the page."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(body=_encode(document(await ask())), content_type="application/json")

    return web.get(PATH, page)


def document(words: Sequence[str | None]) -> dict[str, object]:
    """What the page says. ``silent`` workers are not in its figures."""
    views = [view for word in words if (view := _view(word)) is not None]
    together = merged(views)
    return {
        "workers": len(words),
        "silent": len(words) - len(views),
        "upstreams": [_row(view) for view in together.upstreams],
        "off": [{"name": name, "why": why} for name, why in together.off],
    }


def _view(word: str | None) -> WorkerView | None:
    try:
        return None if word is None else _decode(word)
    except msgspec.DecodeError:
        return None


def _row(view: UpstreamView) -> dict[str, object]:
    row = msgspec.structs.asdict(view)
    del row["first_byte_ms"]
    return {**row, "first_byte_p50_ms": first_byte_p50_ms(view)}

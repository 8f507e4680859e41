"""The public handler: our own few paths, everything else walks through the pipeline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from proxy.pipeline import Pipeline
from proxy.ports import Reply, Request
from proxy.server.own import CACHE, CALLS, DECISIONS, OwnPages

_BELOW: Final = (CALLS, DECISIONS, CACHE)  # pages that are named by what follows


class Gateway:
    """One per worker; an instance is the handler of the public listener."""

    def __init__(self, pipeline: Pipeline, own: OwnPages) -> None:
        """``own`` answers what is not a model's business."""
        self._walk = pipeline.walk
        self._own: dict[str, Callable[[Request, Reply], Awaitable[None]]] = {
            "/livez": own.livez,
            "/readyz": own.readyz,
            "/v1/me": own.me,
        }
        self._below = {CALLS: own.call, DECISIONS: own.decision, CACHE: own.cached}

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Answer one request; raises only cancellation."""
        path = request.raw_path
        if path.startswith("/p/") or "?" in path:
            path = _bare(path)
        own = self._own.get(path)
        if own is not None:
            await own(request, reply)
        elif path.startswith(_BELOW):
            page = next(page for prefix, page in self._below.items() if path.startswith(prefix))
            await page(request, reply)
        else:
            await self._walk(request, reply)


def _bare(raw_path: str) -> str:
    """The path without query and attribution, also for a malformed one: the pipeline will say what is wrong."""
    path = raw_path.partition("?")[0]
    if path.startswith("/p/") and (cut := path.find("/", 3)) > 0:
        return path[cut:]
    return path

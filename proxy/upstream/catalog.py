"""What models an upstream says it has: asked now and then, kept between, and never waited for longer than a moment.

Satisfies ``ports.Catalog``. Failure: an upstream that does not answer, or has no such list, keeps the list it gave last;
one that never gave any has none, and is asked again after ``AGAIN_S``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from proxy.dialects import DIALECTS
from proxy.dialects.model_lists import SHAPES
from proxy.dialects.openai_request import wants_deployments
from proxy.domain.errors import CallError
from proxy.domain.upstream import Upstream
from proxy.ports import Wire

FRESH_S = 300.0
AGAIN_S = 30.0
PATIENCE_S = 5.0
_OK = 200

Entries = Mapping[str, dict[str, Any]]
_NONE: Entries = {}
_CREDENTIALS = {dialect.family: dialect.credential for dialect in reversed(DIALECTS)}


class _Known:
    """The list of one upstream, and when to ask for it again."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.entries = _NONE
        self.until = 0.0  # monotonic
        self.asking: asyncio.Task[None] | None = None


class UpstreamCatalog:
    """The lists of all upstreams of one worker."""

    def __init__(self, wire: Wire, now: Callable[[], float]) -> None:
        """``now`` is monotonic seconds."""
        self._wire = wire
        self._now = now
        self._known: dict[str, _Known] = {}

    async def models(self, upstream: Upstream) -> Entries:
        """Its entries by name, as it wrote them. Waits only for the first list, and at most ``PATIENCE_S``; never raises."""
        known = self._known.get(upstream.name)
        if known is None or known.upstream != upstream:
            known = self._known[upstream.name] = _Known(upstream)
        if self._now() >= known.until and known.asking is None:
            known.asking = asyncio.ensure_future(self._ask(known))
        if not known.until and known.asking is not None:
            await asyncio.shield(known.asking)  # others wait for it, too: whoever leaves must not end it
        return known.entries

    def retain(self, upstreams: Iterable[Upstream]) -> None:
        """After a reload: forget the lists of upstreams that are gone or were configured anew."""
        kept = {upstream.name: upstream for upstream in upstreams}
        self._known = {name: known for name, known in self._known.items() if kept.get(name) == known.upstream}

    async def _ask(self, known: _Known) -> None:
        entries: Entries | None = None
        try:
            async with asyncio.timeout(PATIENCE_S):
                entries = await self._fetch(known.upstream)
        except (TimeoutError, CallError):
            entries = None
        finally:
            known.asking = None
            known.until = self._now() + (AGAIN_S if entries is None else FRESH_S)
            known.entries = known.entries if entries is None else entries

    async def _fetch(self, upstream: Upstream) -> Entries | None:
        shape = SHAPES.get(upstream.dialect)
        if shape is None or wants_deployments(upstream):  # Azure lists what could be deployed, not what is
            return _NONE
        headers = list(shape.headers)
        if (key := _CREDENTIALS[upstream.dialect](upstream)) is not None:
            headers.append(key)
        answer = await self._wire.send(upstream, "GET", shape.target, headers, b"")
        try:
            return shape.read(await answer.read()) if answer.status == _OK else None
        finally:
            answer.close()

"""What every wire format is asked for. A dialect is one file: understand a request, tap usage, write an error.

Pure: bytes and values in, bytes and values out. Nothing here raises on what an upstream sent; what a caller sent may
raise ``BadRequest`` with the position of the mistake and never with its text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

import msgspec

from proxy.domain.ask import Ask, Endpoint, Outgoing
from proxy.domain.errors import CallError
from proxy.domain.upstream import Upstream
from proxy.domain.usage import Usage


class Tap(Protocol):
    """Reads usage out of an answer while it passes; one object per attempt.

    ``head`` comes first; ``feed`` gets the pieces of a stream in any split, ``body`` a whole buffered answer; then
    ``finish`` once.
    """

    def head(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Hear the answer's headers, names in lower case: some providers put figures there."""
        ...

    def feed(self, data: bytes) -> None: ...
    def body(self, data: bytes) -> None: ...
    def finish(self) -> Usage:
        """What was reported: ``complete`` tells whether the provider ended the exchange normally."""
        ...

    def output_so_far(self) -> int | None:
        """Output tokens that the provider has reported so far; None before it did."""
        ...

    def relayed_text(self) -> str:
        """Text, reasoning and tool arguments that were relayed, for counting; costly, for answers without usage."""
        ...


class Match(msgspec.Struct, frozen=True):
    """A route that fits: the endpoint, and the model when the path names it."""

    dialect: Dialect
    endpoint: Endpoint
    model: str | None = None


class Dialect(Protocol):
    """One wire format. ``name`` stands in rows; ``family`` says which upstreams can serve it."""

    name: ClassVar[str]
    family: ClassVar[str]
    endpoints: ClassVar[tuple[Endpoint, ...]]  # for the table of routes; `{model}` where a path carries it
    gap: ClassVar[bytes]  # what ends an event of a stream: b"\n\n", a line's b"\n", or b"" where lengths stand in front

    def match(self, method: str, path: str) -> Match | None:
        """The endpoint for a client path (attribution prefix and query removed), or None.

        Raises ``NotFound``, with what to do instead, for a path that this format has and that is not served.
        """
        ...

    def understand(self, match: Match, body: bytes, query: str, headers: Mapping[str, str]) -> Ask:
        """Read a request strictly. Raises ``BadRequest``."""
        ...

    def outgoing(self, ask: Ask, upstream: Upstream, model: str, max_output: int | None = None) -> Outgoing:
        """The request for this upstream: ``model`` is the upstream's own name for it; ``max_output`` clamps the ceiling."""
        ...

    def tap(self, ask: Ask) -> Tap: ...

    def strip(self, ask: Ask) -> Strip:
        """The filter for a stream whose usage chunk we asked for ourselves."""
        ...

    def credential(self, upstream: Upstream) -> tuple[bytes, bytes] | None:
        """The header that carries the upstream's key."""
        ...

    def error_body(self, error: CallError, request_id: str) -> bytes: ...
    def error_event(self, error: CallError, request_id: str, ask: Ask | None = None) -> bytes:
        """The event that ends a broken stream of ``ask``; never a clean end."""
        ...


class Strip(Protocol):
    """Passes a stream through but for one event. Bytes out = bytes in without the dropped event."""

    def feed(self, data: bytes) -> bytes: ...
    def finish(self) -> bytes: ...

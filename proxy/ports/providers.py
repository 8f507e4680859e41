"""Upstreams and identity providers: leave to ask, asking, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from proxy.domain.upstream import Upstream
from proxy.domain.verdict import Verdict
from proxy.ports.caller import Headers

OnSent = Callable[[bool], None]  # True: a connection took the whole request; False: it was stale, nobody read it


class Body(Protocol):
    """A body that is sent while it comes: so many bytes, or None where only its end will tell."""

    length: int | None

    async def piece(self) -> bytes:
        """The next piece, ``b""`` at the end. Raises a ``CallError`` that ends the exchange, or ``ClientGone``."""


class Answer(Protocol):
    """An upstream's answer. ``close`` is always called; before the end of the body it cancels the upstream at once."""

    status: int
    headers: Headers
    coding: bytes  # content codings in lower case although none was asked for, as ``gzip``; empty for none

    async def read(self) -> bytes: ...
    async def piece(self) -> bytes:
        """What has come since the last piece, joined; ``b""`` at the end."""

    def arrived(self, most: int) -> bytes:
        """What has come and was not taken, at most so many bytes, without waiting: also of one that broke or was closed."""

    def close(self) -> None: ...


class Wire(Protocol):
    """The sockets to upstreams. Raises ``UpstreamFailed``, ``UpstreamTimedOut`` and ``Busy``."""

    async def send(
        self,
        upstream: Upstream,
        method: str,
        target: str,
        headers: list[tuple[bytes, bytes]],
        body: bytes | Body,
        on_sent: OnSent | None = None,
    ) -> Answer:
        """Ask; the answer has begun. ``on_sent`` is told as soon as an upstream may bill, whatever happens then."""


class Permit(Protocol):
    """Leave to ask an upstream once. Whoever has it must end it, whatever happens."""

    upstream: Upstream

    def answered(self, verdict: Verdict) -> None:
        """The head of the answer is here: the first word on how it goes, and not the last."""

    def ended(self, verdict: Verdict) -> None:
        """Nothing more is asked or read: give the place back and say how it went. Later tellings change nothing."""


class Permits(Protocol):
    """Who may be asked now: every upstream has a breaker, a bound on parallel calls, and a bounded queue."""

    def take(self, upstreams: Sequence[Upstream]) -> Permit | None:
        """Leave to ask the first of these that takes a call at once; None where all are full or left alone."""

    def free(self, upstreams: Sequence[Upstream]) -> Upstream | None:
        """Whom ``take`` would give leave for now; nothing is taken."""

    async def wait(self, upstreams: Sequence[Upstream]) -> Permit:
        """Leave to ask one of these, after a wait in its queue, or although it is throttled when nobody else is left.

        Raises ``Busy``: all are left alone, their queues are full, or the wait was too long.
        """

    def may_ask(self, upstreams: Sequence[Upstream]) -> bool:
        """Whether the breaker of any of these would let a call through now."""


class KeySets(Protocol):
    """What identity providers publish: the newest good key set of a URL, as its bytes."""

    def document(self, url: str) -> bytes | None:
        """The same object until another one comes; None while there is none."""

    async def newer(self, url: str) -> bool:
        """Ask the URL again, unless callers caused that a moment ago; waits a moment at most, and never raises.

        False: its provider does not answer, so that nobody can say whether the document is the one of now.
        """


class Catalog(Protocol):
    """What upstreams say of their models."""

    async def models(self, upstream: Upstream) -> Mapping[str, dict[str, Any]]:
        """Entries of its list by model, as its API writes them; empty while it has told none. Never raises."""

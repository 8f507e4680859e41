"""The caller, as the walk sees them: a request, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

Headers = Sequence[tuple[bytes, bytes]]  # names in lower case, in the order of arrival


class Request(Protocol):
    """A caller's request: the head is complete, the body is read when asked for."""

    method: str
    raw_path: str  # path and query as sent

    @property
    def headers(self) -> Mapping[str, str]:
        """All headers, looked up without regard to case."""

    def header(self, name: str) -> str | None:
        """Value of a header, lower-case name; None when absent."""

    def listed(self, name: str) -> str | None:
        """All values of a header that is a list, joined (RFC 9110, 5.3); None when absent."""

    def forwardable(self, extra: frozenset[str]) -> list[tuple[bytes, bytes]]:
        """The headers of the allow-list, and those of ``extra``."""

    async def read(self) -> bytes:
        """The body; raises ``TooLarge``, ``SlowBody``, ``Encoded``, ``ClientGone``."""

    @property
    def length(self) -> int | None:
        """Bytes of the body as its head says; None where only its end will tell."""

    async def piece(self) -> bytes:
        """The next piece of a body that is not kept, ``b""`` at its end; instead of ``read``, and raises as it does."""


class Reply(Protocol):
    """The way back to the caller. Either ``whole`` once, or ``open`` then ``write`` then ``close`` or ``abort``."""

    async def whole(self, status: int, headers: Headers, body: bytes) -> None: ...
    async def open(self, status: int, headers: Headers) -> None: ...
    async def write(self, data: bytes) -> None:
        """Send one piece; waits while the caller is slow. Raises ``ClientGone``."""

    async def close(self) -> None: ...
    def abort(self) -> None:
        """Break the connection, so that a broken answer cannot pass for a whole one."""

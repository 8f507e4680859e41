"""The head of an answer as bytes: status line, headers, framing, date.

We own the framing: whatever the walk hands over under these names is dropped, so an upstream's ``content-length`` or
``connection`` can never contradict what is really sent.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus

from proxy.ports import Headers

_OURS = frozenset(
    {
        b"connection",
        b"content-length",
        b"date",
        b"keep-alive",
        b"proxy-connection",
        b"server",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode() for status in HTTPStatus}
CHUNKED = b"transfer-encoding: chunked"
CLOSE = b"connection: close"
KEEP_ALIVE = b"connection: keep-alive"
# RFC 9110 15.5.22: with a 426 "the server MUST send an Upgrade header field"; 7.8: which Connection must name.
SPOKEN = (b"upgrade: HTTP/1.1", b"connection: upgrade")


def bodiless(method: str, status: int) -> bool:
    """Whether RFC 9112 6.3 forbids a body: answers to HEAD, 1xx, 204 and 304."""
    return method == "HEAD" or status in (204, 304) or 100 <= status < 200  # noqa: PLR2004 - statuses are their own names


def head_bytes(status: int, headers: Headers, own: list[bytes]) -> bytes:
    """A whole head, its empty line included; ``own`` are the finished lines that we add.

    Raises ``ValueError`` when a header would break out of its line (RFC 9110 5.5), without naming its value.
    """
    lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d " % status]
    lines += [name + b": " + value for name, value in headers if name not in _OURS]
    lines += own
    breaks = len(lines) - 1
    head = b"\r\n".join(lines)
    if head.count(b"\n") != breaks or head.count(b"\r") != breaks or b"\0" in head:
        raise ValueError("an answer's header contains a line break or NUL")
    return head + b"\r\n\r\n"


class DateLine:
    """The ``date`` header, written once per second. RFC 9110 6.6.1 wants one from everybody who has a clock."""

    __slots__ = ("_line", "_now", "_second")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._second = -1
        self._line = b""

    def __call__(self) -> bytes:
        """The header line for this second, without line break."""
        second = int(self._now())
        if second != self._second:
            self._second = second
            self._line = b"date: " + formatdate(second, usegmt=True).encode()
        return self._line

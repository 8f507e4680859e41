"""Writes the head of a request to an upstream; every byte of it is checked here, whoever gave it.

Framing and connection headers are ours alone: what a caller or the configuration says of them is dropped.
"""

from __future__ import annotations

import re

from proxy.domain.errors import BadRequest, UpstreamFailed
from proxy.upstream.origin import Route

OURS = frozenset(
    {
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"accept-encoding",
        b"expect",
        b"te",
        b"trailer",
        b"upgrade",
    }
)

# RFC 9110, 5.5: a field is visible characters, space, tab and obs-text; what is left after removing those from a block
# of lines must be the line ends we wrote ourselves, no more and no fewer.
_FIELD_BYTES = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])
_TARGET = re.compile(r"/[!-\"$-~]*")  # visible ASCII without "#"
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:[/?]|$)", re.IGNORECASE)


def request_head(
    route: Route,
    method: str,
    target: str,
    headers: list[tuple[bytes, bytes]],
    length: int | None,
    *,
    chunked: bool = False,
) -> bytes:
    """The head, its empty line included; ``length`` is None for a request without a body, or with one that is ``chunked``.

    Raises ``BadRequest`` when the target cannot stand in a request line (a model's name in the path), and
    ``UpstreamFailed`` when a header would break the head (a credential with a line break).
    """
    path = target
    if _TARGET.fullmatch(target) is None or (("/." in target or "/%" in target) and _DOT_SEGMENT.search(target)):
        raise BadRequest("The model's name or the path holds characters that cannot stand in a URL.", param="model")
    if route.query:
        path = route.with_query(target)
    lines = [b"%b: %b\r\n" % field for field in headers if field[0] not in OURS]
    block = b"".join(lines)
    if block.translate(None, _FIELD_BYTES) != b"\r\n" * len(lines):
        raise UpstreamFailed(
            f"A header for upstream {route.name} holds a control character and was not sent: check its key.",
            code="upstream_misconfigured",
        )
    size = b"" if length is None else b"content-length: %d\r\n" % length
    if chunked:
        size = b"transfer-encoding: chunked\r\n"
    return b"%b %b%b HTTP/1.1\r\n%b%b%b\r\n" % (method.encode(), route.prefix, path.encode(), route.fixed, size, block)

"""Where an upstream lives: its base URL taken apart once, so that a call only joins bytes.

Nothing but the configuration can name a host: a target is a path below the base URL.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, quote_plus, urlencode, urlsplit

from proxy.domain.errors import UpstreamFailed
from proxy.domain.upstream import Upstream

DEFAULT_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """What two upstreams must share to share connections."""

    scheme: str
    host: str  # ASCII, without brackets
    port: int
    ca_file: str | None = None


class Route(NamedTuple):
    """An upstream as the request writer needs it."""

    name: str
    origin: Origin
    prefix: bytes  # path of the base URL without a final slash: b"/v1"
    query: tuple[tuple[str, str], ...]  # added to every target; a caller's member of the same name gives way
    fixed: bytes  # header lines that never change

    def with_query(self, target: str) -> str:
        """``target`` with this upstream's own query members (Azure's ``api-version``)."""
        path, _, asked = target.partition("?")
        ours = {quote_plus(name) for name, _ in self.query}
        kept = [part for part in asked.split("&") if part and part.partition("=")[0] not in ours]
        return f"{path}?{'&'.join([*kept, urlencode(self.query)])}"


def route_to(upstream: Upstream) -> Route:
    """Take ``base_url`` apart. Raises ``UpstreamFailed`` when it cannot name an upstream."""
    try:
        url = urlsplit(upstream.base_url)
        port = url.port or DEFAULT_PORTS[url.scheme]
        host = _ascii_host(url)
        prefix = url.path.rstrip("/").encode("ascii")
    except (KeyError, ValueError) as error:  # UnicodeError is a ValueError
        raise _misconfigured(upstream) from error
    if not host or url.username is not None or url.fragment or any(byte <= 0x20 for byte in prefix):  # noqa: PLR2004  # space and controls
        raise _misconfigured(upstream)
    name = f"[{host}]" if ":" in host else host
    if port != DEFAULT_PORTS[url.scheme]:
        name = f"{name}:{port}"
    return Route(
        name=upstream.name,
        origin=Origin(url.scheme, host, port, upstream.ca_file if url.scheme == "https" else None),
        prefix=prefix,
        query=(*parse_qsl(url.query, keep_blank_values=True), *upstream.query),
        # Compressed answers could not be metered while they pass, so identity is asked for.
        fixed=f"host: {name}\r\nconnection: keep-alive\r\naccept-encoding: identity\r\n".encode(),
    )


def _ascii_host(url: SplitResult) -> str:
    host = url.hostname or ""
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _misconfigured(upstream: Upstream) -> UpstreamFailed:
    return UpstreamFailed(
        f"The base_url of upstream {upstream.name} is not a usable http or https URL.", code="upstream_misconfigured"
    )

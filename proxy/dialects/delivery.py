"""What every request to an upstream needs beside its body: the target with its query, and the key's header."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from proxy.domain.upstream import Upstream


def target(path: str, query: str, upstream: Upstream, model: str = "") -> str:
    """Return path and query below the base URL; ``{model}`` in the path is filled in, with everything special escaped."""
    filled = path.replace("{model}", quote(model, safe="")) if "{" in path else path
    if upstream.query:
        own = urlencode(upstream.query)
        query = f"{query}&{own}" if query else own
    return f"{filled}?{query}" if query else filled


def allowed(query: str, names: frozenset[str]) -> str:
    """Return the parts of a caller's query that may be forwarded; a key is not among them, however it is spelled."""
    if not query:
        return ""
    return "&".join(part for part in query.split("&") if part.partition("=")[0] in names)


def credential(upstream: Upstream, header: str) -> tuple[bytes, bytes] | None:
    """Return the header that carries the upstream's key: its own ``auth_header``, else the dialect's."""
    if upstream.key is None:
        return None
    name = (upstream.auth_header or header).lower()
    value = f"Bearer {upstream.key.value}" if name == "authorization" else upstream.key.value
    return name.encode("ascii"), value.encode("ascii")


def ceiling(asked: int | None, most: int | None) -> int | None:
    """Return the ceiling on output tokens to write into a request; None when the caller's own is low enough."""
    return most if most is not None and (asked is None or asked > most) else None

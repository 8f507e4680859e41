"""Which paths are not free for ``passthrough:``: those that a dialect meters, in whatever disguise they come."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from proxy.config.passthrough import overlaps
from proxy.dialects import DIALECTS, routes
from proxy.domain.errors import NotFound

_OPEN = "/**"
# What OpenAI-like APIs have beside models that answer: nothing in it says what it costs, so that the file must.
_UNMETERED = frozenset(
    {
        "assistants", "batches", "chatkit", "containers", "conversations", "evals", "files", "fine_tuning", "moderations",
        "organization", "rerank", "threads", "uploads", "vector_stores", "videos",
    }
)  # fmt: skip


def claimed_by(pattern: str, methods: Iterable[str]) -> tuple[str, str] | None:
    """The path that a pattern would catch though a dialect serves it, and that dialect's name; None: it is free.

    A dialect's paths are its callers' and those below a base URL, to which a path that is passed on is added as it is.
    """
    for dialect in DIALECTS:
        for endpoint in dialect.endpoints:
            if endpoint.method in methods:
                for path in (endpoint.path, endpoint.upstream_path):
                    if overlaps(pattern, _as_pattern(path)):
                        return path, dialect.name
    return None


def is_claimed(method: str, path: str) -> bool:
    """Whether some upstream could read this path as one that a dialect serves: without escapes and double slashes."""
    plain = "/" + "/".join(filter(None, unquote(path).split("/")))
    try:
        return routes.find(method, plain) is not None
    except NotFound:  # known to a dialect, and not served by it
        return False


def needs_entry(path: str) -> bool:
    """Whether a path that is not served is one that people let through by an entry."""
    return not _UNMETERED.isdisjoint(path[:256].split("/")[1:4])


def _as_pattern(path: str) -> str:
    """A dialect's path with ``*`` for a segment that carries something; a model at its end may have slashes."""
    *front, last = path.split("/")
    segments = ["*" if "{" in segment else segment for segment in (*front, last)]
    return "/".join(segments) + (_OPEN if last.endswith("}") else "")

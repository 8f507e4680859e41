"""From a client's path to the dialect and endpoint that live there."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from proxy.dialects import DIALECTS
from proxy.dialects.base import Dialect, Match

_LONGEST = 256  # characters of a path worth comparing
_ATTRIBUTION = "/p/"
_SPOKEN_WITH = (("anthropic-version", "anthropic"), ("x-goog-api-key", "gemini"))  # headers that no other SDK sends


def _exact() -> dict[tuple[str, str], Match]:
    """Paths that do not carry the model; the first dialect that serves one wins."""
    found: dict[tuple[str, str], Match] = {}
    for dialect in DIALECTS:
        for endpoint in dialect.endpoints:
            match = None if "{" in endpoint.path else dialect.match(endpoint.method, endpoint.path)
            if match is not None:
                found.setdefault((endpoint.method, endpoint.path), match)
    return found


def _heads() -> dict[tuple[str, ...], Dialect]:
    """How each dialect's paths begin, by one segment and by two."""
    found: dict[tuple[str, ...], Dialect] = {}
    for dialect in DIALECTS:
        for endpoint in dialect.endpoints:
            segments = tuple(endpoint.path.split("/")[1:3])
            found.setdefault(segments, dialect)
            found.setdefault(segments[:1], dialect)
    return found


_EXACT = _exact()
_HEADS = _heads()
_PATHS = tuple(dict.fromkeys(endpoint.path for dialect in DIALECTS for endpoint in dialect.endpoints))


def find(method: str, path: str, headers: Mapping[str, str] | None = None) -> Match | None:
    """The endpoint of a path without query and attribution prefix, or None.

    Lists of models stand at the same paths in several dialects: there ``headers`` tell which of them the caller speaks.
    """
    if method == "GET" and headers is not None:
        family = next((family for header, family in _SPOKEN_WITH if header in headers), "")
        for dialect in DIALECTS:
            if dialect.family == family and (match := dialect.match(method, path)) is not None:
                return match
    exact = _EXACT.get((method, path))
    if exact is not None:
        return exact
    return next((match for dialect in DIALECTS if (match := dialect.match(method, path)) is not None), None)


def nearest(path: str) -> str | None:
    """A served path that resembles this one, for the message of a 404; the path itself when only the method is wrong."""
    near = get_close_matches(path[:_LONGEST], _PATHS, n=1)
    return near[0] if near else None


def family_of(path: str) -> Dialect:
    """The dialect whose words an error should use when nothing else is known; takes a raw path, OpenAI's by default."""
    if path.startswith(_ATTRIBUTION):
        path = "/" + path[len(_ATTRIBUTION) :].partition("/")[2]
    segments = tuple(path.partition("?")[0].split("/", 3)[1:3])
    return _HEADS.get(segments) or _HEADS.get(segments[:1]) or DIALECTS[0]

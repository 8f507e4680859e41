"""Vertex's paths: ``/{version}/projects/{project}/locations/{location}/publishers/{publisher}/models/{model}:{operation}``.

Clients in express mode leave project and place out. Upstream, all that stands before the publisher is the base URL's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from proxy.domain.ask import Endpoint

_VERSIONS = ("v1", "v1beta1")
_PLACE = "/projects/{project}/locations/{location}"
_PATH = re.compile(
    r"/(v1|v1beta1)(/projects/[^/]+/locations/[^/]+)?/publishers/([a-z0-9]+)/models/([^/:]+):([A-Za-z]+)"
)

Operations = Mapping[str, tuple[str, bool, bool]]  # operation -> api, generates, metered
Paths = Mapping[str, Endpoint]  # by the client's path as the table of routes has it


def endpoints(publisher: str, operations: Operations) -> Paths:
    """Return the endpoints of a publisher's models, each under all the paths that lead to it."""
    found: dict[str, Endpoint] = {}
    for operation, (api, generates, metered) in operations.items():
        upstream_path = f"/publishers/{publisher}/models/{{model}}:{operation}"
        for path in [f"/{version}{place}{upstream_path}" for version in _VERSIONS for place in (_PLACE, "")]:
            found[path] = Endpoint(api, path, upstream_path, generates=generates, metered=metered)
    return found


def find(method: str, path: str, among: Paths) -> tuple[Endpoint, str] | None:
    """Return the endpoint of a client's path, and the model that it names."""
    parts = _PATH.fullmatch(path) if method == "POST" else None
    if parts is None:
        return None
    version, place, publisher, model, operation = parts.groups()
    endpoint = among.get(f"/{version}{_PLACE if place else ''}/publishers/{publisher}/models/{{model}}:{operation}")
    return None if endpoint is None else (endpoint, unquote(model))

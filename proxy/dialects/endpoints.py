"""Paths to endpoints: a dictionary for exact paths, expressions only for those that carry the model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

from proxy.dialects.base import Dialect, Match
from proxy.domain.ask import Endpoint

_MODEL = "{model}"


class Endpoints:
    """The endpoints of one dialect or of all. The first of two that fit wins."""

    def __init__(self, served: Iterable[tuple[Dialect, Endpoint]]) -> None:
        self._exact: dict[tuple[str, str], Match] = {}
        self._carrying: list[tuple[str, re.Pattern[str], Dialect, Endpoint]] = []
        for dialect, endpoint in served:
            if _MODEL in endpoint.path:
                self._carrying.append((endpoint.method, _pattern(endpoint.path), dialect, endpoint))
            else:
                self._exact.setdefault((endpoint.method, endpoint.path), Match(dialect, endpoint))

    def match(self, method: str, path: str) -> Match | None:
        """The endpoint for a client path without query and attribution prefix; its model is percent-decoded."""
        exact = self._exact.get((method, path))
        if exact is not None:
            return exact
        for verb, pattern, dialect, endpoint in self._carrying:
            if verb == method and (found := pattern.fullmatch(path)):
                return Match(dialect, endpoint, unquote(found[1]))
        return None


def _pattern(path: str) -> re.Pattern[str]:
    """The path as an expression: a model in its middle is one segment, at its end it may hold slashes."""
    before, _, after = path.partition(_MODEL)
    model = "([^/]+)" if after else "([^/].*)"
    return re.compile(re.escape(before) + model + re.escape(after))

"""What trials stand on: rules, people, prices, and an upstream for every model that a policy may name.

A policy is judged as what it says, not by what happens to be configured where: upstreams without a key take part, and a model
that no upstream serves is asked of whoever its name speaks for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from proxy.app.contents import contents_of
from proxy.config.directory import Directory
from proxy.config.routes import Routes
from proxy.dialects import DIALECTS
from proxy.dialects.base import Dialect, Match
from proxy.domain.upstream import Upstream
from proxy.metering.prices import PriceBook
from proxy.metering.table import PriceTable
from proxy.policy.content.contents import Contents
from proxy.policy.generation import Policy
from proxy.policy.loaded import Loaded

_FAMILIES: Final[Mapping[str, str]] = MappingProxyType(
    {"anthropic": "anthropic", "google": "gemini", "cohere": "cohere", "aws": "bedrock"}
)
_MOST_PROVIDERS_SPEAK: Final = "openai"


class Places:
    """Who serves which model: the configuration's upstreams, and providers of the price table in their place."""

    def __init__(self, upstreams: Sequence[Upstream], table: PriceTable) -> None:
        self._table = table
        self._routes = Routes(upstreams)
        named = {upstream.name: upstream for upstream in upstreams}
        self._by_provider = {name: named.get(name) or _stand_in(name) for name in _speaking(table)}
        self.upstreams = tuple({one.name: one for one in (*upstreams, *self._by_provider.values())}.values())

    def candidates(self, family: str, model: str) -> tuple[Upstream, ...]:
        """Those of a family that serve a model, the one that is asked first in front."""
        if found := self._routes.candidates(family, model):
            return found
        spoken_for = self._speaking_for(model)
        return (spoken_for,) if spoken_for and spoken_for.dialect == family and not self._elsewhere(model) else ()

    def first(self, model: str, provider: str = "") -> Upstream | None:
        """Who is asked for a model where nothing says in which dialect; ``provider`` is preferred, if it is an upstream."""
        if provider:
            return next((one for one in self.upstreams if one.name == provider), None) or self.first(model)
        for one in self._routes.upstreams:
            if found := self._routes.candidates(one.dialect, model):
                return found[0]
        return self._speaking_for(model)

    def _elsewhere(self, model: str) -> bool:
        return any(self._routes.candidates(one.dialect, model) for one in self._routes.upstreams)

    def _speaking_for(self, model: str) -> Upstream | None:
        provider = self._table.provider_serving(model)
        return self._by_provider.get(provider.id) if provider else None


@dataclass(frozen=True, slots=True)
class Ground:
    """One set of policies with all that they lean on."""

    directory: Directory
    policy: Policy
    places: Places
    prices: PriceBook
    contents: Contents


def ground_of(directory: Directory, loaded: Loaded, upstreams: Sequence[Upstream], table: PriceTable) -> Ground:
    """Prepare trials; ``upstreams``: see ``config.every_upstream``. Takes some 30 ms where content is inspected.

    Raises ``ValueError`` for prices that cannot be.
    """
    places = Places(upstreams, table)
    policy = Policy(
        loaded.policy, uses=loaded.facts, serves=lambda family, model: bool(places.candidates(family, model))
    )
    return Ground(directory, policy, places, PriceBook(table, places.upstreams), contents_of(loaded.policy))


def endpoint_at(path: str) -> Match | None:
    """The endpoint that a test names, by its path or its API (``openai.responses``); None where nobody serves it."""
    for dialect, match in _matches():
        if path in (match.endpoint.path, match.endpoint.api):
            return match
        if (found := dialect.match("POST", path)) is not None:
            return found
    return None


def usual_endpoint(family: str) -> Match:
    """Where most calls of a family go. Raises ``LookupError`` for a family that nobody speaks."""
    return next(match for dialect, match in _matches() if dialect.family == family and match.endpoint.generates)


def _matches() -> Iterator[tuple[Dialect, Match]]:
    for dialect in DIALECTS:
        for endpoint in dialect.endpoints:
            if endpoint.method == "POST" and not endpoint.local:
                yield dialect, Match(dialect, endpoint)


def _speaking(table: PriceTable) -> Iterator[str]:
    for name in table.provider_ids:
        provider = table.provider(name)
        if provider is not None and provider.serves is not None:
            yield provider.id


def _stand_in(provider: str) -> Upstream:
    family = _FAMILIES.get(provider, _MOST_PROVIDERS_SPEAK)
    return Upstream(name=provider, dialect=family, base_url="", prices_from=provider)

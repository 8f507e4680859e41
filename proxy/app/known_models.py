"""Which models and detectors a policy may name: what the configured upstreams serve, and what the price table knows.

A name counts as known when somebody can be billed for it, so that ``gpt-5-mnii`` is a typo although ``gpt-*`` is served.
Upstreams that are off for want of their key count, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from proxy.domain.upstream import Upstream
from proxy.metering.table import PriceTable, ProviderEntry
from proxy.policy.globs import is_glob
from proxy.policy.known import Known, KnownModels


def known_of(upstreams: Sequence[Upstream], table: PriceTable, detectors: Iterable[str]) -> Known:
    """Gather what exists. ``upstreams``: see ``config.every_upstream``; ``detectors``: full names of the pack."""
    providers = {upstream.name: _provider(upstream, table) for upstream in upstreams}
    listed = frozenset(
        name for upstream in upstreams for name in _listed(upstream, providers[upstream.name], table)
    ) | frozenset(name for provider in table.provider_ids for name in _names(table.provider(provider)))

    def served(model: str) -> bool:
        return any(_serves(one, model) for one in upstreams) or table.provider_serving(model) is not None

    def priced(model: str) -> bool:
        for one in upstreams:
            provider = providers[one.name]
            if provider and _serves(one, model) and table.find(provider, one.own_name(model)):
                return True
        speaking = table.provider_serving(model)
        return speaking is not None and table.find(speaking, model) is not None

    def families(model: str) -> frozenset[str]:
        return frozenset(one.dialect for one in upstreams if _serves(one, model))

    patterns = tuple(dict.fromkeys(glob for one in upstreams for glob in _open(one, providers[one.name])))
    return Known(KnownModels(listed, patterns, priced, served, families), frozenset(detectors))


def _serves(upstream: Upstream, model: str) -> bool:
    return any(fnmatchcase(model, glob) for glob in upstream.models)


def _provider(upstream: Upstream, table: PriceTable) -> ProviderEntry | None:
    if upstream.prices_from is not None:
        return table.provider(upstream.prices_from)
    return table.provider_at(upstream.base_url)


def _names(provider: ProviderEntry | None) -> Iterator[str]:
    """List the names that a provider's models are matched by literally."""
    for model in provider.models if provider else ():
        yield model.id
        for clause in model.match[1:] if model.match[0] == "|" else (model.match,):
            if clause[0] == "=":
                yield from clause[1:]


def _listed(upstream: Upstream, provider: ProviderEntry | None, table: PriceTable) -> Iterator[str]:
    """List the names that callers may use for an upstream's models."""
    yield from (glob for glob in upstream.models if not is_glob(glob))
    yield from (alias for alias, _ in upstream.aliases)
    lenders = [table.provider(lender) for lender in provider.fallback] if provider else []
    for owner in (provider, *lenders):
        yield from (
            name for name in (f"{upstream.strip_prefix}{own}" for own in _names(owner)) if _serves(upstream, name)
        )


def _open(upstream: Upstream, provider: ProviderEntry | None) -> Iterator[str]:
    """List the patterns below which anything may be: priced by the configuration alone, or not at all."""
    if provider is None or upstream.unpriced != "deny" or any(entry.match == "*" for entry in upstream.prices):
        yield from upstream.models
    for entry in upstream.prices:
        if entry.match != "*":
            yield from {entry.match, f"{upstream.strip_prefix}{entry.match}"}

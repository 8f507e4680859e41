"""Which models and detectors a policy may name: what the configured upstreams serve, and what the price table knows.

A name counts as known when somebody can be billed for it, so that ``gpt-5-mnii`` is a typo although ``gpt-*`` is served.
Upstreams that are off for want of their key count, too: a policy must not be wrong on the machines that have no keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from proxy.config.loader import load_settings
from proxy.domain.upstream import Upstream
from proxy.metering.table import PriceTable, ProviderEntry
from proxy.policy.globs import is_glob
from proxy.policy.known import Known, KnownModels

# Of a variable that is not set: good as a key, and as the address of a store.
_UNSET = "embedded"


class _Assumed(dict[str, str]):
    """An environment in which every secret is set, so that no upstream is off."""

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]  # narrower on purpose
        """Give a stand-in for what is not set; our own switches stay as they are."""
        return super().get(name) or (default if name.startswith("TALLYGATE_") else _UNSET)


def every_upstream(source: Path, environ: Mapping[str, str]) -> tuple[Upstream, ...]:
    """List the upstreams of a configuration, those without a key in ``environ`` included. Raises ``ConfigError``."""
    return load_settings(source, _Assumed(environ)).upstreams


def known_of(upstreams: Sequence[Upstream], table: PriceTable, detectors: Iterable[str]) -> Known:
    """Gather what exists. ``upstreams``: see ``every_upstream``; ``detectors``: full names of the pack."""
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

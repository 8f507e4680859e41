"""The price book of a generation: what a model costs at an upstream, from the table and the configuration.

A model without a price is refused, free or has a price of its own, as the upstream's ``unpriced`` says; it is never
free by accident. A price of 0 is a price.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

import msgspec

from proxy.domain.upstream import Upstream
from proxy.domain.usage import Usage
from proxy.metering.cost import (
    FREE_BY_CONFIG,
    PRICED_BY_CONFIG,
    SERVED_UNPRICED,
    UNPRICED,
    Cost,
    Price,
    as_usage,
)
from proxy.metering.match import is_same, sold_as
from proxy.metering.overrides import Tariffs, overridden, override_for, per_million
from proxy.metering.rates import Scale
from proxy.metering.schedule import Period, Tariff, lanes_at, period_at, tariff_at
from proxy.metering.table import PriceTable, ProviderEntry

_KEPT: Final = 4_096  # names that callers have asked for; made-up ones must not fill the memory
_SIDES: Final = frozenset({"input", "output"})
_WILD: Final = frozenset("*?[")


class UnknownProvider(ValueError):
    """``prices_from`` of an upstream names nobody in the price table."""

    def __init__(self, upstream: str, provider: str, near: list[str]) -> None:
        """Say whom it named, and who was perhaps meant."""
        self.upstream = upstream
        self.reason = f"{provider!r} is not in the price table" + (f"; did you mean {near[0]!r}?" if near else "")
        super().__init__(f"upstreams.{upstream}.prices_from: {self.reason}")


class _Quoted(msgspec.Struct, frozen=True):
    """An answer, and how long it holds."""

    price: Price | None
    period: Period


class PriceBook:
    """Prices by upstream and model. Answers are remembered; what is remembered never changes an answer."""

    __slots__ = ("_labels", "_providers", "_quotes", "_table", "_upstreams")

    def __init__(self, table: PriceTable, upstreams: Iterable[Upstream]) -> None:
        """Check what the upstreams say about prices; raises ``ValueError`` naming the upstream."""
        self._table = table
        self._upstreams = tuple(upstreams)
        self._providers = {upstream.name: _provider(table, upstream) for upstream in self._upstreams}
        self._quotes: dict[tuple[str, str], _Quoted] = {}
        self._labels: dict[str, str] = {}

    @property
    def version(self) -> str:
        """The version of the table."""
        return self._table.version

    def quote(self, upstream: Upstream, model: str, at: float) -> Price | None:
        """Find the price of a model, by the upstream's own name for it, at a time in unix seconds; None: refuse it."""
        key = (upstream.name, model)
        quoted = self._quotes.get(key)
        if quoted is None or not quoted.period.since <= at < quoted.period.until:
            quoted = self._compile(upstream, model, at)
            if len(self._quotes) >= _KEPT:
                del self._quotes[next(iter(self._quotes))]
            self._quotes[key] = quoted
        return quoted.price

    def cost_of(self, upstream: Upstream, model: str, usage: Usage, at: float, requests: int = 1) -> Cost:
        """Book a usage: at the model that answered if it has a price, else at the one that was asked for, flagged.

        An answer that several models made is priced part by part, and rounded once.
        """
        requested = self.quote(upstream, model, at)
        if requested is None:
            return Cost(0, self.version, UNPRICED)
        price, flag = self._served(requested, upstream, model, usage.model, at)
        parts = usage.parts or usage.by_model
        if not parts:
            cost = price.bill(usage, requests)
            return cost if flag is None else Cost(cost.nusd, cost.price_version, flag)
        amount = requests * price.standard.base.request
        searches = msgspec.structs.replace(usage, by_model=(), parts=(), **_NO_TOKENS)
        for part_price, part_flag, part in (
            (price, flag, searches),
            *((*self._served(requested, upstream, model, part.model, at), as_usage(part, usage)) for part in parts),
        ):
            part_amount, odd = part_price.amount(part)
            amount += part_amount
            flag = flag or part_flag or odd
        return price.booked(amount, flag)

    def canonical(self, model: str) -> str:
        """Name a model for a metric's label: the table's id, a name from the configuration, or ``other``."""
        label = self._labels.get(model)
        if label is None:
            label = self._label(model)
            if len(self._labels) >= _KEPT:
                del self._labels[next(iter(self._labels))]
            self._labels[model] = label
        return label

    def _served(
        self, requested: Price, upstream: Upstream, model: str, served: str | None, at: float
    ) -> tuple[Price, str | None]:
        """Find the price of the model that answered; ``requested`` is that of ``model``, which was asked for."""
        if served is None or not upstream.trust_served_model or is_same(model, served):
            return requested, None
        price = self.quote(upstream, sold_as(model, served), at) or self.quote(upstream, served, at)
        if price is None or (price.flag is not None and requested.flag is None) or _lacks_side(price, requested):
            return requested, SERVED_UNPRICED
        return price, None

    def _compile(self, upstream: Upstream, model: str, at: float) -> _Quoted:
        table, name, period = self._from_table(upstream, model, at)
        version = self.version
        override = override_for(upstream, model)
        tariffs = table
        if override is not None:
            tariffs = overridden(override, table)
            digest = hashlib.blake2s(msgspec.json.encode(override), digest_size=4).hexdigest()
            version = f"{version} config:{digest}" if table.standard else f"config:{digest}"
        flag = None
        if tariffs.standard is None or not tariffs.standard.rates:
            if upstream.unpriced == "deny":
                return _Quoted(None, period)
            free = upstream.unpriced == "free"
            flag = FREE_BY_CONFIG if free else PRICED_BY_CONFIG
            rates = {"input": 0, "output": 0} if free else per_million(upstream.unpriced_rates)
            tariffs, version = Tariffs(Tariff(rates)), "config:unpriced"
        return _Quoted(_price(name, version, tariffs, flag), period)

    def _from_table(self, upstream: Upstream, model: str, at: float) -> tuple[Tariffs, str, Period]:
        provider = self._providers.get(upstream.name)
        found = self._table.find(provider, model) if provider else None
        if found is None:
            return Tariffs(None), model, Period()
        entry, own = found
        return Tariffs(tariff_at(entry, at), lanes_at(entry, at) if own else {}), entry.id, period_at(entry, at)

    def _label(self, model: str) -> str:
        for upstream in self._upstreams:
            bare = model.removeprefix(upstream.strip_prefix)
            written = {entry.match for entry in upstream.prices if not _WILD.intersection(entry.match)}
            if written.intersection((model, bare)):
                return bare
        asked = [provider for provider in self._providers.values() if provider]
        speaking = self._table.provider_serving(model)
        names = [model, *(model.removeprefix(upstream.strip_prefix) for upstream in self._upstreams)]
        for provider in (*([speaking] if speaking else ()), *asked):
            for name in dict.fromkeys(names):
                found = self._table.find(provider, name)
                if found:
                    return found[0].id
        return "other"


_NO_TOKENS: Final = dict.fromkeys(
    ("input", "output", "cached_read", "cache_write", "cache_write_5m", "cache_write_1h", "reasoning", "audio_input",
     "audio_output", "image_input", "image_output"), 0
)  # fmt: skip


def _provider(table: PriceTable, upstream: Upstream) -> ProviderEntry | None:
    """Find whose prices an upstream has: what it says, else whose API its URL is. A name of a model proves nothing."""
    for override in upstream.prices:
        for rates in (override.rates, *(tier for _, tier in override.tiers)):
            per_million(rates)
    if upstream.prices_from is None:
        return table.provider_at(upstream.base_url)
    provider = table.provider(upstream.prices_from)
    if provider is None:
        near = get_close_matches(upstream.prices_from, table.provider_ids, n=1)
        raise UnknownProvider(upstream.name, upstream.prices_from, near)
    return provider


def _lacks_side(served: Price, requested: Price) -> bool:
    """Tell whether a side that was priced for the model asked for would be free at the one that answered."""
    return not served.written.isdisjoint(_SIDES) and not served.written >= requested.written & _SIDES


def _price(name: str, version: str, tariffs: Tariffs, flag: str | None) -> Price:
    standard = tariffs.standard or Tariff({})
    every = [standard, *tariffs.lanes.values()]
    rated = [rates for tariff in every for rates in (tariff.rates, *(tier for _, tier in tariff.tiers))]
    return Price(
        model=name,
        version=version,
        standard=Scale.of(standard),
        lanes={lane: Scale.of(tariff) for lane, tariff in tariffs.lanes.items()},
        units=frozenset(unit for rates in rated for unit, rate in rates.items() if rate),
        written=frozenset(standard.rates),
        flag=flag,
    )

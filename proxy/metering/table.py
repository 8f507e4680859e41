"""The price table that ships with us: made from genai-prices by ``make prices``, never fetched, read once at start."""

from __future__ import annotations

import re
from typing import Self

import msgspec

from proxy.metering.match import Clause, NameIndex, compile_clause, spellings
from proxy.metering.package_data import read_package_data

UnitRates = dict[str, int]  # unit -> nUSD per million units


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, rename={"since": "from"}):
    """Prices of a model for a time, or of one lane of it. ``tiers``: rates that hold above so many input tokens."""

    rates: UnitRates = {}
    tiers: tuple[tuple[int, UnitRates], ...] = ()
    lane: str = ""
    since: str = ""  # date, UTC
    daily: tuple[int, int] | None = None  # seconds of the day, UTC; the end may be smaller than the start


class ModelEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model of a provider. Of ``prices`` the last that is in force counts, of ``lanes`` the first per unit."""

    id: str
    match: Clause
    prices: tuple[Entry, ...]
    lanes: tuple[Entry, ...] = ()


class ProviderEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One provider: how its base URL, its name and the names of its models look."""

    id: str
    api: str  # regular expression for the beginning of base URLs
    models: tuple[ModelEntry, ...]
    names: Clause | None = None
    serves: Clause | None = None  # models that speak for this provider by their name alone
    fallback: tuple[str, ...] = ()  # whose prices it takes for models that it does not list


class TableFile(msgspec.Struct, frozen=True):
    """The whole file."""

    version: str
    made: str  # date on which its source was read
    providers: tuple[ProviderEntry, ...]


class PriceTable:
    """Looks up models. Indexes are made when a provider is first asked for; most never are."""

    __slots__ = ("_by_id", "_file", "_indexes")

    def __init__(self, file: TableFile) -> None:
        self._file = file
        self._by_id = {provider.id: provider for provider in file.providers}
        self._indexes: dict[str, NameIndex] = {}

    @classmethod
    def load(cls) -> Self:
        """Read the table of the package: 10 ms."""
        return cls(msgspec.json.decode(read_package_data("data", "prices.json"), type=TableFile))

    @property
    def version(self) -> str:
        """What stands in every row that was priced by this table."""
        return self._file.version

    @property
    def made(self) -> str:
        """The date on which the table's source was read, as ISO 8601."""
        return self._file.made

    @property
    def provider_ids(self) -> tuple[str, ...]:
        """Every provider by its id, for messages that suggest one."""
        return tuple(self._by_id)

    def provider(self, name: str) -> ProviderEntry | None:
        """Find a provider by its id or another name it is known by."""
        wanted = name.strip().lower()
        found = self._by_id.get(wanted)
        if found is not None:
            return found
        named = (entry for entry in self._file.providers if entry.names and compile_clause(entry.names)(wanted))
        return next(named, None)

    def provider_at(self, base_url: str) -> ProviderEntry | None:
        """Find the provider whose public API has this base URL."""
        return next((entry for entry in self._file.providers if re.match(entry.api, base_url)), None)

    def provider_serving(self, model: str) -> ProviderEntry | None:
        """Find the provider that a model's name speaks for; good enough for a label, not for money."""
        name = model.lower()
        serving = (entry for entry in self._file.providers if entry.serves and compile_clause(entry.serves)(name))
        return next(serving, None)

    def find(self, provider: ProviderEntry, model: str) -> tuple[ModelEntry, bool] | None:
        """Find a model, and whether it is the provider's own; the other one is priced without lanes."""
        found = (self._find(provider, name) for name in spellings(model.lower()))
        return next((entry for entry in found if entry is not None), None)

    def _find(self, provider: ProviderEntry, name: str) -> tuple[ModelEntry, bool] | None:
        own = self._find_own(provider, name)
        if own is not None:
            return own, True
        lenders = [self._by_id[lender] for lender in provider.fallback if lender in self._by_id]
        lent = (self._find_own(lender, name) for lender in lenders)
        return next(((entry, False) for entry in lent if entry is not None), None)

    def _find_own(self, provider: ProviderEntry, name: str) -> ModelEntry | None:
        index = self._indexes.get(provider.id)
        if index is None:
            index = self._indexes[provider.id] = NameIndex([model.match for model in provider.models])
        position = index.find(name)
        return None if position is None else provider.models[position]

"""Prices that the configuration writes: they win over the table.

The first override whose glob fits a model is taken. One that names ``input`` (or ``output``) sets all token prices of
that side, so that ``input: 0`` means free and not free but for cached tokens; service lanes of the table then no longer
fit and must be written, too. Everything it does not name stays as in the table. The discount comes last, on all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

import msgspec

from proxy.domain.upstream import PriceOverride, Upstream
from proxy.metering.bill import MILLION, half_even
from proxy.metering.rates import SINGLE, TOKENS_IN, TOKENS_OUT, UNITS
from proxy.metering.schedule import Tariff


class Tariffs(msgspec.Struct, frozen=True):
    """Standard prices and those of the lanes; ``standard`` is None where nothing is priced."""

    standard: Tariff | None
    lanes: Mapping[str, Tariff] = {}


def override_for(upstream: Upstream, model: str) -> PriceOverride | None:
    """Find the first override that fits a model under its own name or the one that callers use."""
    names = {model.lower(), f"{upstream.strip_prefix}{model}".lower()}
    fitting = (entry for entry in upstream.prices if any(fnmatchcase(name, entry.match.lower()) for name in names))
    return next(fitting, None)


def overridden(override: PriceOverride, table: Tariffs) -> Tariffs:
    """Apply an override to what the table says."""
    written = per_million(override.rates)
    standard, lanes = table.standard, dict(table.lanes)
    if written or (override.tiers and standard):
        replaced = {*written, *(TOKENS_IN if "input" in written else ()), *(TOKENS_OUT if "output" in written else ())}
        below = standard or Tariff({})
        standard = Tariff(
            {**_without(below.rates, replaced), **written},
            (
                *((above, _without(rates, replaced)) for above, rates in below.tiers),
                *((above, per_million(rates)) for above, rates in override.tiers),
            ),
        )
        if replaced.intersection(("input", "output")):
            lanes = {}
    if standard is None:
        return table
    for lane, factor in override.lanes:
        lanes[lane.lower()] = scaled(standard, factor)
    share = MILLION - override.discount_millionths
    if share == MILLION:
        return Tariffs(standard, lanes)
    return Tariffs(scaled(standard, share), {lane: scaled(tariff, share) for lane, tariff in lanes.items()})


def scaled(tariff: Tariff, millionths: int) -> Tariff:
    """Multiply every rate, each rounded half-even to a nano-dollar per million units."""
    return Tariff(
        _scaled(tariff.rates, millionths), tuple((above, _scaled(rates, millionths)) for above, rates in tariff.tiers)
    )


def per_million(rates: tuple[tuple[str, int], ...]) -> dict[str, int]:
    """Rates as the configuration counts them (``per_…`` for one thing) as rates per million. Raises ``ValueError``."""
    unknown = [unit for unit, _ in rates if unit not in UNITS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not a unit that can be priced; known are {', '.join(sorted(UNITS))}")
    return {unit: rate * MILLION if unit in SINGLE else rate for unit, rate in rates}


def _without(rates: Mapping[str, int], units: set[str]) -> dict[str, int]:
    return {unit: rate for unit, rate in rates.items() if unit not in units}


def _scaled(rates: Mapping[str, int], millionths: int) -> dict[str, int]:
    return {unit: half_even(rate * millionths, MILLION) for unit, rate in rates.items()}

"""Which of a model's prices are in force at a time, and how long that will stay so."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from math import inf

import msgspec

from proxy.metering.table import Entry, ModelEntry, UnitRates

_DAY = 86_400


class Tariff(msgspec.Struct, frozen=True):
    """Rates by unit, and what replaces some of them above so many input tokens (for all tokens of the request)."""

    rates: UnitRates
    tiers: tuple[tuple[int, UnitRates], ...] = ()


class Period(msgspec.Struct, frozen=True):
    """Unix seconds, the end not included."""

    since: float = -inf
    until: float = inf


def tariff_at(model: ModelEntry, at: float) -> Tariff:
    """Standard prices: the last entry in force, else the first."""
    entry = next((entry for entry in reversed(model.prices) if _in_force(entry, at)), model.prices[0])
    return Tariff(entry.rates, entry.tiers)


def lanes_at(model: ModelEntry, at: float) -> dict[str, Tariff]:
    """Prices of the service tiers: each replaces the units it names; of several in force the first per unit counts."""
    named: dict[str, Tariff] = {}
    for entry in model.lanes:
        if _in_force(entry, at):
            later = Tariff(entry.rates, entry.tiers)
            earlier = named.get(entry.lane)
            named[entry.lane] = later if earlier is None else _over(later, earlier)
    standard = tariff_at(model, at)
    return {lane: _over(standard, tariff) for lane, tariff in named.items()}


def period_at(model: ModelEntry, at: float) -> Period:
    """How long the model's prices at this time have been and will be in force."""
    edges = [edge for entry in (*model.prices, *model.lanes) for edge in _edges(entry, at)]
    return Period(
        max((edge for edge in edges if edge <= at), default=-inf),
        min((edge for edge in edges if edge > at), default=inf),
    )


def _over(below: Tariff, above: Tariff) -> Tariff:
    """Let ``above`` replace the units it names, in every tier."""
    kept = [
        (start, {unit: rate for unit, rate in rates.items() if unit not in above.rates}) for start, rates in below.tiers
    ]
    tiers = sorted((*kept, *above.tiers), key=lambda tier: tier[0])
    return Tariff({**below.rates, **above.rates}, tuple(tiers))


def _in_force(entry: Entry, at: float) -> bool:
    if entry.since and at < _midnight(entry.since):
        return False
    if entry.daily is None:
        return True
    start, end = entry.daily
    second = at % _DAY
    return start <= second < end if start <= end else second >= start or second < end


def _edges(entry: Entry, at: float) -> Iterable[float]:
    if entry.since:
        yield _midnight(entry.since)
    for second in entry.daily or ():
        edge = at - at % _DAY + second
        yield from (edge - _DAY, edge, edge + _DAY)


def _midnight(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()

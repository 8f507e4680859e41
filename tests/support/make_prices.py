"""Make the price table of the package from the pinned genai-prices: ``make prices``.

genai-prices is needed here only; the product reads the file. A unit or clause that this script does not know stops it,
so that a new version of the source cannot lose a price in silence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec
from genai_prices import types as source
from genai_prices.data import providers
from genai_prices.data_units import unit_data

from proxy.metering.table import Entry, ModelEntry, ProviderEntry, TableFile, UnitRates

TARGET: Final = Path(__file__).resolve().parents[2] / "proxy" / "metering" / "data" / "prices.json"

# Price key of the source -> unit of ours; where two name one unit the dearer counts.
UNITS: Final = MappingProxyType(
    {
        "input_mtok": "input",
        "output_mtok": "output",
        "cache_read_mtok": "cached_read",
        "cache_write_mtok": "cache_write",
        "cache_write_1h_mtok": "cache_write_1h",
        "input_audio_mtok": "audio_input",
        "output_audio_mtok": "audio_output",
        "cache_audio_read_mtok": "cached_audio",
        "input_image_mtok": "image_input",
        "output_image_mtok": "image_output",
        "cache_image_read_mtok": "cached_image",
        "input_video_mtok": "video_input",
        "output_video_mtok": "video_output",
        "output_reasoning_mtok": "reasoning",
        "output_citation_mtok": "citation",
        "input_mchars": "per_character",
        "audio_hours": "per_second",
        "input_audio_hours": "per_second",
        "web_searches_kcount": "per_search",
        "requests_kcount": "per_request",
        "input_document_kpages": "per_page",
        "input_annotated_document_kpages": "per_page",
        "input_text_messages_kcount": "per_message",
    }
)
# Searches in files stored at the provider: no usage on the wire shows them.
LEFT_OUT: Final = frozenset({"storage_searches_kcount"})
# What a variant depends on -> the lane it becomes; other conditions (routes, kinds of search) are not in a usage.
LANE_KEYS: Final = frozenset({"service_tier", "processing", "speed"})
_PER: Final = MappingProxyType({unit["price_key"]: unit["per"] for unit in unit_data.values()})
_NUSD_PER_MILLION: Final = 10**15
_SHOWN: Final = 5


def table(made: str) -> TableFile:
    """Convert the whole source; the version tells its release and its content, ``made`` the day."""
    entries = tuple(_provider(provider) for provider in providers)
    digest = hashlib.sha256(msgspec.json.encode(entries, order="sorted")).hexdigest()[:8]
    return TableFile(version=f"genai-prices {version('genai-prices')}+{digest}", made=made, providers=entries)


def rendered(file: TableFile) -> bytes:
    """Write the table as JSON, one model a line, so that a diff can be read."""
    blocks = []
    for provider in file.providers:
        head = msgspec.json.encode(msgspec.structs.replace(provider, models=()), order="sorted")
        models = ",\n".join(msgspec.json.encode(model, order="sorted").decode() for model in provider.models)
        blocks.append(head.decode().replace('"models":[]', f'"models":[\n{models}\n]', 1))
    text = f'{{"version":"{file.version}","made":"{file.made}","providers":[\n' + ",\n".join(blocks) + "\n]}\n"
    return text.encode()


def changes(old: TableFile, new: TableFile) -> list[str]:
    """Tell in a few lines which models were added, removed and repriced."""
    before, after = _by_name(old), _by_name(new)
    groups = {
        "added": sorted(after.keys() - before.keys()),
        "removed": sorted(before.keys() - after.keys()),
        "repriced": sorted(
            name
            for name in before.keys() & after.keys()
            if (before[name].prices, before[name].lanes) != (after[name].prices, after[name].lanes)
        ),
    }
    lines = [f"{old.version} -> {new.version}: {len(after)} models"]
    for word, names in groups.items():
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            lines.append(f"{word} {len(names)}: {', '.join(names[:_SHOWN])}{more}")
    return lines if len(lines) > 1 else [f"{new.version}: {len(after)} models, nothing changed"]


def main() -> None:
    """Write the file and print what changed."""
    new = table(datetime.now(UTC).date().isoformat())
    old = msgspec.json.decode(TARGET.read_bytes(), type=TableFile) if TARGET.exists() else TableFile("nothing", "", ())
    TARGET.write_bytes(rendered(new))
    print("\n".join(changes(old, new)))


def _by_name(file: TableFile) -> dict[str, ModelEntry]:
    return {f"{provider.id}/{model.id}": model for provider in file.providers for model in provider.models}


def _provider(provider: source.Provider) -> ProviderEntry:
    return ProviderEntry(
        id=provider.id,
        api=provider.api_pattern,
        models=tuple(_model(model) for model in provider.models),
        names=_clause(provider.provider_match) if provider.provider_match else None,
        serves=_clause(provider.model_match) if provider.model_match else None,
        fallback=tuple(provider.fallback_model_providers or ()),
    )


def _model(model: source.ModelInfo) -> ModelEntry:
    dated = model.prices if isinstance(model.prices, list) else [source.ConditionalPrice(prices=model.prices)]
    prices = [_entry(price.prices, price.constraint) for price in dated]
    if model.id.endswith(":free"):
        # The source leaves these without any price, as it does models whose price it does not know.
        prices = [Entry(rates={"input": 0, "output": 0})]
    return ModelEntry(id=model.id, match=_clause(model.match), prices=tuple(prices), lanes=tuple(_lanes(model)))


def _lanes(model: source.ModelInfo) -> Iterator[Entry]:
    for variant in model.price_variants or ():
        if set(variant.when) <= LANE_KEYS and len(variant.when) == 1:
            (lane,) = variant.when.values()
            entry = _entry(variant.prices, variant.constraint, lane)
            if entry.rates:
                yield entry


def _entry(prices: source.ModelPrice, constraint: Any, lane: str = "") -> Entry:
    rates: UnitRates = {}
    tiers: dict[int, UnitRates] = {}
    for key, value in _priced(prices):
        unit = UNITS[key]
        tiered = isinstance(value, source.TieredPrices)
        base = _rate(key, value.base if tiered else value)
        if base >= rates.get(unit, 0):
            rates[unit] = base
        for tier in value.tiers if tiered else ():
            tiers.setdefault(tier.start, {})[unit] = _rate(key, tier.price)
    since, daily = _times(constraint)
    return Entry(rates=rates, tiers=tuple(sorted(tiers.items())), lane=lane, since=since, daily=daily)


def _priced(prices: source.ModelPrice) -> Iterable[tuple[str, Any]]:
    for key, value in vars(prices).items():
        if value is not None and key not in LEFT_OUT:
            yield key, value


def _rate(key: str, price: Decimal) -> int:
    return int((price * _NUSD_PER_MILLION / _PER[key]).to_integral_value(ROUND_HALF_EVEN))


def _times(constraint: Any) -> tuple[str, tuple[int, int] | None]:
    if constraint is None:
        return "", None
    if isinstance(constraint, source.StartDateConstraint):
        return constraint.start_date.isoformat(), None
    start, end = constraint.start_time, constraint.end_time
    if start.utcoffset() or end.utcoffset():
        raise SystemExit(f"a daily price that is not in UTC: {constraint}")
    return "", (start.hour * 3600 + start.minute * 60, end.hour * 3600 + end.minute * 60)


def _clause(clause: Any) -> list[Any]:
    if isinstance(clause, source.ClauseOr):
        parts = [_clause(part) for part in clause.or_]
        names = [name for part in parts if part[0] == "=" for name in part[1:]]
        others = [part for part in parts if part[0] != "="]
        if not others:
            return ["=", *names]
        return ["|", *([["=", *names]] if names else []), *others]
    if isinstance(clause, source.ClauseAnd):
        return ["&", *(_clause(part) for part in clause.and_)]
    if isinstance(clause, source.ClauseRegex):
        return ["~", clause.regex]
    simple = {
        source.ClauseEquals: ("=", "equals"),
        source.ClauseStartsWith: ("^", "starts_with"),
        source.ClauseEndsWith: ("$", "ends_with"),
        source.ClauseContains: ("*", "contains"),
    }
    sign, attribute = simple[type(clause)]
    return [sign, getattr(clause, attribute).lower()]


if __name__ == "__main__":
    main()

"""From a reading of the configuration to a generation that calls can walk on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from proxy.app.contents import contents_of
from proxy.app.policies import policy_of
from proxy.config.passthrough_route import OneWay
from proxy.config.problems import ConfigError, Problem
from proxy.config.reading import Reading
from proxy.config.routes import Routes
from proxy.config.settings import Settings
from proxy.config.yaml_nodes import locate
from proxy.config.yaml_source import read_source
from proxy.dialects import DIALECTS
from proxy.dialects.passthrough import PassThrough
from proxy.dialects.passthrough_paths import claimed_by
from proxy.domain.upstream import PriceOverride, Upstream
from proxy.metering.declared import DeclaredPrices
from proxy.metering.prices import PriceBook, UnknownProvider
from proxy.metering.table import PriceTable
from proxy.policy.loaded import Loaded
from proxy.steps.generation import Generation, Opening
from proxy.telemetry.labels import Known

DEMO_RATES = (("input", 200_000_000), ("output", 600_000_000))  # $0.20 and $0.60 per million tokens, as a small model


def demo_upstreams(base_url: str) -> tuple[Upstream, ...]:
    """The stand-in, once per family, so that every SDK can try it."""
    bases = {"openai": f"{base_url}/v1", "anthropic": base_url, "gemini": base_url}
    return tuple(
        Upstream(
            name=f"demo-{family}",
            dialect=family,
            base_url=url,
            models=("demo-*",),
            prices=(PriceOverride(rates=DEMO_RATES),),
        )
        for family, url in bases.items()
    )


def generation_of(
    reading: Reading,
    table: PriceTable,
    demo_url: str | None,
    loaded: Loaded,
    *,
    audit_only: bool = False,
    before: Generation | None = None,
) -> Generation:
    """Build a generation. ``loaded``: see ``app.policies``; ``audit_only``: no rule is felt; ``before``: the one in force.

    Raises ``ConfigError`` for what only the price table could tell.
    """
    settings = reading.settings
    upstreams = settings.upstreams + (demo_upstreams(demo_url) if demo_url else ())
    prices = prices_of(settings.source, upstreams, table)
    routes = Routes(upstreams)
    policy = policy_of(
        reading, loaded, lambda family, model: bool(routes.candidates(family, model)), audit_only=audit_only
    )
    return Generation(
        id=policy.said.generation,
        directory=reading.directory,
        routes=routes,
        prices=prices,
        content=contents_of(loaded.policy, before.content if before else None),
        policy=policy,
        openings=openings_of(settings, table),
    )


def prices_of(source: Path, upstreams: Sequence[Upstream], table: PriceTable) -> PriceBook:
    """Build the price book of the configuration in ``source``. Raises ``ConfigError`` that says where it is wrong."""
    try:
        return PriceBook(table, upstreams)
    except UnknownProvider as error:
        path, file = ("upstreams", error.upstream, "prices_from"), read_source(source)
        mark, _ = locate(file.root, path)
        raise ConfigError([file.problem(mark, ".".join(path), error.reason)]) from None
    except ValueError as error:
        raise ConfigError([Problem(str(source), 0, 0, "upstreams", str(error))]) from None


def openings_of(settings: Settings, table: PriceTable) -> tuple[Opening, ...]:
    """Build the entries of ``passthrough:``. Raises ``ConfigError`` for one that would catch what a dialect meters."""
    for entry in settings.passthrough:
        for place, pattern in enumerate(entry.paths):
            if (claim := claimed_by(pattern, entry.methods)) is None:
                continue
            path, file = ("passthrough", entry.name, "paths", place), read_source(settings.source)
            mark, _ = locate(file.root, path)
            message = f"would let {claim[0]} through, which {claim[1]} serves and meters"
            raise ConfigError([file.problem(mark, f"passthrough.{entry.name}.paths", message, "name narrower paths")])
    upstreams = {upstream.name: upstream for upstream in settings.upstreams}
    return tuple(
        Opening(PassThrough(entry), OneWay(upstreams[entry.upstream]), DeclaredPrices(table, entry.name, entry.rates))
        for entry in settings.passthrough
    )


def known_labels(generation: Generation) -> Known:
    """The closed sets that metrics may use as labels."""
    directory = generation.directory
    return Known(
        routes=frozenset(endpoint.path for dialect in DIALECTS for endpoint in dialect.endpoints).union(
            pattern for opening in generation.openings for pattern in opening.dialect.entry.paths
        ),
        upstreams=frozenset(upstream.name for upstream in generation.routes.upstreams),
        teams=frozenset(directory.teams),
        projects=frozenset(project for team in directory.teams.values() for project in team.projects),
        canonical=lambda _upstream, model: generation.prices.canonical(model),
    )

"""A generation: one consistent set of directory, upstreams, prices and rules. A call keeps the one it began with."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.config.directory import Directory
from proxy.config.routes import Routes
from proxy.metering.prices import PriceBook
from proxy.policy.decide import Policy


@dataclass(frozen=True, slots=True)
class Generation:
    """Swapped whole, by one assignment; ``id`` stands on every row."""

    id: str
    directory: Directory
    routes: Routes
    prices: PriceBook
    policy: Policy

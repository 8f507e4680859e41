"""A generation: one consistent set of directory, upstreams, prices and rules. A call keeps the one it began with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from proxy.config.directory import Directory
from proxy.config.routes import Routes
from proxy.dialects.base import Match
from proxy.dialects.passthrough import PassThrough
from proxy.dialects.passthrough_paths import is_claimed
from proxy.metering.prices import PriceBook
from proxy.policy.content.contents import Contents
from proxy.policy.generation import Policy


@dataclass(frozen=True, slots=True)
class Opening:
    """An entry of ``passthrough:`` in force: whose paths, where they lead, and what a call costs."""

    dialect: PassThrough
    routes: Routes
    prices: PriceBook


@dataclass(frozen=True, slots=True)
class Generation:
    """Swapped whole, by one assignment; ``id`` stands on every row."""

    id: str
    directory: Directory
    routes: Routes
    prices: PriceBook
    policy: Policy
    openings: tuple[Opening, ...] = ()
    content: Contents = field(default_factory=lambda: Contents(()))  # what rules look for in prompts and answers

    def let_through(self, method: str, path: str) -> tuple[Match, Generation] | None:
        """The opening for a path that no dialect serves, and this generation as it is for calls through there."""
        for opening in self.openings:
            match = opening.dialect.match(method, path)
            if match is not None and not is_claimed(method, path):
                return match, replace(self, routes=opening.routes, prices=opening.prices)
        return None

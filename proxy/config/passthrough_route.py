"""The route of a `passthrough:` entry: one upstream, whatever the model."""

from __future__ import annotations

from proxy.config.routes import Routes
from proxy.domain.upstream import Upstream


class OneWay(Routes):
    """Everything goes to one upstream."""

    def __init__(self, upstream: Upstream) -> None:
        """There is no other."""
        super().__init__((upstream,))

    def candidates(self, family: str, model: str) -> tuple[Upstream, ...]:  # noqa: ARG002 - neither matters
        """Return that upstream."""
        return self.upstreams

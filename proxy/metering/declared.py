"""A price that the configuration declares for whatever passes an entry of ``passthrough:``, models and upstreams alike."""

from __future__ import annotations

from typing import Final

from proxy.domain.upstream import PriceOverride, Upstream
from proxy.domain.usage import Usage, UsageSource
from proxy.metering.cost import USAGE_MISSING, Cost, Price
from proxy.metering.prices import PriceBook
from proxy.metering.table import PriceTable

_SIDES: Final = (("input", 0), ("output", 0))  # what an entry does not price costs nothing, and is priced at that


class DeclaredPrices(PriceBook):
    """The price book of one entry."""

    __slots__ = ("_declared",)

    def __init__(self, table: PriceTable, name: str, rates: tuple[tuple[str, int], ...]) -> None:
        """``rates`` as ``PriceOverride`` has them; ``name`` is the entry's."""
        written = tuple({**dict(_SIDES), **dict(rates)}.items())
        url = "https://passthrough.invalid"  # nobody's, so that no rate comes from the table
        self._declared = Upstream(name, "passthrough", url, prices=(PriceOverride(rates=written),))
        super().__init__(table, (self._declared,))

    def quote(self, upstream: Upstream, model: str, at: float) -> Price | None:  # noqa: ARG002 - all cost the same
        """Give the entry's price."""
        return super().quote(self._declared, self._declared.name, at)

    def cost_of(self, upstream: Upstream, model: str, usage: Usage, at: float, requests: int = 1) -> Cost:
        """Book a usage; one that the answer did not show is told."""
        cost = super().cost_of(upstream, model, usage, at, requests)
        if usage.usage_source is not UsageSource.ESTIMATED or cost.flag is not None:
            return cost
        return Cost(cost.nusd, cost.price_version, USAGE_MISSING)

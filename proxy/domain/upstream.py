"""An upstream: a model endpoint as the configuration describes it."""

from __future__ import annotations

import msgspec


class Timeouts(msgspec.Struct, frozen=True):
    """Seconds. ``idle`` is the longest silence between two pieces of an answer."""

    connect_s: float = 5.0
    first_byte_s: float = 600.0
    idle_s: float = 60.0


class Secret(msgspec.Struct, frozen=True):
    """A credential that does not show itself."""

    value: str

    def __repr__(self) -> str:
        """Never the value."""
        return "Secret(***)"

    __str__ = __repr__


class PriceOverride(msgspec.Struct, frozen=True):
    """Prices written in the configuration, nano-USD per million units unless named ``per_``; they win over the table."""

    match: str = "*"  # glob on the model
    rates: tuple[tuple[str, int], ...] = ()  # (unit, nUSD per million tokens), units as in metering.prices
    tiers: tuple[tuple[int, tuple[tuple[str, int], ...]], ...] = ()  # (above_input, rates)
    lanes: tuple[tuple[str, int], ...] = ()  # (service tier, factor in millionths)
    discount_millionths: int = 0


class Queue(msgspec.Struct, frozen=True):
    """Calls at the same time, and those that wait for their turn; both are divided among the workers."""

    parallel: int | None = None  # None: as many as the connections of each worker
    waiting: int = 128
    wait_s: float = 5.0  # at most; 0 never


class BreakerRule(msgspec.Struct, frozen=True):
    """After so many failures in a row an upstream is left alone for a while, then asked by one call."""

    failures: int = 5  # 0: never
    open_s: float = 10.0


class Upstream(msgspec.Struct, frozen=True):
    """Where calls for some models go. ``models`` are globs on the name that callers use."""

    name: str
    dialect: str  # family: "openai", "anthropic", "gemini"
    base_url: str
    key: Secret | None = None
    auth_header: str | None = None  # e.g. "api-key" (Azure); None: the dialect's own
    query: tuple[tuple[str, str], ...] = ()  # added to every target, e.g. api-version
    models: tuple[str, ...] = ("*",)
    strip_prefix: str = ""
    aliases: tuple[tuple[str, str], ...] = ()  # (name that callers use, the upstream's own name)
    weight: int | None = None  # its share of what neighbours with a weight divide; None: the file's order
    prices_from: str | None = None  # provider id in the price table
    prices: tuple[PriceOverride, ...] = ()
    unpriced: str = "deny"  # deny | free | price
    unpriced_rates: tuple[tuple[str, int], ...] = ()  # for "price"
    timeouts: Timeouts = Timeouts()
    failover_on: frozenset[int] = frozenset({429, 500, 502, 503, 529})
    on_disconnect: str = "cancel"  # cancel | drain
    drain_s: float = 0.0
    stream_usage: str = "inject"  # inject | native | never: how OpenAI-like streams report usage
    trust_served_model: bool = True  # False: price what was asked (llama.cpp echoes anything)
    max_connections: int = 512
    queue: Queue = Queue()
    breaker: BreakerRule = BreakerRule()
    forward_headers: frozenset[str] = frozenset()  # extra request headers allowed through, lower case
    ca_file: str | None = None

    def own_name(self, model: str) -> str:
        """What this upstream calls a model that callers call ``model``."""
        for alias, name in self.aliases:
            if alias == model:
                return name
        return model.removeprefix(self.strip_prefix)

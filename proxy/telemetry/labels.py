"""The closed sets that labels come from. A caller can send any name; a label must not follow it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from proxy.domain.errors import CallError

OTHER = "other"
NONE = "none"  # the label of what a row does not have

# Those that the walk observes: from the read body to the wish for a hold, the store's answer to it, and all of our own
# work until the upstream is asked; where repeats may be answered here, also the look at the cache.
STAGES = ("reuse", "decide", "hold", "total")
KINDS = frozenset(error.kind for error in CallError.__subclasses__()) | {CallError.kind}
HOW = frozenset({"hit", "exact", "near", "coalesced"})
WASTE = frozenset(
    {
        "retry_storm",
        "identical_resend",
        "loop",
        "abandoned",
        "truncated",
        "uncached_prefix",
        "oversized_model",
        "context_bloat",
        "cadence",
        "padding",
        "low_diversity",
    }
)


def _no_name(_upstream: str | None, _model: str) -> str | None:
    return None


class Known(msgspec.Struct, frozen=True):
    """What the configuration, the directory and the dialects name; anything else is counted as ``other``.

    ``routes`` are endpoint paths; ``canonical`` gives the price table's name of (upstream, model), or None.
    """

    routes: frozenset[str] = frozenset()
    upstreams: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    canonical: Callable[[str | None, str], str | None] = _no_name

    def model(self, upstream: str | None, name: str | None) -> str:
        """Label of a model."""
        return (self.canonical(upstream, name) or OTHER) if name else NONE


def label(value: str | None, among: frozenset[str]) -> str:
    """Return the value where it is one of the set, ``none`` for nothing, else ``other``."""
    return NONE if not value else value if value in among else OTHER

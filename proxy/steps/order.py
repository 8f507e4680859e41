"""In which order the upstreams of a model are asked. Pure: the draw is the call's own name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from proxy.domain.upstream import Upstream

_WHOLE = 1 << 32


def order(upstreams: Sequence[Upstream], draw: str) -> list[Upstream]:
    """Give the order of the file, but for neighbours with a weight: of those one is drawn for the first place, the rest follow.

    Equal draws give equal orders: a session stays with its upstream, whose prompt cache it has warmed.
    """
    if len(upstreams) == 1 or not any(upstream.weight for upstream in upstreams):
        return list(upstreams)
    point = int.from_bytes(hashlib.blake2b(draw.encode(), digest_size=4).digest()) / _WHOLE
    ordered: list[Upstream] = []
    group: list[Upstream] = []
    for upstream in upstreams:
        if upstream.weight is not None:
            group.append(upstream)
            continue
        ordered += _drawn(group, point)
        group = []
        ordered.append(upstream)
    return ordered + _drawn(group, point)


def _drawn(group: list[Upstream], point: float) -> list[Upstream]:
    """One of a group first, with the probability of its weight; those of weight 0 come last."""
    at = point * sum(upstream.weight or 0 for upstream in group)
    for upstream in group:
        at -= upstream.weight or 0
        if at < 0:
            return [upstream, *[other for other in group if other is not upstream]]
    return group

"""In which order the upstreams of a model are asked. Pure: what is drawn by is given (``drawing``)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from itertools import groupby

from proxy.domain.upstream import Upstream

_BITS = 53  # as many as a float between 0 and 1 keeps


def order(upstreams: Sequence[Upstream], draw: str) -> list[Upstream]:
    """Give the order of the file; neighbours that have a weight stand in an order drawn by their weights.

    Equal draws give equal orders: a session stays with its upstream, whose prompt cache it has warmed, and also when
    another upstream comes or goes.
    """
    if len(upstreams) == 1:
        return list(upstreams)
    ordered: list[Upstream] = []
    for is_weighted, group in groupby(upstreams, key=lambda upstream: upstream.weight is not None):
        neighbours = list(group)
        if is_weighted:
            neighbours.sort(key=lambda upstream: _distance(upstream, draw))
        ordered += neighbours
    return ordered


def _distance(upstream: Upstream, draw: str) -> float:
    """Weighted rendezvous hashing (Schindelhauer and Schomaker, 2005): the nearest is first with the share of its weight.

    Those of weight 0 are infinitely far: they only stand in.
    """
    if not upstream.weight:
        return math.inf
    digest = hashlib.blake2b(f"{upstream.name}\0{draw}".encode("utf-8", "replace"), digest_size=8).digest()
    point = ((int.from_bytes(digest) >> (64 - _BITS)) + 1) / (1 << _BITS)  # above 0, at most 1
    return -math.log(point) / upstream.weight

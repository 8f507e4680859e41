"""What a scan gives back: places and names, never what stands there."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from proxy.policy.content.detector import Detector
from proxy.policy.content.slices import Slices, at_once, batches

_PLACE: Final = 32  # bits of a finding's place among others, below those of where it begins
_PLACES: Final = (1 << _PLACE) - 1
_MANY: Final = 1024  # places of a slice


class Finding(msgspec.Struct, frozen=True):
    """Characters ``start`` up to ``end`` of a text, and the detector that spoke."""

    start: int
    end: int
    detector: Detector


class Match(msgspec.Struct, frozen=True):
    """Bytes ``start`` up to ``end`` that a regex matches, what must stand before them included, but not what follows.

    ``finding`` is None where a check refuses them.
    """

    start: int
    end: int
    finding: Finding | None


def resolve(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings that do not overlap, in the order of the text.

    Of those that do, secrets stand before personal data (``pw@db.example`` in a URL is a password and a host, no
    address); then the longer one; then, of two that found the same, the one the tables name first.
    """
    found = list(findings)
    if len(found) <= 1:
        return tuple(found)
    return tuple(
        [
            one
            for near in clusters(found, at_once(in_order(found)))
            for one in (near if len(near) == 1 else _standing(near))
        ]
    )


def in_order(found: Sequence[Finding]) -> Slices[list[int]]:
    """Their places by where they begin, and of equals as they came."""
    keys: list[int] = []
    for some in batches(found, _MANY):
        keys += [one.start << _PLACE | place for place, one in enumerate(some, len(keys))]
        yield None
    keys.sort()
    return keys


def clusters(found: Sequence[Finding], keys: Iterable[int]) -> Iterator[list[Finding]]:
    """Findings that overlap each other, by way of others too, in the order of the text; those of one as they came.

    ``keys`` as ``in_order`` gives them. What stands of one cluster, no other one changes. So the work grows with the
    findings alone: prompts may hold thousands.
    """
    near: list[int] = []
    end = 0
    for key in keys:
        place = key & _PLACES
        one = found[place]
        if near and one.start >= end:
            yield [found[each] for each in sorted(near)]
            near = []
        near.append(place)
        end = max(end, one.end)
    if near:
        yield [found[each] for each in sorted(near)]


def _standing(near: list[Finding]) -> list[Finding]:
    """Which ones of a cluster stand. Kept in the order of the text, so that only neighbours can overlap."""
    near.sort(key=lambda found: (found.detector.group != "secrets", found.start - found.end))
    starts: list[int] = []
    standing: list[Finding] = []
    for found in near:
        at = bisect_left(starts, found.start)
        before = standing[at - 1].end if at else 0
        behind = starts[at] if at < len(starts) else found.end
        if before <= found.start and found.end <= behind:
            starts.insert(at, found.start)
            standing.insert(at, found)
    return standing


def in_characters(found: Sequence[Finding], data: bytes) -> list[Finding]:
    """The same findings with places in characters. RE2 cuts only between characters."""
    return at_once(into_characters(found, data))


def into_characters(found: Sequence[Finding], data: bytes) -> Slices[list[Finding]]:
    """As ``in_characters``."""
    places: list[int] = []
    for hits in batches(found, _MANY):
        places += [place for hit in hits for place in (hit.start, hit.end)]
        yield None
    places.sort()
    known: dict[int, int] = {}
    done = size = 0
    for some in batches(places, _MANY):
        for place in some:
            size += len(data[done:place].decode())
            known[place], done = size, place
        yield None
    placed: list[Finding] = []
    for hits in batches(found, _MANY):
        placed += [Finding(known[hit.start], known[hit.end], hit.detector) for hit in hits]
        yield None
    return placed

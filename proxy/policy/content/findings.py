"""What a scan gives back: places and names, never what stands there."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

import msgspec

from proxy.policy.content.detector import Detector


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
    ordered = list(findings)
    if len(ordered) > 1:
        ordered.sort(key=lambda found: (found.detector.group != "secrets", found.start - found.end))
    starts: list[int] = []
    standing: list[
        Finding
    ] = []  # in the order of the text, so that only neighbours can overlap: prompts may hold thousands
    for found in ordered:
        at = bisect_left(starts, found.start)
        before = standing[at - 1].end if at else 0
        behind = starts[at] if at < len(starts) else found.end
        if before <= found.start and found.end <= behind:
            starts.insert(at, found.start)
            standing.insert(at, found)
    return tuple(standing)


def in_characters(found: list[Finding], data: bytes) -> list[Finding]:
    """The same findings with places in characters. RE2 cuts only between characters."""
    places = sorted({place for hit in found for place in (hit.start, hit.end)})
    known = dict(zip(places, accumulate(_lengths(data, places)), strict=True))
    return [Finding(known[hit.start], known[hit.end], hit.detector) for hit in found]


def _lengths(data: bytes, places: Sequence[int]) -> Iterator[int]:
    """Characters from each place to the next one, the first from the beginning."""
    for begin, end in pairwise((0, *places)):
        yield len(data[begin:end].decode())

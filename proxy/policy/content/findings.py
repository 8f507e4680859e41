"""What a scan gives back: places and names, never what stands there."""

from __future__ import annotations

from collections.abc import Iterable

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
    standing: list[Finding] = []
    for found in ordered:
        if all(found.end <= other.start or other.end <= found.start for other in standing):
            standing.append(found)
    standing.sort(key=lambda found: found.start)
    return tuple(standing)


def in_characters(found: list[Finding], data: bytes) -> list[Finding]:
    """The same findings with places in characters. RE2 cuts only between characters."""
    return [
        Finding(start := len(data[: hit.start].decode()), start + len(data[hit.start : hit.end].decode()), hit.detector)
        for hit in found
    ]

"""What the rules about one call make of findings: which are counted, which are replaced, which end the call.

Every rule counts on the same path, whatever its mode; only those in force act. A finding that one rule replaces and
another denies is denied; a value comes back only where no rule that replaces it keeps it out for good.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from proxy.domain.decision import Inspection
from proxy.policy.content.findings import Finding, clusters, in_order, resolve
from proxy.policy.content.slices import Slices, batches

_ENFORCE: Final = "enforce"
_NOTHING: Final[Mapping[int, tuple[Finding, ...]]] = MappingProxyType({})


class Looked(msgspec.Struct, frozen=True):
    """What rules found in some texts. ``findings`` are all hits by the number of their text, overlapping ones included."""

    ruling: Ruling
    found: tuple[tuple[Inspection, tuple[str, ...]], ...] = ()  # the rule's wish, and full names of detectors, sorted
    counts: tuple[tuple[int, ...], ...] = ()  # how often they spoke, in the order of ``found``
    findings: Mapping[int, tuple[Finding, ...]] = _NOTHING


class Sides(msgspec.Struct, frozen=True):
    """The wishes about one place, and what they make of detectors, by full names: the same for every call they apply to."""

    wishes: tuple[tuple[Inspection, frozenset[str]], ...]  # with what each looks for
    wanted: frozenset[str]
    denied: frozenset[str]
    replaced: frozenset[str]
    lasting: frozenset[str]  # replaced, and their values never come back


def sides_of(wishes: Sequence[tuple[Inspection, frozenset[str]]]) -> Sides:
    """Put together what wishes want; only those in force act."""
    in_force = [(wish, names) for wish, names in wishes if wish.mode == _ENFORCE]
    return Sides(
        wishes=tuple(wishes),
        wanted=_all([names for _, names in wishes]),
        denied=_all([names for wish, names in in_force if wish.then == "deny"]),
        replaced=_all([names for wish, names in in_force if wish.then == "redact"]),
        lasting=_all([names for wish, names in in_force if wish.then == "redact" and not wish.restore]),
    )


class Ruling:
    """Of one call, for its prompt or its answer. Keeps names and counts of what was found, and nothing that stood there."""

    __slots__ = ("_counts", "is_denied", "sides")

    def __init__(self, sides: Sides) -> None:
        """Nothing was found yet."""
        self.sides = sides
        self.is_denied = False
        self._counts: dict[int, Counter[str]] = {}  # by the place of the wish

    def note(self, hits: Sequence[Finding]) -> None:
        """Count the hits of a text, overlapping ones included."""
        for place, (wish, names) in enumerate(self.sides.wishes):
            if own := [hit for hit in hits if hit.detector.full_name in names]:
                counted = resolve(own) if wish.then == "redact" else own
                self._counts.setdefault(place, Counter()).update([hit.detector.full_name for hit in counted])
        self.is_denied = self.is_denied or self.first_denied(hits) is not None

    def noting(self, hits: Sequence[Finding]) -> Slices[None]:
        """As ``note``: what is counted of findings that overlap no others, these do not change."""
        keys = yield from in_order(hits)
        for near in batches(clusters(hits, keys)):
            self.note([hit for cluster in near for hit in cluster])
            yield None

    def first_denied(self, hits: Iterable[Finding]) -> int | None:
        """Where the first hit begins that ends the call; None without one."""
        return min([hit.start for hit in hits if hit.detector.full_name in self.sides.denied], default=None)

    def to_replace(self, hits: Iterable[Finding]) -> tuple[Finding, ...]:
        """The findings that get a placeholder, none overlapping, in the order of the text."""
        return resolve([hit for hit in hits if hit.detector.full_name in self.sides.replaced])

    def replacing(self, hits: Sequence[Finding]) -> Slices[list[Finding]]:
        """As ``to_replace``."""
        found: list[Finding] = []
        keys = yield from in_order(hits)
        for near in batches(clusters(hits, keys)):
            found += self.to_replace([hit for cluster in near for hit in cluster])
            yield None
        return found

    def looked(self, findings: Mapping[int, tuple[Finding, ...]] = _NOTHING) -> Looked:
        """What was noted so far; ``findings`` are the hits by text, where somebody keeps them."""
        if not self._counts:
            return Looked(self, findings=findings)
        spoke = [(self.sides.wishes[place][0], sorted(count.items())) for place, count in sorted(self._counts.items())]
        return Looked(
            ruling=self,
            found=tuple([(wish, tuple([name for name, _ in counted])) for wish, counted in spoke]),
            counts=tuple([tuple([count for _, count in counted]) for _, counted in spoke]),
            findings=findings,
        )


def _all(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset[str]().union(*sets)

"""The detectors of one generation, ready to look: compiled when it is loaded, asked by rules on the walk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from proxy.domain.decision import Inspection
from proxy.policy.content import long_texts
from proxy.policy.content.answers import Watch
from proxy.policy.content.choice import choose
from proxy.policy.content.detector import Detector
from proxy.policy.content.ruling import Looked, Ruling, Sides, sides_of
from proxy.policy.content.scanner import Scanner
from proxy.policy.content.slices import Slices

REMEMBERED: Final = 256  # sets of wishes; rules with conditions make several


class Contents:
    """What rules of one generation may look for. Its memory of who wants what is all that ever changes in it."""

    def __init__(self, detectors: Sequence[Detector], *, streamed: Sequence[Detector] = ()) -> None:
        """Compile, which takes a millisecond for each detector. ``streamed``: those that rules look for in answers, which may be streams."""
        self._detectors = tuple(detectors)
        self._scanner = Scanner(self._detectors)
        self._streamed = tuple(streamed)
        self._watch = Watch(self._streamed)
        self._sides: dict[tuple[tuple[Inspection, ...], str], tuple[Sides, frozenset[int]]] = {}

    def look(self, texts: Sequence[str | None], wishes: Sequence[Inspection], place: str = "prompt") -> Looked:
        """Look through texts for what the wishes about ``place`` want; None is passed over.

        Raises ``ValueError`` for a wish that names no detector of this generation.
        """
        sides, wanted = self._known(tuple(wishes), place)
        ruling = Ruling(sides)
        if not wanted:
            return ruling.looked()
        findings = self._scanner.hits_all(texts, wanted)
        for hits in findings.values():
            ruling.note(hits)
        return ruling.looked(findings)

    def looking(
        self, texts: Sequence[str | None], wishes: Sequence[Inspection], place: str = "prompt"
    ) -> Slices[Looked]:
        """As ``look``, in slices: for texts that are long together."""
        sides, wanted = self._known(tuple(wishes), place)
        ruling = Ruling(sides)
        if not wanted:
            return ruling.looked()
        findings = yield from long_texts.hits_all(self._scanner, texts, wanted)
        for hits in findings.values():
            yield from ruling.noting(hits)
        return ruling.looked(findings)

    def ruling(self, wishes: Sequence[Inspection], place: str) -> Ruling:
        """What the wishes about ``place`` will make of findings; raises as ``look`` does."""
        return Ruling(self._known(tuple(wishes), place)[0])

    def looks_for(self, detectors: Sequence[Detector], streamed: Sequence[Detector]) -> bool:
        """Whether these are the detectors that it was made of."""
        return self._detectors == tuple(detectors) and self._streamed == tuple(streamed)

    @property
    def watch(self) -> Watch:
        """The detectors of answers that come piece by piece."""
        return self._watch

    def _known(self, wishes: tuple[Inspection, ...], place: str) -> tuple[Sides, frozenset[int]]:
        """What wishes want, and the places of its detectors in the scanner."""
        known = self._sides.get((wishes, place))
        if known is None:
            if len(self._sides) >= REMEMBERED:
                self._sides.clear()
            chosen = [(wish, self._names_of(wish.find)) for wish in wishes if place in wish.places]
            sides = sides_of(chosen)
            numbers = [number for number, one in enumerate(self._detectors) if one.full_name in sides.wanted]
            known = self._sides[wishes, place] = sides, frozenset(numbers)
        return known

    def _names_of(self, find: tuple[str, ...]) -> frozenset[str]:
        return frozenset([one.full_name for one in choose(self._detectors, find)])

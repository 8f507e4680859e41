r"""Text in, findings out.

One pass of RE2 looks for the hints of all detectors at once; a detector's own regex runs only over a piece of text in
which its hint was seen, and only what passes its check is a finding. All of RE2 is linear in the text.

A text may be JSON or source code once more, as the arguments of a tool call are: the two characters ``\n`` count as a
blank, else the word after them would not begin where it does. A whole text is read as it means besides (``escapes``).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterator, Sequence
from itertools import accumulate
from typing import Final

import re2

from proxy.policy.content import escapes
from proxy.policy.content.checks_secret import entropy
from proxy.policy.content.detector import Detector
from proxy.policy.content.findings import Finding, Match, in_characters, resolve
from proxy.policy.content.pack import PACK
from proxy.policy.content.placeholder import SHAPE

_MEMORY: Final = 64 << 20  # bytes of RE2's automaton of all hints; far more than it comes to need
_ESCAPED: Final = (b"\\n", b"\\t", b"\\r")
_BLOCK: Final = 4096  # bytes: a regex runs over so much around its hint, so that one hint in a long talk is cheap


class Scanner:
    """Looks for some detectors. Made once per generation; keeps nothing of what it saw."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        """Compile the detectors; they have been compiled before, so nothing is raised."""
        self.detectors = tuple(detectors)
        options = re2.Options()
        options.max_mem = _MEMORY
        options.never_capture = True
        self._hints = re2.Set.SearchSet(options)
        for detector in detectors:
            self._hints.Add(detector.hint.encode())
        if detectors:
            self._hints.Compile()
        self._regexes = tuple(re2.compile(detector.regex.encode()) for detector in detectors)
        self._labels = frozenset([detector.label for detector in (*PACK, *detectors)])
        self._groups = tuple(min(regex.groups, 1) for regex in self._regexes)

    def scan(self, text: str) -> tuple[Finding, ...]:
        """The findings of one text, none overlapping, in its order."""
        return resolve(self.hits(text))

    def hits(self, text: str, among: Container[int] | None = None) -> list[Finding]:
        """All findings, those that overlap too: what a rule about some of the detectors must look at."""
        found = self._hits(text, among)
        if escapes.ESCAPE not in text:
            return found
        read = escapes.Read(text)
        return read.union(self._hits(read.text, among), found)

    def _hits(self, text: str, among: Container[int] | None) -> list[Finding]:
        data = blanked(text)
        found = [hit for match in self.matches(data, 0, among) if (hit := match.finding) is not None]
        return found if text.isascii() else in_characters(found, data)

    def matches(self, data: bytes, start: int = 0, among: Container[int] | None = None) -> list[Match]:
        """All that the regexes match from ``start`` on in a text that is ``blanked``, findings or not.

        ``among``: only those detectors, by their place in ``detectors``.
        """
        return [match for index in self.suspects(data, among) for match in self.matches_of(index, data, start)]

    def suspects(self, data: bytes, among: Container[int] | None = None) -> list[int]:
        """The detectors, by their place, that may match in a text that is ``blanked``: their hints are there."""
        seen: list[int] = (self._hints.Match(data) if self.detectors else None) or []
        return seen if among is None else [index for index in seen if index in among]

    def hits_all(
        self, texts: Sequence[str | None], among: Container[int] | None = None
    ) -> dict[int, tuple[Finding, ...]]:
        """All findings of many texts by their index, overlapping ones included; None is passed over.

        Neighbours are looked at together: most of a talk is short texts, and calling RE2 costs more than reading them.
        What matches there may reach from one text into the next, so whatever it touches is then looked at by itself.
        """
        found: dict[int, tuple[Finding, ...]] = {}
        for indexes, parts in blocks(texts):
            matches = [] if len(parts) == 1 else self.matches(blanked("\n".join(parts)), 0, among)
            for number in touched(parts, matches):
                if hits := self.hits(parts[number], among):
                    found[indexes[number]] = tuple(hits)
        return found

    def matches_of(self, index: int, data: bytes, begin: int = 0) -> Iterator[Match]:
        """The matches of one detector. What must stand after a finding may stand before the next one as well."""
        detector, group, regex = self.detectors[index], self._groups[index], self._regexes[index]
        while (match := regex.search(data, begin)) is not None:
            start, end = match.span(group)
            begin = end if start >= 0 else match.end()
            stands = start >= 0 and self._stands(detector, data[start:end].decode("utf-8", "replace"))
            yield Match(match.start(), begin, Finding(start, end, detector) if stands else None)

    def _stands(self, detector: Detector, value: str) -> bool:
        """Whether the value is what the detector looks for, and no placeholder that stands for it."""
        if detector.min_entropy and entropy(value) < detector.min_entropy:
            return False
        if detector.check is not None and not detector.check(value):
            return False
        if SHAPE.fullmatch(value) is None:
            return True
        label = value.partition("-")[0]
        return label != detector.label if detector.is_own else label not in self._labels


def blanked(text: str) -> bytes:
    """The text as RE2 reads it: as many bytes as in UTF-8, escaped line ends and tabs blank, lone surrogates masked."""
    data = text.encode("utf-8", "replace")
    if b"\\" in data:
        for escaped in _ESCAPED:
            data = data.replace(escaped, b"  ")
    return data


def blocks(texts: Sequence[str | None]) -> Iterator[tuple[list[int], list[str]]]:
    """Neighbouring texts, and their indexes."""
    indexes: list[int] = []
    parts: list[str] = []
    size = 0
    for index, text in enumerate(texts):
        if text:
            indexes.append(index)
            parts.append(text)
            size += len(text)
            if size >= _BLOCK:
                yield indexes, parts
                indexes, parts, size = [], [], 0
    if indexes:
        yield indexes, parts


def touched(parts: list[str], matches: list[Match]) -> Sequence[int]:
    """Which of the texts, joined by line ends, must be looked at by themselves: one of many, where matches stand in it."""
    if len(parts) == 1:
        return (0,)
    escaped = [number for number, part in enumerate(parts) if escapes.ESCAPE in part]
    if not matches:
        return escaped
    starts = list(accumulate((len(part.encode("utf-8", "replace")) + 1 for part in parts), initial=0))
    near = set(escaped)
    for match in matches:
        near.update(range(bisect_right(starts, match.start) - 1, bisect_left(starts, match.end)))
    return sorted(near & set(range(len(parts))))

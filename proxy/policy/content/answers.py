"""The scanner for an answer that arrives piece by piece.

A piece of text may go to the caller as soon as no detector can still match into it. Which ends of a text those are, the
detectors' own regexes say: the end is held back from the first place where a match may have begun (``facts.beginnings``).
So ordinary prose waits for a word, and a number for its last digit. What has passed is the same text, found and replaced
the same way, as if the whole answer had been scanned at once.

Held back are at most ``MOST_HELD`` bytes, more than a private key of any size in use; whatever a match needs beyond
that is not found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import re2

from proxy.policy.content import escaped_answers, escapes, facts, regex_tree
from proxy.policy.content.detector import Detector
from proxy.policy.content.findings import Finding, Match, in_characters
from proxy.policy.content.ruling import Ruling
from proxy.policy.content.scanner import Scanner, blanked
from proxy.policy.content.vault import Vault

MOST_HELD: Final = 16_384  # bytes of UTF-8
_KEPT: Final = 512  # bytes still held when there were too many
_CONTEXT: Final = 2  # characters before: a word's beginning, and a backslash that blanks what follows it
_BOUNDS: Final = escaped_answers.Bounds(MOST_HELD, _KEPT)
_MEMORY: Final = 64 << 20


class Watch:
    """The detectors of answers, made once per generation."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        """Compile the detectors, and what their matches begin with."""
        self.scanner = Scanner(detectors)
        begun = [facts.beginnings(regex_tree.parse(detector.regex)) for detector in detectors]
        options = re2.Options()
        options.max_mem = _MEMORY
        options.never_capture = True
        self._begun = re2.compile(("(?:" + "|".join(begun) + r")\z").encode(), options)  # of none: nothing is begun

    def begun(self, data: bytes, start: int) -> int:
        """Where the first match that may still grow begins, in bytes; the end of ``data`` if there is none."""
        found = self._begun.search(data, start)
        return len(data) if found is None else found.start()


class Inspection:
    """For one choice or content block of an answer.

    What the ruling replaces gets placeholders. From the first finding that it denies nothing passes any more, in any
    part of the answer: the answer is to be cut, and the ruling says why.
    """

    def __init__(self, watch: Watch, ruling: Ruling, vault: Vault, *, within_json: bool | None = None) -> None:
        """Nothing has passed yet. ``ruling`` is of the whole answer; ``vault`` makes its placeholders.

        ``within_json``: the text is JSON source, as a tool call's arguments are.
        """
        self._watch, self._ruling, self._vault, self._within_json = watch, ruling, vault, within_json
        self._before = ""  # the last characters that have passed
        self._held = ""

    def feed(self, delta: str) -> str:
        """What may go to the caller now."""
        if self._ruling.is_denied:
            return ""
        return self._passed(self._held + delta, last=False)

    def end(self) -> str:
        """What was held back, when the answer is over."""
        if self._ruling.is_denied or not self._held:
            return ""
        return self._passed(self._held, last=True)

    def _passed(self, text: str, *, last: bool) -> str:
        source = self._before + text
        if escapes.matter(source):
            size, hits = escaped_answers.passing(self._watch, self._before, text, _BOUNDS, last=last)
        else:
            size, hits = self._plain(text, blanked(source), last=last)
        if not size:
            self._held = text
            return ""
        self._held, passed = text[size:], text[:size]
        self._before = escaped_answers.context(self._before + passed, _CONTEXT)
        return self._ruled(passed, hits)

    def _plain(self, text: str, data: bytes, *, last: bool) -> tuple[int, list[Finding]]:
        """How much passes of a text without escapes, in characters, and what was found in that."""
        start = len(self._before.encode("utf-8", "replace"))
        cut = len(data) if last else self._watch.begun(data[:-1] if text.endswith("\\") else data, start)
        if cut == start and len(data) - start <= MOST_HELD:
            return 0, []
        matches = self._watch.scanner.matches(data, start)
        if not last:
            cut = _between(matches, cut)
            if len(data) - cut > MOST_HELD:
                cut = _forced(matches, data)
        hits = [hit for match in matches if (hit := match.finding) is not None and hit.start < cut]
        before = len(self._before)
        ascii_only = len(data) == before + len(text)
        hits = hits if ascii_only else in_characters(hits, data)
        size = (cut if ascii_only else len(data[:cut].decode())) - before
        return size, [Finding(hit.start - before, hit.end - before, hit.detector) for hit in hits]

    def _ruled(self, text: str, hits: list[Finding]) -> str:
        if not hits:
            return text
        ruling = self._ruling
        ruling.note(hits)
        end = ruling.first_denied(hits)
        findings = [one for one in ruling.to_replace(hits) if end is None or one.start < end]
        if end is not None and findings and findings[-1].end > end:  # it overlaps what is denied: nothing of it passes
            end = findings.pop().start
        text = text if end is None else text[:end]
        return self._vault.redact(text, findings, lasting=ruling.sides.lasting, within_json=self._within_json)


def _between(matches: list[Match], cut: int) -> int:
    """The last place up to ``cut`` that no match reaches over: what is held may yet overlap it, and stand in its stead."""
    for match in sorted(matches, key=lambda each: -each.start):
        if match.start < cut < match.end:
            cut = match.start
    return cut


def _forced(matches: list[Match], data: bytes) -> int:
    """Where to cut when too much is held: all of it but the end passes, and what is found so far is final."""
    cut = len(data) - _KEPT
    while data[cut] & 0xC0 == 0x80:  # noqa: PLR2004 - not between the bytes of a character
        cut -= 1
    return max([cut, *(match.end for match in matches if match.start < cut and match.finding is not None)])

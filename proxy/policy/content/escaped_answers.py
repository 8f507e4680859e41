r"""Answers that arrive piece by piece and hold escapes, as the arguments of a tool call do: ``bob\u0040example.com``.

They are looked at twice, as they stand and as they mean (``escapes``). Text passes where both let it, and never a part of
an escape: one that has not all come is held back, and what was found in either is found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from proxy.policy.content.escapes import Read, whole_up_to
from proxy.policy.content.findings import Finding
from proxy.policy.content.scanner import Scanner, blanked

_TAIL: Final = 256  # characters; more than the escapes of a few characters are, however often quoted


class Watching(Protocol):
    """``answers.Watch``."""

    scanner: Scanner

    def begun(self, data: bytes, start: int) -> int:
        """Where the first match that may still grow begins."""
        ...


class _Span(NamedTuple):
    """What a regex matched, in characters of the source."""

    start: int
    end: int
    finding: Finding | None


class Bounds(NamedTuple):
    """``most``: bytes that may be held; ``kept``: how many still are when there were too many."""

    most: int
    kept: int


def passing(watch: Watching, before: str, text: str, bounds: Bounds, *, last: bool) -> tuple[int, list[Finding]]:
    """How much of a text passes that follows ``before``, in characters, and what was found in that."""
    source = before + text
    ready = len(source) if last else whole_up_to(source)
    read = Read(source[:ready])
    begins = len(before)
    stands = _View(watch, source, begins, ready, lambda at: at)
    means = _View(watch, read.text, read.meant(begins), len(read.text), read.source)
    cut = ready if last else min(ready, stands.begun(), means.begun())
    if cut <= begins and not last and len(source) - cut <= bounds.most:
        return 0, []  # at once: much may be held while it comes in small pieces
    plain, meant = stands.spans(), means.spans()
    if not last:
        spans = [*plain, *meant]
        cut = _between(spans, read, cut)
        if len(source) - cut > bounds.most:
            cut = _forced(spans, read, len(source) - bounds.kept)
    found = dict.fromkeys([one.finding for one in meant if one.finding])
    found.update(dict.fromkeys([one.finding for one in plain if one.finding and not read.cuts(one.finding)]))
    return max(cut - begins, 0), [
        Finding(one.start - begins, one.end - begins, one.detector) for one in found if begins <= one.start < cut
    ]


def context(passed: str, size: int) -> str:
    """The last characters of what has passed, as many as they mean: none of them is a part of an escape."""
    tail = passed[-_TAIL:]
    if "\\" not in tail:
        return tail[-size:]
    read = Read(tail)
    return tail[read.source(max(len(read.text) - size, 0)) :]


class _View:
    """The source as it stands or as it means, from ``begins`` up to ``ready``; ``place`` is where a character has its place."""

    def __init__(self, watch: Watching, view: str, begins: int, ready: int, place: Callable[[int], int]) -> None:
        self._watch, self._place = watch, place
        self._data = blanked(view)
        self._is_ascii = len(self._data) == len(view)
        self._start = len(view[:begins].encode("utf-8", "replace"))
        self._end = len(view[:ready].encode("utf-8", "replace"))

    def begun(self) -> int:
        """Up to where nothing has begun that may still grow."""
        return self._at(self._watch.begun(self._data[: self._end], self._start))

    def spans(self) -> list[_Span]:
        """What matches."""
        spans = []
        for match in self._watch.scanner.matches(self._data, self._start):
            hit = match.finding
            found = None if hit is None else Finding(self._at(hit.start), self._at(hit.end), hit.detector)
            spans.append(_Span(self._at(match.start), self._at(match.end), found))
        return spans

    def _at(self, byte: int) -> int:
        return self._place(byte if self._is_ascii else len(self._data[:byte].decode()))


def _between(spans: list[_Span], read: Read, cut: int) -> int:
    """The last place up to ``cut`` that no match reaches over and that is not in an escape."""
    while True:
        reached = min([one.start for one in spans if one.start < cut < one.end], default=cut)
        apart = read.outside(reached)
        if apart == cut:
            return cut
        cut = apart


def _forced(spans: list[_Span], read: Read, cut: int) -> int:
    """Where to cut when too much is held: what is found so far is final."""
    ends = [one.end for one in spans if one.finding is not None and one.start < cut]
    return read.beyond(max([cut, *ends]))

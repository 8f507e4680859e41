r"""A text whose escapes of ASCII are read as they mean: ``bob\u0040example.com`` in JSON source is an address.

However often the source was quoted again, and so its backslashes doubled. Findings go back to where they stand in the
source; one never begins or ends inside an escape, since what would be left of it is none.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

from proxy.policy.content.findings import Finding
from proxy.policy.content.slices import Slices, at_once, batches

ESCAPE: Final = "\\u00"  # what stands in every text that is worth reading

_FEW: Final = 512
_SHAPE: Final = re.compile(r"(?<!\\)\\++u00([0-7][0-9A-Fa-f])")  # from the first backslash on: a thousand are read once
_BEGUN: Final = re.compile(r"(?<!\\)\\++(?:u(?:0(?:0[0-7]?)?)?)?\Z")
_LONGEST: Final = 4096  # backslashes that are waited for


def whole_up_to(source: str) -> int:
    """Up to where a text holds no escape that lacks its end; all of it if there is none."""
    begun = _BEGUN.search(source, max(len(source) - _LONGEST, 0)) if "\\" in source[-_LONGEST:] else None
    return len(source) if begun is None else begun.start()


def matter(source: str) -> bool:
    """Whether escapes stand in a text, or may come to stand at its end."""
    return "\\" in source and (ESCAPE in source or whole_up_to(source) < len(source))


class Read:
    """``text``: what a text means."""

    def __init__(self, source: str) -> None:
        """Read it once."""
        for _ in self.reading(source):
            pass

    def reading(self, source: str) -> Iterator[None]:
        """Read it, with a rest after every few hundred escapes."""
        self._starts: list[int] = []  # of the escapes, in the source
        self._ends: list[int] = []
        self._chars: list[int] = []  # what they mean, by its place in the text
        parts: list[str] = []
        done = size = 0
        for found in _SHAPE.finditer(source):
            start, end = found.span()
            size += start - done
            parts += (source[done:start], chr(int(found[1], 16)))
            self._starts.append(start)
            self._ends.append(end)
            self._chars.append(size)
            done, size = end, size + 1
            if not len(self._starts) % _FEW:
                yield
        self.text = "".join((*parts, source[done:]))

    def in_source(self, found: Finding) -> Finding:
        """A finding of the text, where it stands in the source."""
        return Finding(self.source(found.start), self.source(found.end), found.detector)

    def source(self, at: int) -> int:
        """Where in the source a place of the text is."""
        before = bisect_left(self._chars, at)  # escapes that are over
        return at if not before else self._ends[before - 1] + at - self._chars[before - 1] - 1

    def meant(self, at: int) -> int:
        """Where in the text a place of the source is that stands in no escape."""
        before = bisect_right(self._ends, at)
        return at if not before else self._chars[before - 1] + 1 + at - self._ends[before - 1]

    def outside(self, at: int) -> int:
        """A place of the source, or where the escape begins that it stands in."""
        last = bisect_left(self._starts, at) - 1
        return self._starts[last] if last >= 0 and at < self._ends[last] else at

    def beyond(self, at: int) -> int:
        """A place of the source, or where the escape ends that it stands in."""
        last = bisect_left(self._starts, at) - 1
        return self._ends[last] if last >= 0 and at < self._ends[last] else at

    def union(self, meant: Iterable[Finding], found: Iterable[Finding]) -> list[Finding]:
        """What was found in the text, and in its source, where they stand in the source."""
        return at_once(self.uniting(meant, found))

    def uniting(self, meant: Iterable[Finding], found: Iterable[Finding]) -> Slices[list[Finding]]:
        """As ``union``."""
        both: dict[Finding, None] = {}
        for hits in batches(meant, _FEW):
            both.update(dict.fromkeys([self.in_source(hit) for hit in hits]))
            yield None
        for hits in batches(found, _FEW):
            both.update(dict.fromkeys([hit for hit in hits if not self.cuts(hit)]))
            yield None
        return list(both)

    def cuts(self, found: Finding) -> bool:
        """Whether a finding of the source begins or ends inside an escape."""
        return self.outside(found.start) != found.start or self.outside(found.end) != found.end

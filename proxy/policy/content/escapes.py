r"""A text whose escapes of ASCII are read as they mean: ``bob\u0040example.com`` in JSON source is an address.

However often the source was quoted again, and so its backslashes doubled. Findings go back to where they stand in the
source; one never begins or ends inside an escape, since what would be left of it is none.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import Final

from proxy.policy.content.findings import Finding

ESCAPE: Final = "\\u00"  # what stands in every text that is worth reading

_SHAPE: Final = re.compile(r"\\+u00([0-7][0-9A-Fa-f])")


class Read:
    """``text``: what a text means."""

    def __init__(self, source: str) -> None:
        """Read it once."""
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
        self.text = "".join((*parts, source[done:]))

    def in_source(self, found: Finding) -> Finding:
        """A finding of the text, where it stands in the source."""
        return Finding(self._place(found.start), self._place(found.end), found.detector)

    def _place(self, at: int) -> int:
        before = bisect_left(self._chars, at)  # escapes that are over
        return at if not before else self._ends[before - 1] + at - self._chars[before - 1] - 1

    def cuts(self, found: Finding) -> bool:
        """Whether a finding of the source begins or ends inside an escape."""
        return any(
            (last := bisect_right(self._starts, at - 1) - 1) >= 0 and at < self._ends[last]
            for at in (found.start, found.end)
        )

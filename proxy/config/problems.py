"""What is wrong with a configuration file, told so that it can be mended: where, what, and the nearest valid word."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from proxy.config.masking import mask_line

_WIDTH = 110  # of a quoted source line; flow mappings get long
_LEAD = 60  # characters kept before the caret when a line is cropped
_LOOKED_AT = 4000  # characters of a line without end
_LISTED = 50  # problems that one message shows


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. ``line`` and ``col`` count from 1; line 0 is the file as a whole. ``excerpt`` is already masked."""

    file: str
    line: int
    col: int
    path: str  # "upstreams.openai.base_url"
    message: str
    hint: str = ""
    excerpt: str = ""

    def __str__(self) -> str:
        """``file:line:col: path: message; hint``, then the source line and a caret."""
        where = f"{self.file}:{self.line}:{self.col}" if self.line else self.file
        said = "; ".join(part for part in (self.message, self.hint) if part)
        head = f"{where}: {self.path}: {said}" if self.path else f"{where}: {said}"
        return f"{head}\n{self.excerpt}" if self.excerpt else head


class ConfigError(Exception):
    """A file cannot be used. Holds every mistake that was found, in the order of the lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Sort and keep; an error without a problem would say nothing and is refused by ``min``."""
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.file, problem.line, problem.col)))
        super().__init__(str(self.problems[0].message))

    def __str__(self) -> str:
        """All problems, one below the other."""
        lines = [str(problem) for problem in self.problems[:_LISTED]]
        hidden = len(self.problems) - _LISTED
        return "\n".join([*lines, f"… and {hidden} more"] if hidden > 0 else lines)


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """``did you mean 'x'?`` with the nearest of ``words``, or nothing when none is near."""
    known = {candidate.lower(): candidate for candidate in words}
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f"did you mean {known[near[0]]!r}?" if near else ""


def excerpt(lines: Sequence[str], line: int, col: int, *, credentials: bool = True) -> str:
    """Quote the source line, masked and cropped around the caret below it; empty when there is no such line.

    ``credentials``: members of the file may hold some; see ``mask_line``.
    """
    if not 1 <= line <= len(lines):
        return ""
    text, at = lines[line - 1], col - 1
    if len(text) > _LOOKED_AT:
        cut = max(0, at - _LOOKED_AT // 2)
        text, at = text[cut : cut + _LOOKED_AT], at - cut
    text = mask_line(text, lines[line - 2][-_LOOKED_AT:] if line > 1 else "", named=credentials)
    at = min(at, len(text))
    start = max(0, at - _LEAD) if len(text) > _WIDTH else 0
    piece = text[start : start + _WIDTH]
    left, right = ("…" if start else ""), ("…" if start + _WIDTH < len(text) else "")
    pad = sum(_columns(char) for char in left + text[start:at])
    return f"    {left}{piece}{right}\n    {' ' * pad}^"


def _columns(char: str) -> int:
    """Columns that a terminal gives to a character."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1

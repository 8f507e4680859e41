"""Runs of spaces inside prose: nobody reads them. Between digits they may part columns; the boundary refuses those."""

from __future__ import annotations

import re
from typing import Final

from proxy.dedup.words import listed, words_of

_RUN = re.compile("(?<![0-9 ]) {2,}|(?<=[0-9]) {2,}(?![0-9 ])")
_SPACES = re.compile(" {2,}")
_NAMES = re.compile("[A-Z][a-z]* {2,}[A-Z]")
"""A run between two capitals, with no stop, may part names: Anna Maria  Rose Lee."""
_READERS: Final = listed(
    "file files folder folders filename filenames path paths password passwords html echo split args arguments shell bash parser gap"
    " double twice search grep match matches config gaps signs surname surnames valid invalid field fields"
)
"""What reads them after all: programs, and who asks about them."""


def closed_up(text: str) -> str:
    """Give a text for a look at its phrases, whatever runs of spaces part their words."""
    return _SPACES.sub(" ", text) if "  " in text else text


def single_spaced(head: str, *, is_whole: bool) -> str:
    """Give prose with single spaces; around it none, except in front of its payload."""
    if "  " in head.strip(" ") and _READERS.isdisjoint(words_of(head)) and not _NAMES.search(head):
        head = _RUN.sub(" ", head)
    return head.strip(" ") if is_whole else head.lstrip(" ")

"""Line ends and the blank around a text: the only things that may go from a verbatim text, and only where they show nothing.

The indentation of the first line of several is content (YAML, Python), and so are a closing tab (an empty last cell), a
closing blank line (the end of a header) and a space behind a word that waits for the next one.
"""

from __future__ import annotations

import re
from typing import Final

from proxy.dedup.words import listed

_SENTENCE_END = re.compile(r"[a-z0-9)][.?!]+\Z")
_LINE_ENDS = re.compile(
    r"\A#!|\bHTTP/|\bBEGIN:V|\r\n\r\n\Z|\b(?:crlf|carriage|unix|dos|dos2unix|posix|http|smtp|vcard|ical\w*|line[ -]?(?:ends?|feeds?|breaks?)|git|diff|patch"
    r"|bash|shell|\w*sh script|whole file)\b",
    re.IGNORECASE,
)
"""What line ends are part of, or who stumbles over them."""
_SENTENCE = re.compile(r"[A-Za-z']+(?:[ ,]+[A-Za-z']+){3}")
_CONTINUES = re.compile(
    r"\b(?:continue|carry on|go on|keep going|complete|finish|what (?:comes|follows)|next)\b", re.IGNORECASE
)
_CONTINUING: Final = listed("continue carry go keep complete finish comes follows next")
"""One of these stands in whatever matches `_CONTINUES`, if the text is ASCII: there ``lower`` knows what IGNORECASE knows."""


def unix_lines(text: str) -> str:
    r"""Give the text with ``\r\n`` as ``\n`` if every line ends so: a client's platform. A mixture is somebody's content."""
    if "\r" not in text or text.count("\r") != text.count("\r\n") or text.count("\n") != text.count("\r\n"):
        return text
    if _LINE_ENDS.search(text):
        return text
    return text.replace("\r\n", "\n")


def trimmed(text: str) -> str:
    """Give prose, or a text that nothing but prose surrounds, without the blank around it."""
    return text.strip(" \n")


def edged(text: str, words: frozenset[str]) -> str:
    """Give a verbatim text without blank in front of it, and behind it without what cannot mean anything.

    Behind a whole sentence on one line that is any blank, else the one line end that editors and shells append.
    ``words``: those of the text.
    """
    body = text.lstrip(" \n")
    end = body.rstrip(" \n")
    if "\n" not in end:
        if text[: -len(body)].endswith("  ") and not _SENTENCE.match(body):
            body = text.lstrip("\n")  # one indented line, of code or of a list
            end = body.rstrip(" \n")
        if _SENTENCE_END.search(end[-8:]) and not is_to_be_continued(end, words):
            return end
    elif len(body) < len(text):
        front = len(text) - len(body)
        body = text[text.rfind("\n", 0, front) + 1 :]  # several lines: the first keeps its indentation
    return body[:-1] if body.endswith("\n") and body[-2:-1] not in ("\n", " ", "\t", "\r", "") else body


def is_to_be_continued(text: str, words: frozenset[str]) -> bool:
    """Tell whether a text (``words``: its own) may ask for what comes next: then a blank at its end says where it stopped."""
    if text.isascii() and _CONTINUING.isdisjoint(words):
        return False
    return _CONTINUES.search(text) is not None

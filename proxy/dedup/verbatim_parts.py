"""What two answers to one question must have in common to the letter: figures, signs, code, verdicts.

A model that is asked twice may choose other words; another number, another line of code or another verdict is another
answer. Each function gives what stands in a text, in the order in which it is said first. They read generously: what may be
a figure or code counts as such, so that in doubt two texts differ. All of them take time in proportion to the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

_WIDE: Final = (
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Chinese and Japanese put no blanks between words
)
_TICK: Final = "'\u2019"  # apostrophes
_MARKER: Final = re.compile(r"(?m)^[ \t>]*(?:#{1,6}|[-*+•]|\d{1,3}[.)])[ \t]+")  # of a heading, a list, a quotation
_WORD: Final = re.compile(f"[{_WIDE}]|[^\\W\\d_{_WIDE}]+(?:[{_TICK}][^\\W\\d_{_WIDE}]+)*|\\d+")
_NAME: Final = re.compile(f"(?<=[a-z,;] )[A-Z][\\w{_TICK}-]*\\w")

_DIGIT: Final = re.compile(r"[\d\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u2089\u2150-\u218b]")
_GAP: Final = re.compile(f"[\\s{_WIDE}]+")
_AROUND: Final = "*_~`\"'()[]{}<>|.,;:!?\u2018\u2019\u201c\u201d\u00ab\u00bb\u2026"  # what may stand around a word
_NUMERALS: Final = {  # "one" is a pronoun more often than a number
    "zero": "0", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
    "hundred": "hundred", "thousand": "thousand", "million": "million", "billion": "billion", "trillion": "trillion",
    "half": "half", "twice": "twice", "double": "double", "dozen": "dozen",
}  # fmt: skip
_SIGN: Final = re.compile("[+=<>%^$\u00a3\u00a5\u00ac\u00b1\u00d7\u00f7\u20ac\u20b9\u2200-\u22ff]")

_FENCES: Final = ("```", "~~~")
_SPAN: Final = re.compile(r"`([^`\n]+)`")
_CODE_LINE: Final = re.compile(
    r"[{};]\s*$|\w\(|[=<>!]=|[-=]>|::|\w=\S|\S=\w|\s:?=\s|</|\$[{(\w]|\\\w|^\s*[#$>]\s*\w+\s+-"
)

_VERDICT: Final = re.compile(
    r"(?im)(?:"
    r"(?:^|[:=.!?][*_]{0,2}\s)[ \t*_\"'>(#-]*(yes|no|right|wrong|none|never|always|ja|nein|oui|non|si|sí|sì|não|sim|да|нет|是|否|はい|いいえ)"
    r"|(?:^|[:=.!?][*_]{0,2}\s|\b(?:is|are)\s)[ \t*_\"'>(#-]*((?:un)?true|false|(?:in)?(?:correct|valid)|(?:un)?safe|(?:im)?possible)"
    r")\b"
)
_CHOICE: Final = re.compile(f"(?m)(?<![\\w{_TICK}])(?:[B-HJ-Z]|[AI](?=[).:*]|[ \\t]*$))(?![\\w{_TICK}])")


def bare(text: str) -> str:
    """A text without the marks of headings, lists and quotations at the beginnings of its lines."""
    return _MARKER.sub("", text)


def words(text: str) -> list[str]:
    """Its words in order, whatever their case; a Chinese or Japanese character is one."""
    return _WORD.findall(text.casefold().replace("\u2019", "'"))


def names(text: str) -> frozenset[str]:
    """Words with a capital inside a sentence."""
    return frozenset(_NAME.findall(text))


def figures(text: str) -> tuple[str, ...]:
    """Everything that holds a digit, and numbers in words."""
    return _each(_figures(bare(text)))


def signs(text: str) -> tuple[str, ...]:
    """Signs of mathematics and money."""
    return _each(_SIGN.findall(bare(text)))


def verdicts(text: str) -> tuple[str, ...]:
    """Yes and no, true and false where they decide something, and letters that name a choice."""
    told = bare(text)
    found = [(first or second).casefold() for first, second in _VERDICT.findall(told)]
    return _each(found + _CHOICE.findall(told))


def prose(text: str) -> str:
    """What stands outside of fences."""
    return "\n".join(_parted(text)[1])


def code(text: str) -> list[str]:
    """Lines of code, and what stands between backquotes; blanks at the ends of lines do not count."""
    found, told = _parted(text)
    spans: set[str] = set()
    for line in told:
        spans.update(map(str.strip, _SPAN.findall(line)))
        if _CODE_LINE.search(rest := _SPAN.sub("", line)):
            found.append(rest.strip())
    return [*found, *sorted(spans)]


def _parted(text: str) -> tuple[list[str], list[str]]:
    """Lines inside of fences, and all others; blank ones are nothing."""
    inside: list[str] = []
    outside: list[str] = []
    fence = ""
    for line in filter(str.strip, text.splitlines()):
        mark = line.lstrip()[:3]
        if fence and mark == fence:
            fence = ""
        elif not fence and mark in _FENCES:
            fence = mark
        else:
            (inside if fence else outside).append(line.rstrip())
    return inside, outside


def _figures(text: str) -> Iterator[str]:
    for part in _GAP.split(text):
        if _DIGIT.search(part):
            yield part.strip(_AROUND)
        elif (word := part.strip(_AROUND).casefold()) in _NUMERALS:
            yield _NUMERALS[word]


def _each(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))

"""Whether two answers say the same: one that was reused, and what a model says when it is asked again.

This judges the cache, so in doubt they do not. They do where the value of their JSON is the same, or the text but for
blanks. Else figures, signs, code and verdicts must be the same (``verbatim_parts``). A brief answer is what was asked for,
word by word: it must have the same words in the same order, but for articles and the like. A longer one may choose its words,
as models do that draw them by chance: it must have at least half of the other's length and two in five of all their
words in common, and must not lack a word that the other keeps coming back to, nor name somebody else.

A long answer given twice at a temperature of 1 has about that much in common; at most a third have answers to two questions
about one subject. Its examples and figures, though, come differently each time: to verify is for requests that leave
little to chance.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final

from proxy.dedup.answer_text import text_of
from proxy.dedup.verbatim_parts import bare, code, figures, names, prose, signs, verdicts, words

BRIEF: Final = 24  # words
LEAST_COMMON: Final = 0.4  # of the different words of both
LEAST_LENGTH: Final = 0.5  # of the longer one
LEAST_NAMES: Final = 0.5  # of the names in both, where each has some that the other lacks
CLOSE: Final = (
    0.7  # of the words in common: the same text but for a few, of which none may be "not" then, or said twice
)
_TWICE: Final = 2
_OFTEN: Final = 3  # times, and in one of a hundred words: what a text says so often it is about
_LONG: Final = 4  # letters of such a word
_STEM: Final = 5  # letters by which the forms of a word are known
_EMPTY: Final = frozenset((
    "a", "an", "the", "is", "are", "was", "were", "be", "it", "its", "it's", "this", "that", "there", "so", "of",
))  # fmt: skip
_NOT: Final = frozenset((
    "not", "no", "never", "none", "nor", "neither", "without", "cannot", "kein", "keine", "nicht", "ne", "pas",
    "non", "не", "нет", "不", "没",
))  # fmt: skip
_FENCED: Final = re.compile(r"\s*```(?:json)?[ \t]*\n(.*)\n[ \t]*```\s*", re.DOTALL | re.IGNORECASE)
_NO_JSON: Final = object()


def agree(api: str, one: bytes, other: bytes) -> bool:
    """Whether two whole answers of an API ("openai.chat" and so on) say the same; not where one cannot be read."""
    first, second = text_of(api, one), text_of(api, other)
    return first is not None and second is not None and texts_agree(first, second)


def texts_agree(one: str, other: str) -> bool:
    """Whether two texts say the same; the order of the two does not matter."""
    values = _json(one), _json(other)
    if values[0] is not _NO_JSON or values[1] is not _NO_JSON:
        return _is_same(*values)
    if one.split() == other.split():
        return _lines(one) == _lines(other)
    if any(parts(one) != parts(other) for parts in (figures, signs, code, verdicts)):
        return False
    said = bare(prose(one)), bare(prose(other))
    if not any(map(str.strip, said)):
        return bool(code(one))  # the same, and nothing else
    first, second = words(said[0]), words(said[1])
    if not first or not second:
        return False
    if min(len(first), len(second)) <= BRIEF:
        return _without_empty(first) == _without_empty(second)
    return _are_alike(first, second) and _name_the_same(one, other)


def _lines(text: str) -> list[str]:
    """Lines, where blanks at their beginnings may mean something; nothing where there are none."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return lines if any(line[0].isspace() for line in lines[1:]) else []


def _without_empty(said: list[str]) -> list[str]:
    return [word for word in said if word not in _EMPTY]


def _are_alike(one: list[str], other: list[str]) -> bool:
    if min(len(one), len(other)) < LEAST_LENGTH * max(len(one), len(other)):
        return False
    first, second = set(one), set(other)
    common = len(first & second) / len(first | second)
    is_close = common >= CLOSE
    if common < LEAST_COMMON or (is_close and _negations(one) != _negations(other)):
        return False
    often = _TWICE if is_close else max(_OFTEN, len(one) // 100, len(other) // 100)
    return _speaks_of(one, second, often) and _speaks_of(other, first, often)


def _negations(said: list[str]) -> int:
    return sum(word in _NOT or word.endswith("n't") for word in said)


def _speaks_of(said: list[str], other: set[str], often: int) -> bool:
    """Whether the other text has, in some form, every word that this one says so often."""
    stems = {word[:_STEM] for word in other}
    return all(word[:_STEM] in stems for word, times in Counter(said).items() if times >= often and len(word) >= _LONG)


def _name_the_same(one: str, other: str) -> bool:
    first, second = names(one), names(other)
    if first <= second or second <= first:
        return True
    return len(first & second) >= LEAST_NAMES * len(first | second)


def _json(text: str) -> Any:
    """The value that a text writes, alone or in a fence. Numbers stay as they were written."""
    fenced = _FENCED.fullmatch(text)
    try:
        return json.loads(
            fenced[1] if fenced else text,
            parse_float=_number,
            parse_int=_number,
            parse_constant=_number,
            object_pairs_hook=_members,
        )
    except (ValueError, RecursionError):
        return _NO_JSON


def _number(written: str) -> tuple[str]:
    return (written,)  # equal to no text, and not to `true`


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name that stands twice says two things")
    return members


def _is_same(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except RecursionError:
        return False

"""Whether two patterns of model names can mean the same model: ``gpt-5*`` and ``*-preview`` can, ``gpt-*`` and ``vllm/*`` cannot.

Patterns are ``fnmatch``'s: ``*``, ``?`` and ``[a-z]``. They are compared without trying names, so that an upstream whose
models nobody can list is held to its patterns, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

_WILD: Final = frozenset("*?[")
_TOKEN = re.compile(r"\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)
_ANY = "*"
# What stands for "some character" when two sets of characters are compared; names of models are made of these.
_ALPHABET: Final = tuple(map(chr, range(33, 127)))


def is_glob(pattern: str) -> bool:
    """Tell a pattern from a plain name."""
    return not _WILD.isdisjoint(pattern)


@lru_cache(maxsize=8192)
def meet(one: str, other: str) -> bool:
    """Tell whether some name fits both patterns."""
    if not is_glob(one):
        return fnmatchcase(one, other)
    if not is_glob(other):
        return fnmatchcase(other, one)
    left, right = _TOKEN.findall(one), _TOKEN.findall(other)
    # States of both patterns read side by side: which ends of `right` can be reached for each beginning of `left`.
    reached = _skipping({0}, right)
    for token in left:
        reached = _skipping(_after(token, reached, right), right)
        if not reached:
            return False
    return len(right) in reached


def any_meet(some: Iterable[str], others: tuple[str, ...]) -> bool:
    """Tell whether some pattern of the one side meets one of the other."""
    return any(meet(one, other) for one in some for other in others)


def _after(token: str, reached: set[int], right: list[str]) -> set[int]:
    """Give the places in ``right`` after ``token`` of the left side was read."""
    if token == _ANY:
        return set(range(min(reached), len(right) + 1))
    nexts = set()
    for place in reached:
        if place < len(right):
            if right[place] == _ANY:
                nexts.add(place)
            elif _share(token, right[place]):
                nexts.add(place + 1)
    return nexts


def _skipping(reached: set[int], right: list[str]) -> set[int]:
    """Add what is reached by letting ``*`` stand for nothing."""
    for place in sorted(reached):
        at = place
        while at < len(right) and right[at] == _ANY:
            at += 1
            reached.add(at)
    return reached


def _share(one: str, other: str) -> bool:
    """Tell whether some character fits both tokens."""
    if len(one) == 1 and one != "?":
        return fnmatchcase(one, other)
    if len(other) == 1 and other != "?":
        return fnmatchcase(other, one)
    return any(fnmatchcase(char, one) and fnmatchcase(char, other) for char in _ALPHABET)

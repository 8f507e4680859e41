"""What can be told about a regex before it runs: whether it needs a literal, and how its matches begin.

``needs`` proves that a hint is one: a text without it cannot match, so a hint never hides a match. ``beginnings`` is
what lets a stream pass: text that no match can have begun in may go on its way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import re2

from proxy.policy.content.regex_tree import Char, Edge, Either, Node, Row, Times

_MOST_LITERALS: Final = 64  # spellings of a run that are followed
_COUNTED: Final = 4


def needs(node: Node, hint: str) -> bool:
    """Whether every match holds ``hint``. May be False for a regex that is too winding to tell; never wrongly True."""
    return any(all(hint in spelling for spelling in run) for run in _runs(node, hint))


def longest_literal(node: Node) -> str:
    """The longest text that every match holds, lower case where case does not count; empty where none is certain."""
    certain = [run[0] for run in _runs(node, "") if len(run) == 1]
    return max(certain, key=len, default="")


def caseless(node: Node) -> bool:
    """Whether some literal of the regex disregards case."""
    if isinstance(node, Char):
        return node.caseless
    return any(caseless(part) for part in _inner(node))


def shortest(node: Node) -> int:
    """Characters of the shortest match."""
    if isinstance(node, Char):
        return 1
    if isinstance(node, Edge):
        return 0
    if isinstance(node, Times):
        return node.least * shortest(node.part)
    lengths = [shortest(part) for part in _inner(node)]
    return min(lengths) if isinstance(node, Either) else sum(lengths)


def may_be(node: Node, places: Sequence[str]) -> bool:
    r"""Whether a text can match whose characters are each one of those at its place. Edges are taken as met."""
    return len(places) in _ends(node, places, frozenset((0,)))


def _ends(node: Node, places: Sequence[str], starts: frozenset[int]) -> frozenset[int]:
    """Where matches of the node can end that begin at one of some places."""
    if isinstance(node, Edge) or not starts:
        return starts
    if isinstance(node, Char):
        one = re2.compile(node.source)
        return frozenset(
            at + 1 for at in starts if at < len(places) and any(one.fullmatch(char) is not None for char in places[at])
        )
    if isinstance(node, Either):
        return frozenset().union(*(_ends(branch, places, starts) for branch in node.branches))
    if isinstance(node, Row):
        for part in node.parts:
            starts = _ends(part, places, starts)
        return starts
    most = len(places) + 1  # more times than that, it matches nothing every time
    ends = starts if not node.least else frozenset[int]()
    for times in range(1, most + 1 if node.most is None else min(node.most, most) + 1):
        starts = _ends(node.part, places, starts)
        ends |= starts if times >= min(node.least, most) else frozenset()
    return ends


def edges(node: Node) -> frozenset[str]:
    r"""The places that the regex names, such as ``\b`` or ``\A``, as they are written."""
    if isinstance(node, Edge):
        return frozenset((node.source,))
    return frozenset().union(*(edges(part) for part in _inner(node)))


def source(node: Node) -> str:
    """The regex again, its groups no longer captured."""
    if isinstance(node, Row):
        return "".join(source(part) for part in node.parts)
    if isinstance(node, Either):
        return "(?:" + "|".join(source(branch) for branch in node.branches) + ")"
    if isinstance(node, Times):
        return f"(?:{source(node.part)}){_count(node.least, node.most)}"
    return node.source


def beginnings(node: Node) -> str:
    """A regex of everything that a match can begin with, from nothing up to the whole match, and of some text besides.

    A whole match counts as a beginning because what follows may still lengthen it, or put a word's end elsewhere. Counts
    above a few are not kept: an automaton that counts to 250 from every character is slow, one that may hold a long word
    back in vain is not.
    """
    if isinstance(node, Char):
        return f"{node.source}?"
    if isinstance(node, Edge):
        return ""
    if isinstance(node, Either):
        return "(?:" + "|".join(beginnings(branch) for branch in node.branches) + ")"
    if isinstance(node, Row):
        regex = ""
        for part in reversed(node.parts):
            begins = beginnings(part)
            regex = f"(?:{_loose(part)}{regex}|{begins})" if regex else begins
        return regex
    if node.most == 0:
        return ""
    times = "*" if node.most is None or node.most > _COUNTED else _count(0, node.most - 1)
    return f"(?:(?:{_loose(node.part)}){times}{beginnings(node.part)})"


def _loose(node: Node) -> str:
    """A regex of all that the node matches, and more: whatever is counted far may come any number of times."""
    if isinstance(node, Row):
        return "".join(_loose(part) for part in node.parts)
    if isinstance(node, Either):
        return "(?:" + "|".join(_loose(branch) for branch in node.branches) + ")"
    if isinstance(node, Times):
        far = node.most is None or node.most > _COUNTED
        return f"(?:{_loose(node.part)}){'*' if far else _count(node.least, node.most)}"
    return node.source


def _inner(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Row):
        return node.parts
    if isinstance(node, Either):
        return node.branches
    return (node.part,) if isinstance(node, Times) else ()


def _count(least: int, most: int | None) -> str:
    return f"{{{least},{'' if most is None else most}}}"


def _runs(node: Node, hint: str) -> list[list[str]]:
    """Runs of literal text that every match holds, each with its possible spellings."""
    if isinstance(node, Char):
        return [[_spelled(node)]] if node.literal is not None else []
    if isinstance(node, Times):
        return _runs(node.part, hint) if node.least else []
    if isinstance(node, Either):
        return [[hint]] if hint and all(needs(branch, hint) for branch in node.branches) else []
    if isinstance(node, Edge):
        return []
    runs: list[list[str]] = [[""]]
    for part in node.parts:
        spellings = _spellings(part)
        if spellings is None:
            runs += [*_runs(part, hint), [""]]
        elif len(runs[-1]) * len(spellings) > _MOST_LITERALS:
            runs.append(spellings)
        else:
            runs[-1] = [begun + spelled for begun in runs[-1] for spelled in spellings]
    return runs


def _spellings(node: Node) -> list[str] | None:
    """All texts that the node matches, None when they are not few."""
    if isinstance(node, Char):
        return None if node.literal is None else [_spelled(node)]
    if isinstance(node, Edge):
        return [""]
    if isinstance(node, Either):
        branches = [_spellings(branch) for branch in node.branches]
        return None if None in branches else [each for branch in branches if branch for each in branch]
    if isinstance(node, Times):
        return None
    spelled = [""]
    for part in node.parts:
        ends = _spellings(part)
        if ends is None or len(spelled) * len(ends) > _MOST_LITERALS:
            return None
        spelled = [begun + end for begun in spelled for end in ends]
    return spelled


def _spelled(char: Char) -> str:
    literal = char.literal or ""
    return literal.lower() if char.caseless else literal

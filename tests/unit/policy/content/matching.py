"""Texts that a regex matches, drawn from its tree."""

from __future__ import annotations

import string
from functools import lru_cache
from random import Random

import re2

from proxy.policy.content.regex_tree import Char, Edge, Either, Node, Row

MORE = 3  # times beyond the least


def sample(node: Node, rnd: Random) -> str:
    r"""A text that matches, if no place in the regex (``\b`` and the like) speaks against it."""
    if isinstance(node, Char):
        return rnd.choice(alphabet(node.source))
    if isinstance(node, Edge):
        return ""
    if isinstance(node, Row):
        return "".join(sample(part, rnd) for part in node.parts)
    if isinstance(node, Either):
        return sample(rnd.choice(node.branches), rnd)
    most = node.least + MORE if node.most is None else min(node.most, node.least + MORE)
    return "".join(sample(node.part, rnd) for _ in range(rnd.randint(node.least, most)))


@lru_cache(maxsize=1024)
def alphabet(source: str) -> str:
    shape = re2.compile(source)
    return "".join(char for char in string.printable if shape.fullmatch(char) is not None)

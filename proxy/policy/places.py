"""Where things stand: the file and line of a rule, and the character of an expression inside a folded scalar."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from proxy.config.problems import Problem
from proxy.config.shape import dotted
from proxy.config.yaml_nodes import MappingNode, Mark, Node, Scalar, SequenceNode, locate
from proxy.config.yaml_source import Source

Path = tuple[int | str, ...]
_HEADER = re.compile(r"[|>][^\n]*\n")


class Place(msgspec.Struct, frozen=True):
    """A node of a file, by its path."""

    source: Source
    path: Path = ()

    @property
    def short(self) -> str:
        """``policies/org.yaml:37``."""
        return f"{self.source.file}:{locate(self.source.root, self.path)[0].line}"

    @property
    def col(self) -> int:
        """The column where it begins, from 1."""
        return locate(self.source.root, self.path)[0].col

    def problem(self, message: str, hint: str = "", below: Path = (), *, key: bool = False) -> Problem:
        """Tell a problem of it, or of what stands ``below``; ``key``: of the name, not of the value."""
        path = (*self.path, *below)
        mark, real = locate(self.source.root, path, key=key)
        return self.source.problem(mark, dotted(real), message, hint)


def child(node: Node | None, step: int | str) -> Node | None:
    """Give a member of a mapping or an item of a list, or None."""
    if isinstance(node, MappingNode) and isinstance(step, str) and step in node.members:
        return node.members[step].value
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.items):
        return node.items[step]
    return None


def text_of(node: Node | None) -> str:
    """Give a scalar's text, or nothing."""
    return node.text.strip() if isinstance(node, Scalar) and not node.is_null else ""


def items_of(node: Node | None) -> tuple[Node, ...]:
    """Give the items of a list, or nothing."""
    return node.items if isinstance(node, SequenceNode) else ()


def members_of(node: Node | None) -> dict[str, Any]:
    """Give the members of a mapping, or nothing."""
    return node.members if isinstance(node, MappingNode) else {}


def without(node: Node, member: str) -> Node:
    """Give a mapping as if it had no such member."""
    if not isinstance(node, MappingNode):
        return node
    rest = {name: pair for name, pair in node.members.items() if name != member}
    return MappingNode(rest, node.flow, node.start, node.end, node.size)


def inside(source: Source, scalar: Scalar, offset: int) -> Mark:
    """Find where character ``offset`` of a scalar's text stands, whatever way it is written.

    Folding and indentation change only white space, so the other characters are counted. Escapes of double quotes shift
    the count; then the beginning of the scalar is told.
    """
    raw = source.text[scalar.start.at : scalar.end.at]
    header = _HEADER.match(raw)
    at = header.end() if header else 1 if raw[:1] in {"'", '"'} and not scalar.plain else 0
    for char in scalar.text[:offset]:
        if char.isspace():
            continue
        while at < len(raw) and raw[at].isspace():
            at += 1
        if at >= len(raw) or raw[at] != char:
            return scalar.start
        at += 1
    while at < len(raw) - 1 and raw[at].isspace() and not scalar.text[offset : offset + 1].isspace():
        at += 1
    return _mark(source.text, scalar.start.at + at)


def _mark(text: str, at: int) -> Mark:
    before = text[:at]
    return Mark(before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1, at)

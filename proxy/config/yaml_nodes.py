"""A YAML document as a tree that remembers where everything stands.

Scalars stay text: what ``no``, ``012``, ``1_0`` or ``2027-01-01`` mean is decided by the place they stand in, never by
YAML 1.1's guesses. Only a bare ``null``, ``~`` or nothing at all is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Mark(NamedTuple):
    """A place: line and column from 1, ``at`` in characters from 0."""

    line: int
    col: int
    at: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text. ``plain``: written without quotes."""

    text: str
    plain: bool
    start: Mark
    end: Mark
    size = 1

    @property
    def is_null(self) -> bool:
        """True for nothing, ``~`` and ``null``, unless quoted."""
        return self.plain and self.text in {"", "~", "null"}


@dataclass(frozen=True, slots=True)
class SequenceNode:
    """A list. ``flow``: written with brackets; ``size`` counts nodes with aliases expanded."""

    items: tuple[Node, ...]
    flow: bool
    start: Mark
    end: Mark  # of what was written last, comments and blank lines after it left out
    size: int


@dataclass(frozen=True, slots=True)
class MappingNode:
    """Members in the order of the file, each name once."""

    members: dict[str, Member]
    flow: bool
    start: Mark
    end: Mark
    size: int


class Member(NamedTuple):
    """A name and its value."""

    key: Scalar
    value: Node


Node = Scalar | SequenceNode | MappingNode


def plain(node: Node) -> object:
    """Give the tree as dict, list, str and None, for pydantic."""
    if isinstance(node, MappingNode):
        return {name: plain(member.value) for name, member in node.members.items()}
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.items]
    return None if node.is_null else node.text


def locate(root: Node, path: Sequence[int | str], *, key: bool = False) -> tuple[Mark, tuple[int | str, ...]]:
    """Find where ``path`` stands, and which of its steps the document has; ``key``: where its last name stands.

    A step that is not there comes from a shorthand (one price instead of a list of prices) or is what is missing.
    """
    node, mark = root, root.start
    real: list[int | str] = []
    for step in path:
        if isinstance(node, MappingNode) and str(step) in node.members:
            member = node.members[str(step)]
            node = member.value
            mark = member.key.start if key or (isinstance(node, Scalar) and node.is_null) else node.start
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            mark = node.start
        else:
            continue
        real.append(step)
    return mark, tuple(real)

"""Turns YAML events into a tree. An explicit stack, so that no depth of brackets can end the process.

Aliases and merge keys (``<<``) are expanded here; together they may add ``MAX_ALIASED`` nodes, which is plenty for
sharing a few members and nothing for a file made to explode.
"""

from __future__ import annotations

from typing import Any

import yaml

from proxy.config.masking import shown
from proxy.config.yaml_nodes import MappingNode, Mark, Member, Node, Scalar, SequenceNode

MAX_DEPTH = 40
MAX_ALIASED = 10_000
MAX_PROBLEMS = 200  # nobody reads on, and each costs a look at its line
_TAGS = {None, "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}


class Misplaced(Exception):
    """A mistake of structure and its place."""

    def __init__(self, mark: Mark, path: str, message: str, hint: str = "") -> None:
        """Keep what a problem is made of."""
        super().__init__(message)
        self.mark, self.path, self.message, self.hint = mark, path, message, hint


class _Open:
    """A collection whose end has not come yet."""

    def __init__(self, event: yaml.CollectionStartEvent, mark: Mark, path: str) -> None:
        self.is_mapping = isinstance(event, yaml.MappingStartEvent)
        self.flow = bool(event.flow_style)
        self.anchor = event.anchor
        self.start = self.end = mark
        self.path = path
        self.items: list[Node] = []
        self.members: dict[str, Member] = {}
        self.merged: list[Node] = []
        self.key: Scalar | None = None
        self.size = 1


class TreeBuilder:
    """Takes events in order; ``root`` is the tree, ``problems`` the mistakes that did not stop it."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.problems: list[Misplaced] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._documents = 0
        self._aliased = 0

    @property
    def innermost(self) -> tuple[Mark, bool] | None:
        """Where the innermost collection began whose end has not come, and whether it is a mapping; brackets only."""
        last = self._open[-1] if self._open else None
        return (last.start, last.is_mapping) if last and last.flow else None

    def take(self, event: yaml.Event) -> None:
        """Add one event. Raises ``Misplaced`` for what leaves no tree to go on with."""
        mark = _mark(event.start_mark)
        if isinstance(event, yaml.ScalarEvent):
            self._check_tag(event.tag, mark)
            is_plain = event.implicit[0] and event.tag is None
            node = Scalar(event.value, is_plain, mark, _mark(event.end_mark))
            if event.anchor:
                self._anchors[event.anchor] = node
            self._add(node, mark, node.end)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise Misplaced(mark, "", "a second document begins here", "keep one document in a file")
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event, mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._finish(_mark(event.end_mark))
        elif isinstance(event, yaml.AliasEvent):
            self._add(self._alias(event, mark), mark, _mark(event.end_mark))

    def _begin(self, event: yaml.CollectionStartEvent, mark: Mark) -> None:
        self._check_tag(event.tag, mark)
        if len(self._open) >= MAX_DEPTH:
            raise Misplaced(mark, "", f"is nested deeper than {MAX_DEPTH} levels")
        parent = self._open[-1] if self._open else None
        if parent is not None and parent.is_mapping and parent.key is None:
            raise Misplaced(mark, parent.path, "a list or mapping cannot be a name")
        self._anchors.pop(event.anchor or "", None)  # an alias inside itself finds nothing
        self._open.append(_Open(event, mark, self._path()))

    def _finish(self, end: Mark) -> None:
        done = self._open.pop()
        # A block collection "ends" where the next thing starts; its last child tells where its text ends.
        last = end if done.flow else done.end
        node: Node
        if done.is_mapping:
            self._merge(done)
            node = MappingNode(done.members, done.flow, done.start, last, done.size)
        else:
            node = SequenceNode(tuple(done.items), done.flow, done.start, last, done.size)
        if done.anchor:
            self._anchors[done.anchor] = node
        self._add(node, done.start, last)

    def _add(self, node: Node, mark: Mark, end: Mark) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.end = end
        parent.size += node.size
        if not parent.is_mapping:
            parent.items.append(node)
        elif parent.key is None:
            if not isinstance(node, Scalar):
                raise Misplaced(mark, parent.path, "a list or mapping cannot be a name")
            parent.key = node
        else:
            self._add_member(parent, parent.key, node)
            parent.key = None

    def _add_member(self, parent: _Open, key: Scalar, value: Node) -> None:
        if key.plain and key.text == "<<":
            parent.merged.extend(value.items if isinstance(value, SequenceNode) else [value])
        elif (first := parent.members.get(key.text)) is not None:
            message = f"{shown(key.text)} stands here twice, first on line {first.key.start.line}"
            self._tell(Misplaced(key.start, parent.path, message))
        else:
            parent.members[key.text] = Member(key, value)

    def _merge(self, done: _Open) -> None:
        for source in done.merged:
            if not isinstance(source, MappingNode):
                self._tell(Misplaced(source.start, done.path, "'<<' takes a mapping or a list of mappings"))
                continue
            for name, member in source.members.items():
                done.members.setdefault(name, member)

    def _tell(self, mistake: Misplaced) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(mistake)

    def _alias(self, event: yaml.AliasEvent, mark: Mark) -> Node:
        node = self._anchors.get(event.anchor or "")
        if node is None:
            raise Misplaced(mark, self._path(), f"*{event.anchor} stands for nothing", f"no &{event.anchor} above it")
        self._aliased += node.size
        if self._aliased > MAX_ALIASED:
            raise Misplaced(mark, self._path(), f"aliases expand to more than {MAX_ALIASED} values")
        return node

    def _check_tag(self, tag: str | None, mark: Mark) -> None:
        if tag not in _TAGS:
            raise Misplaced(mark, self._path(), "YAML tags (!…) are not used here", "put the value into quotes")

    def _path(self) -> str:
        """Write the path of the value that comes next."""
        if not self._open:
            return ""
        parent = self._open[-1]
        step = str(len(parent.items)) if not parent.is_mapping else parent.key.text if parent.key else ""
        return ".".join(part for part in (parent.path, step) if part)


def _mark(mark: yaml.Mark | Any) -> Mark:
    return Mark(mark.line + 1, mark.column + 1, mark.index)

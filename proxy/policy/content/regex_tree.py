"""RE2's syntax as a tree, so that a regex can be asked what it promises before it runs (``facts``).

RE2 itself has accepted the regex; this reader only has to find its parts. What each character class holds stays RE2's
business: a class is kept as it was written. Syntax: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

_FLAGS: Final = re.compile(r"\(\?([imsU]*)(?:-([imsU]+))?([:)])")
_NAMED: Final = re.compile(r"\(\?P?<[A-Za-z0-9_]+>")
_TIMES: Final = re.compile(r"(?:([*+?])|\{(\d{1,4})(,(\d{0,4}))?\})(\??)")
_CLASS: Final = re.compile(r"\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\]", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(?:x\{[0-9A-Fa-f]+\}|x[0-9A-Fa-f]{2}|[pP]\{\^?\w+\}|[pP]\w|[0-7]{1,3}|.)", re.DOTALL)
_QUOTED: Final = re.compile(r"\\Q(.*?)(?:\\E|\Z)", re.DOTALL)
_EDGES: Final = frozenset(("\\b", "\\B", "^", "$", "\\A", "\\z"))
_CONTROLS: Final = {"\\n": "\n", "\\t": "\t", "\\r": "\r", "\\f": "\f", "\\v": "\v", "\\a": "\a"}


class Char(msgspec.Struct, frozen=True):
    """One character of the text: ``source`` as RE2 reads it, ``literal`` where it can be only one (or its cases)."""

    source: str
    literal: str | None = None
    caseless: bool = False


class Edge(msgspec.Struct, frozen=True):
    """A place between characters, such as a word boundary."""

    source: str


class Row(msgspec.Struct, frozen=True):
    """One part after the other."""

    parts: tuple[Node, ...]


class Either(msgspec.Struct, frozen=True):
    """One of the branches."""

    branches: tuple[Node, ...]


class Times(msgspec.Struct, frozen=True):
    """A part from ``least`` to ``most`` times; None: without an end."""

    part: Node
    least: int
    most: int | None
    lazy: bool


Node = Char | Edge | Row | Either | Times


def parse(regex: str) -> Node:
    """The tree of a regex that RE2 accepts. Raises ``ValueError`` where this reader does not understand it."""
    reader = _Reader(regex)
    tree = reader.either("")
    if reader.at < len(regex):
        raise ValueError("has a ')' without its '('")
    return tree


class _Reader:
    def __init__(self, regex: str) -> None:
        self.regex, self.at = regex, 0

    def either(self, flags: str) -> Node:
        """Branches up to the closing parenthesis or the end. ``(?i)`` holds for the rest of its group."""
        branches: list[Node] = []
        parts: list[Node] = []
        while self.at < len(self.regex) and self.regex[self.at] != ")":
            if self.regex[self.at] == "|":
                self.at += 1
                branches.append(_row(parts))
                parts = []
            elif (switch := _FLAGS.match(self.regex, self.at)) and switch[3] == ")":
                self.at = switch.end()
                flags = _switched(flags, switch)
            else:
                parts += self.counted(self.atoms(flags))
        branches.append(_row(parts))
        return branches[0] if len(branches) == 1 else Either(tuple(branches))

    def counted(self, atoms: list[Node]) -> list[Node]:
        """The atoms, the last one with the count that follows it."""
        while atoms and (times := _TIMES.match(self.regex, self.at)):
            self.at = times.end()
            if times[1]:
                least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[times[1]]
            else:
                least = int(times[2])
                most = least if times[3] is None else int(times[4]) if times[4] else None
            atoms[-1] = Times(atoms[-1], least, most, bool(times[5]))
        return atoms

    def atoms(self, flags: str) -> list[Node]:
        """The next atom; several only for a quoted text."""
        char = self.regex[self.at]
        if char == "(":
            return [self.group(flags)]
        if char == "[":
            return [Char(_flagged(self.taken(_CLASS), flags))]
        if quoted := _QUOTED.match(self.regex, self.at):
            self.at = quoted.end()
            return [_literal(each, flags) for each in quoted[1]]
        source = self.taken(_ESCAPE) if char == "\\" else char
        self.at += 0 if char == "\\" else 1
        if source in _EDGES:
            return [Edge(_flagged(source, flags))]
        if source == "." or (char == "\\" and source[1].isalnum() and source not in _CONTROLS):
            return [Char(_flagged(source, flags))]
        return [_literal(_CONTROLS.get(source, source[-1]), flags)]

    def group(self, flags: str) -> Node:
        switch, named = _FLAGS.match(self.regex, self.at), _NAMED.match(self.regex, self.at)
        if switch:
            self.at, flags = switch.end(), _switched(flags, switch)
        elif named:
            self.at = named.end()
        else:
            self.at += 1
        inner = self.either(flags)
        if self.regex[self.at : self.at + 1] != ")":
            raise ValueError("has a '(' without its ')'")
        self.at += 1
        return inner

    def taken(self, shape: re.Pattern[str]) -> str:
        found = shape.match(self.regex, self.at)
        if found is None:
            raise ValueError(f"cannot be read from character {self.at + 1} on")
        self.at = found.end()
        return found[0]


def _row(parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else Row(tuple(parts))


def _literal(char: str, flags: str) -> Char:
    return Char(_flagged(f"\\x{{{ord(char):x}}}", flags), char, "i" in flags)


def _flagged(source: str, flags: str) -> str:
    return f"(?{flags}:{source})" if flags else source


def _switched(flags: str, switch: re.Match[str]) -> str:
    kept = set(flags) | set(switch[1] or "")
    return "".join(sorted(kept - set(switch[2] or "")))

"""Adds and removes rows of ``keys:`` in the text of a directory, leaving every other byte as it was.

A directory is a file that people keep in git and comment; it is edited like a person would, never written anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from proxy.config.yaml_nodes import MappingNode, Node, Scalar, SequenceNode
from proxy.config.yaml_source import Source

_BARE = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._+-]*")
_GUESSED = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}  # by other readers of YAML


class Unclear(Exception):
    """The file is written in a way that cannot be edited safely."""


def row_text(members: Sequence[tuple[str, str | Sequence[str]]]) -> str:
    """Write a row on one line: ``{ id: key_1, digest: "sha256:…", user: ann@acme.example }``."""
    return "{ " + ", ".join(f"{name}: {_value(value)}" for name, value in members) + " }"


def with_row(source: Source, row: str) -> str:
    """Return the text with ``row`` as the last of ``keys:``. Raises ``Unclear``."""
    text, keys = source.text, _keys(source)
    newline = "\r\n" if "\r\n" in text else "\n"
    if keys is None:
        lead = "" if not text or text.endswith("\n") else newline
        return f"{text}{lead}keys:{newline}  - {row}{newline}"
    if isinstance(keys, Scalar):
        text = text[: keys.start.at] + text[keys.end.at :]  # `keys: ~`; nothing where nothing is written
        at = _line_end(text, keys.start.at)
        return f"{text[:at]}{newline}  - {row}{text[at:]}"
    if not isinstance(keys, SequenceNode):
        raise Unclear("keys: is not a list")
    if keys.flow:
        at = keys.items[-1].end.at if keys.items else keys.end.at - 1
        return f"{text[:at]}{', ' if keys.items else ''}{row}{text[at:]}"
    indent = " " * (_dash(text, keys.items[0]) - _line_start(text, _dash(text, keys.items[0])))
    last = keys.items[-1].end
    if last.col == 1 and last.at:  # a block scalar ends where the next line begins
        return f"{text[: last.at]}{indent}- {row}{newline}{text[last.at :]}"
    at = _line_end(text, last.at)
    return f"{text[:at]}{newline}{indent}- {row}{text[at:]}"


def without_row(source: Source, position: int) -> str:
    """Return the text without row ``position`` of ``keys:``, its lines gone with what stands on them. Raises ``Unclear``."""
    text, keys = source.text, _keys(source)
    if not isinstance(keys, SequenceNode):
        raise Unclear("keys: is not a list")
    item = keys.items[position]
    if keys.flow:
        is_last = position == len(keys.items) - 1
        start = keys.items[position - 1].end.at if is_last and position else item.start.at
        end = item.end.at if is_last else keys.items[position + 1].start.at
        return text[:start] + text[end:]
    start = _line_start(text, _dash(text, item))
    end = item.end.at if item.end.col == 1 else _line_end(text, item.end.at)
    if item.end.col != 1:
        end += 2 if text.startswith("\r\n", end) else 1
    return text[:start] + text[end:]


def _keys(source: Source) -> Node | None:
    root = source.root
    if not isinstance(root, MappingNode) or root.flow:
        raise Unclear("the file is not written as lines of `name: value`")
    member = root.members.get("keys")
    return member.value if member else None


def _value(value: str | Sequence[str]) -> str:
    if not isinstance(value, str):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if _BARE.fullmatch(value) and value.lower() not in _GUESSED:
        return value
    return json.dumps(value, ensure_ascii=False)


def _dash(text: str, item: Node) -> int:
    """Find the dash of a row: nothing but space may stand before it on its line."""
    at = text.rfind("-", 0, item.start.at)
    if at < 0 or text[_line_start(text, at) : at].strip(" "):
        raise Unclear("the rows of keys: do not stand on lines of their own")
    return at


def _line_start(text: str, at: int) -> int:
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def _line_end(text: str, at: int) -> int:
    found = re.compile(r"[\r\n]").search(text, at)
    return found.start() if found else len(text)

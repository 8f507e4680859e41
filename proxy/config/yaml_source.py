"""Reads YAML strictly: the file's text in, a tree with positions out, or every mistake with its place.

Built from PyYAML's events instead of its constructors, so that nothing is guessed, nothing is executed and nothing can
explode: duplicate keys, foreign tags, complex keys and a second document are refused, nesting and aliases are bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from proxy.config.problems import ConfigError, Problem, excerpt
from proxy.config.yaml_nodes import MappingNode, Mark, Node, Scalar
from proxy.config.yaml_tree import Misplaced, TreeBuilder

MAX_BYTES = 32 << 20
# libyaml where the wheel has it: 20 times as fast, and directories get long. The positions are the same.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Source:
    """A file that could be read: its name as people know it, its tree and its lines."""

    file: str
    text: str
    root: Node
    lines: tuple[str, ...]
    problems: tuple[Problem, ...] = ()  # that did not keep the tree from being built: duplicate keys

    def problem(self, mark: Mark, path: str, message: str, hint: str = "") -> Problem:
        """Make a problem at a place of this file."""
        return Problem(self.file, mark.line, mark.col, path, message, hint, excerpt(self.lines, mark.line, mark.col))


def read_source(path: Path, name: str | None = None) -> Source:
    """Read and parse a file; ``name`` is what messages call it. Raises ``ConfigError``."""
    name = name or str(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError([Problem(name, 0, 0, "", f"cannot be read: {error.strerror}")]) from None
    return parse_source(raw, name)


def parse_source(raw: bytes, name: str) -> Source:
    """Parse bytes; an empty file is an empty mapping. Raises ``ConfigError``, never anything else."""
    text = _decode(raw, name)
    lines = tuple(_LINE_BREAK.split(text))
    builder = TreeBuilder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        raise ConfigError([*_placed(builder.problems, name, lines), _syntax(error, name, lines)]) from None
    except Misplaced as error:
        raise ConfigError(_placed([*builder.problems, error], name, lines)) from None
    except yaml.YAMLError:
        raise ConfigError([Problem(name, 0, 0, "", "is not YAML")]) from None
    root = builder.root
    if root is None or (isinstance(root, Scalar) and root.is_null):
        root = MappingNode({}, flow=False, start=Mark(1, 1, 0), end=Mark(1, 1, 0), size=1)
    return Source(name, text, root, lines, tuple(_placed(builder.problems, name, lines)))


def _decode(raw: bytes, name: str) -> str:
    if len(raw) > MAX_BYTES:
        raise ConfigError([Problem(name, 0, 0, "", f"is larger than {MAX_BYTES >> 20} MiB")])
    if raw.startswith(_UTF16):
        raise ConfigError([Problem(name, 1, 1, "", "is UTF-16", "save it as UTF-8")])
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8").removeprefix("\ufeff")
        raise ConfigError(_unreadable(name, before, f"byte 0x{raw[error.start]:02x} is not UTF-8")) from None
    if found := _NOT_YAML.search(text):
        message = f"character U+{ord(found[0]):04X} may not stand in YAML"
        raise ConfigError(_unreadable(name, text[: found.start()], message))
    return text


def _unreadable(name: str, before: str, message: str) -> list[Problem]:
    lines = _LINE_BREAK.split(before)
    return [Problem(name, len(lines), len(lines[-1]) + 1, "", message)]


def _placed(found: list[Misplaced], name: str, lines: tuple[str, ...]) -> list[Problem]:
    return [
        Problem(
            name, at.mark.line, at.mark.col, at.path, at.message, at.hint, excerpt(lines, at.mark.line, at.mark.col)
        )
        for at in found
    ]


def _syntax(error: yaml.MarkedYAMLError, name: str, lines: tuple[str, ...]) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, col = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if line > len(lines) or (line == len(lines) and not lines[-1] and len(lines) > 1):
        # The end of the file shows nothing; the line where the open thing began does.
        line = error.context_mark.line + 1 if error.context_mark and error.context_mark.line < len(lines) - 1 else line
    message = error.problem or "is not YAML"
    if error.context:
        message = f"{message} {error.context}"
    return Problem(name, line, col, "", message, _syntax_hint(lines, line, col), excerpt(lines, line, col))


def _syntax_hint(lines: tuple[str, ...], line: int, col: int) -> str:
    text = lines[line - 1] if line <= len(lines) else ""
    if "\t" in text[:col] and not text[:col].strip():
        return "indent with spaces, YAML takes no tabs"
    if text[col - 1 : col] in {"@", "`", "%", "*", "&", "!"}:
        return "put the value into quotes"
    if text[col - 1 : col] == ":":
        return "put a value that holds ': ' into quotes, and align the names of one mapping"
    return ""

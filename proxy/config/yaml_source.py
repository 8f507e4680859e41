"""Reads YAML strictly: the file's text in, a tree with positions out, or every mistake with its place.

Built from PyYAML's events instead of its constructors, so that nothing is guessed, nothing is executed and nothing can
explode: duplicate keys, foreign tags, complex keys and a second document are refused, nesting and aliases are bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from proxy.config.look import Look
from proxy.config.problems import ConfigError, Problem, excerpt
from proxy.config.prompts import without_prompts
from proxy.config.yaml_nodes import MappingNode, Mark, Node, Scalar
from proxy.config.yaml_syntax import Quote, syntax
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
    lines: tuple[str, ...]  # as messages may quote them
    problems: tuple[Problem, ...] = ()  # that did not keep the tree from being built: duplicate keys
    credentials: bool = True  # whether members may hold some; policies hold none, but prompts in their tests

    def problem(self, mark: Mark, path: str, message: str, hint: str = "") -> Problem:
        """Make a problem at a place of this file."""
        quoted = excerpt(self.lines, mark.line, mark.col, credentials=self.credentials)
        return Problem(self.file, mark.line, mark.col, path, message, hint, quoted)


def read_source(path: Path, look: Look | None = None) -> Source:
    """Read and parse a file, as ``look`` sees it. Raises ``ConfigError``."""
    try:
        raw = (look or Look()).read(path)
    except OSError as error:
        raise ConfigError([unreadable(str(path), str(error.strerror))]) from None
    return parse_source(raw, str(path))


def unreadable(name: str, why: str) -> Problem:
    """The problem of a file that could not be read."""
    return Problem(name, 0, 0, "", f"cannot be read: {why}")


def parse_source(raw: bytes, name: str, *, credentials: bool = True) -> Source:
    """Parse bytes; an empty file is an empty mapping. Raises ``ConfigError``, never anything else."""
    text = _decode(raw, name)
    lines = tuple(_LINE_BREAK.split(text if credentials else without_prompts(text)))
    builder = TreeBuilder()
    quote = partial(excerpt, lines, credentials=credentials)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        wrong = syntax(error, name, lines, quote, builder.innermost)
        raise ConfigError([*_placed(builder.problems, name, quote), wrong]) from None
    except Misplaced as error:
        raise ConfigError(_placed([*builder.problems, error], name, quote)) from None
    except yaml.YAMLError:
        raise ConfigError([Problem(name, 0, 0, "", "is not YAML")]) from None
    root = builder.root
    if root is None or (isinstance(root, Scalar) and root.is_null):
        root = MappingNode({}, flow=False, start=Mark(1, 1, 0), end=Mark(1, 1, 0), size=1)
    return Source(name, text, root, lines, tuple(_placed(builder.problems, name, quote)), credentials)


def _decode(raw: bytes, name: str) -> str:
    if len(raw) > MAX_BYTES:
        raise ConfigError([Problem(name, 0, 0, "", f"is larger than {MAX_BYTES >> 20} MiB")])
    if raw.startswith(_UTF16):
        raise ConfigError([Problem(name, 1, 1, "", "is UTF-16", "save it as UTF-8")])
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8").removeprefix("\ufeff")
        raise ConfigError(_not_text(name, before, f"byte 0x{raw[error.start]:02x} is not UTF-8")) from None
    if found := _NOT_YAML.search(text):
        message = f"character U+{ord(found[0]):04X} may not stand in YAML"
        raise ConfigError(_not_text(name, text[: found.start()], message))
    return text


def _not_text(name: str, before: str, message: str) -> list[Problem]:
    lines = _LINE_BREAK.split(before)
    return [Problem(name, len(lines), len(lines[-1]) + 1, "", message)]


def _placed(found: list[Misplaced], name: str, quote: Quote) -> list[Problem]:
    return [
        Problem(name, at.mark.line, at.mark.col, at.path, at.message, at.hint, quote(at.mark.line, at.mark.col))
        for at in found
    ]

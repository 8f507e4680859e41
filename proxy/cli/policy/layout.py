"""One layout for YAML: white space only. What a file means is read before and after, and must be the same.

Line ends, trailing spaces, runs of blank lines, one space inside braces, none inside brackets, one after commas. Indents
and aligned columns stay as people made them, comments stay word for word, the lines of a folded text are not touched.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

import yaml

from proxy.config.yaml_nodes import plain
from proxy.config.yaml_source import parse_source

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OPENING = (yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken)
_CLOSING = (yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)


def tidy(text: str) -> str:
    """Return the text tidied; as it was, where that would change its meaning. Raises ``ConfigError`` for what is no YAML."""
    before = parse_source(text.encode(), "")
    lined = re.sub(r"\r\n?", "\n", text)
    tokens = list(yaml.scan(lined, Loader=_LOADER))
    spaced = _spaced(lined, tokens)
    done = _trimmed(spaced, list(yaml.scan(spaced, Loader=_LOADER)))
    return done if plain(parse_source(done.encode(), "").root) == plain(before.root) else text


def _spaced(text: str, tokens: list[yaml.Token]) -> str:
    """Set the space between neighbours of braces, brackets and commas, where they stand on one line."""
    pieces, at = [], 0
    for one, other in pairwise(tokens):
        gap = _gap(one, other)
        begin, end = one.end_mark.index, other.start_mark.index
        if gap is None or one.end_mark.line != other.start_mark.line or text[begin:end].strip(" "):
            continue
        pieces += [text[at:begin], gap]
        at = end
    return "".join([*pieces, text[at:]])


def _gap(one: yaml.Token, other: yaml.Token) -> str | None:
    """Say what belongs between two tokens; None: whatever is there."""
    if isinstance(one, _OPENING) and isinstance(other, _CLOSING):
        return ""
    if isinstance(one, yaml.FlowMappingStartToken) or isinstance(other, yaml.FlowMappingEndToken):
        return " "
    if isinstance(one, yaml.FlowSequenceStartToken) or isinstance(other, yaml.FlowSequenceEndToken):
        return ""
    if isinstance(other, yaml.FlowEntryToken):
        return ""
    return " " if isinstance(one, yaml.FlowEntryToken) else None


def _trimmed(text: str, tokens: list[yaml.Token]) -> str:
    """Take away trailing spaces and all but one of several blank lines, except inside a text of several lines."""
    inside = {
        line
        for token in tokens
        if isinstance(token, yaml.ScalarToken) and token.start_mark.line != token.end_mark.line
        for line in range(token.start_mark.line, token.end_mark.line)
    }
    kept: list[str] = []
    for number, line in enumerate(text.split("\n")):
        bare = line if number in inside else line.rstrip(" \t")
        if bare or number in inside or (kept and kept[-1]):
            kept.append(bare)
    while kept and not kept[-1]:
        kept.pop()
    return "\n".join(kept) + "\n" if kept else ""

"""Keeps prompts out of error messages: tests of policies hold some, and a sample of a key may stand in one.

Like ``masking`` this looks at text only, since a mistake may stand where nothing could be parsed; it rather hides too much.
"""

from __future__ import annotations

import difflib
import re

_NAMED = re.compile(r"""(?<![\w-])(?P<name>[A-Za-z_][\w-]*)["']?[ \t]*:(?=[ \t\r\n"'])[ \t]*""")
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*+"?|'(?:[^']|'')*+'?""", re.DOTALL)
_IN_FLOW = re.compile(r"[^\r\n]*?(?=,\s*[\w-]+\s*:\s|\}|[\r\n]|$)")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|[\r\n]|$)")
_VISIBLE = re.compile(r"[^\s\x85\u2028\u2029]")
_NEAR = 0.8


def without_prompts(text: str) -> str:
    """``text`` of a YAML file with asterisks for the value of each ``prompt:``, misspelt ones included; lengths stay."""
    pieces, done = [], 0
    for found in _NAMED.finditer(text):
        if found.start() < done or not difflib.get_close_matches(found["name"].lower(), ("prompt",), 1, _NEAR):
            continue
        end = _end(text, found.start("name"), found.end())
        pieces += [text[done : found.end()], _VISIBLE.sub("*", text[found.end() : end])]
        done = end
    return "".join([*pieces, text[done:]])


def _end(text: str, name: int, value: int) -> int:
    """Where the value ends that begins at ``value`` and belongs to the name at ``name``."""
    if quoted := _QUOTED.match(text, value):
        return quoted.end()
    begin = max(text.rfind("\n", 0, name), text.rfind("\r", 0, name)) + 1
    if "{" in text[begin:name] and (flow := _IN_FLOW.match(text, value)):
        return flow.end()
    end = _line_end(text, value)
    while end < len(text):  # a block, or a text that goes on: what is indented deeper than its name
        line = text[end : _line_end(text, end)]
        if line.strip() and len(line) - len(line.lstrip(" ")) <= name - begin:
            break
        end += len(line)
    return end


def _line_end(text: str, at: int) -> int:
    found = _LINE.match(text, at)
    return found.end() if found else len(text)

"""What keeps a text from being YAML, in words for those who do not know how it is parsed: where, and what began before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import yaml

from proxy.config.problems import Problem
from proxy.config.yaml_nodes import Mark

Quote = Callable[[int, int], str]  # the line with a caret below it
_OPEN: Final = (
    "did not find expected ',' or ']'",
    "did not find expected ',' or '}'",
    "did not find expected node content",
)
_NAME: Final = "did not find expected key"


def syntax(
    error: yaml.MarkedYAMLError, name: str, lines: Sequence[str], quote: Quote, bracket: tuple[Mark, bool] | None
) -> Problem:
    """Tell the error; ``bracket`` is the innermost that is open, and whether it is one of a mapping."""
    found = error.problem_mark or error.context_mark
    line, col = (found.line + 1, found.column + 1) if found else (1, 1)
    at_end = not "".join(lines[line - 1 :])[col - 1 :].strip()
    began = error.context_mark
    if bracket and (error.problem or "").startswith(_OPEN):
        return _unclosed(name, (line, col), quote, bracket, at_end=at_end)
    if began and at_end and error.context == "while scanning a quoted scalar":
        sign = lines[began.line][began.column : began.column + 1]
        line, col, message = began.line + 1, began.column + 1, f"the {sign} on line {began.line + 1} is never closed"
        return Problem(name, line, col, "", message, "", quote(line, col))
    if began and error.problem == _NAME:
        message = "no name of a member stands here, or it is not indented like the others"
        hint = f"they began on line {began.line + 1}, column {began.column + 1}"
        return Problem(
            name, line, col, "", message, hint, _both(quote, (began.line + 1, began.column + 1), (line, col))
        )
    if began and at_end:  # the end of the file shows nothing
        line, col = began.line + 1, began.column + 1
    message = f"{error.problem or 'is not YAML'}{f' {error.context}' if error.context else ''}"
    return Problem(name, line, col, "", message, _hint(lines, line, col), quote(line, col))


def _unclosed(name: str, here: tuple[int, int], quote: Quote, bracket: tuple[Mark, bool], *, at_end: bool) -> Problem:
    mark, is_mapping = bracket
    sign, closing = ("{", "}") if is_mapping else ("[", "]")
    there = (mark.line, mark.col)
    if at_end:
        return Problem(name, *there, "", f"the {sign} on line {mark.line} is never closed", "", quote(*there))
    message = f"the {sign} on line {mark.line} is not closed before this"
    return Problem(name, *here, "", message, f"a {closing} or a comma is missing", _both(quote, there, here))


def _both(quote: Quote, before: tuple[int, int], here: tuple[int, int]) -> str:
    """Quote where it began, too, if that is another line."""
    parts = [quote(*place) for place in ((before, here) if before[0] != here[0] else (here,))]
    return "\n".join(part for part in parts if part)


def _hint(lines: Sequence[str], line: int, col: int) -> str:
    text = lines[line - 1] if line <= len(lines) else ""
    if "\t" in text[:col] and not text[:col].strip():
        return "indent with spaces, YAML takes no tabs"
    if text[col - 1 : col] in {"@", "`", "%", "*", "&", "!"}:
        return "put the value into quotes"
    if text[col - 1 : col] == ":":
        return "put a value that holds ': ' into quotes, and align the names of one mapping"
    return ""

"""The fenced examples of a Markdown page, so that what people are told to write can be tried."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

POLICIES = Path(__file__).parents[2] / "policies"
README = POLICIES / "README.md"
_FENCE = re.compile(r"^```(\w*)$")
_ROW = re.compile(r"^\| (.*) \|$")


class Snippet(NamedTuple):
    """A fenced block, the heading that it stands below, and the line of the page that it begins on."""

    heading: str
    language: str
    line: int
    text: str


def snippets(page: Path, language: str) -> list[Snippet]:
    """List the blocks of a language in their order."""
    return [one for one in _blocks(page.read_text("utf-8")) if one.language == language]


def _blocks(text: str) -> Iterator[Snippet]:
    heading, opened, kept = "", "", list[str]()
    begun = 0
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if fence and begun:
            yield Snippet(heading, opened, begun + 1, "\n".join(kept) + "\n")
            begun, kept = 0, []
        elif fence:
            begun, opened = number, fence[1]
        elif begun:
            kept.append(line)
        elif line.startswith("#"):
            heading = line.lstrip("# ")


def table(page: Path, head: str) -> list[list[str]]:
    """List the rows of the table whose head begins with ``head``, cell by cell."""
    lines = page.read_text("utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {head} |"))
    rows = []
    for line in lines[start + 2 :]:
        found = _ROW.match(line)
        if not found:
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\|)\|(?!\|)", found[1])])
    return rows


def ticked(cell: str) -> list[str]:
    """List what stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)

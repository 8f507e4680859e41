"""Which columns of a table a terminal has room for: fewer of them rather than cut figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

_EDGES = 3  # characters: two blanks and a line


def that_fit(room: int, rows: Sequence[Mapping[str, str]], order: Iterable[str]) -> set[str]:
    """Give the first columns of ``order`` that ``room`` characters hold together, as wide as their heads and cells are."""
    kept = set()
    for head in order:
        room -= wide([head, *[row[head] for row in rows]])
        if room < 1:
            break
        kept.add(head)
    return kept


def wide(column: Iterable[str]) -> int:
    """Give the characters that a column of these cells takes up, its head among them."""
    return max(map(len, column)) + _EDGES

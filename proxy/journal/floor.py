"""The privacy floor of reports about how people work: no figure that is one person's, or nearly. Pure.

A team's cell is shown where at least five people made it and none of them more than 80 % of it. What is too small goes into
one cell with others; where that one would be too small as well, the smallest that could be shown goes with it, so that
nobody finds it by subtraction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

LEAST: Final = 5  # people
MOST: Final = 0.8  # of a cell that one of them may be

People = Counter[str]  # by pseudonym: how much of a cell is theirs


def is_shown(people: People) -> bool:
    """Whether a cell that these people made may stand alone."""
    return len(people) >= LEAST and max(people.values()) <= MOST * people.total()


def folded(cells: Mapping[str, People]) -> frozenset[str]:
    """Which cells go together into one."""
    found = {name for name, people in cells.items() if not is_shown(people)}
    shown = sorted(cells.keys() - found, key=lambda name: (len(cells[name]), name))
    while found and shown and not is_shown(together(cells[name] for name in found)):
        found.add(shown.pop(0))
    return frozenset(found)


def together(cells: Iterable[People]) -> People:
    """Who made all of these."""
    people: People = Counter()
    for one in cells:
        people.update(one)
    return people

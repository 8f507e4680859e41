"""What can be asked of spend, and what is answered: by team, project, model or upstream.

No report ranks people: principals, keys and sessions are no groups here, and a request for one is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

GROUPS: Final = ("team", "project", "model", "upstream")
_PEOPLE: Final = frozenset({"user", "users", "key", "key_id", "principal", "person", "people", "session", "developer"})


class Unreadable(Exception):
    """The record is not there, or is none."""


class Spent(msgspec.Struct, frozen=True):
    """One line of a report. ``group`` holds a value for each ``by``, "" where rows have none; money in nano-USD."""

    group: tuple[str, ...]
    calls: int
    input: int
    cached_read: int
    cache_write: int
    output: int
    reasoning: int
    cost_nusd: int
    unreported_nusd: int  # of the cost: what rests on figures that the provider did not finally report
    saved_nusd: int

    @property
    def unreported_share(self) -> float:
        """The part of the cost that is estimated or partial, 0 to 1."""
        return self.unreported_nusd / self.cost_nusd if self.cost_nusd else 0.0


class Spend(msgspec.Struct, frozen=True):
    """A spend report: its lines, dearest first, and their total (a call in two groups counts once in it)."""

    by: tuple[str, ...]
    since: float
    until: float
    lines: tuple[Spent, ...]
    total: Spent


def check_groups(by: Sequence[str]) -> tuple[str, ...]:
    """The groups as asked, each once. Raises ``ValueError`` that says what can be asked and why not more."""
    for name in by:
        if name.lower() in _PEOPLE:
            raise ValueError(f"no report ranks people, so there is no --by {name}; ask by {', '.join(GROUPS)}")
        if name not in GROUPS:
            raise ValueError(f"{name!r} is no group; ask by {', '.join(GROUPS)}")
    return tuple(dict.fromkeys(by))

"""Repeats: what calls asked that had been asked before, known by fingerprints only. Statistics, never money truth.

A call repeats another when that one was answered for the same team within the 24 hours before. Calls that failed leave
nothing, so that trying again after an error is no repeat.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import msgspec

LOOP_S: Final = 600  # within which the same person's repeat is a loop
WINDOW_S: Final = 86_400  # how long a print is remembered
UNREAD: Final = "unread"  # calls that were not looked at
SMALLER: Final = "smaller teams"  # how those are called that may not stand alone in what is shown
BRIEF: Final = "brief"  # calls that were looked at for exact repeats only


class Likeness(IntEnum):
    """How alike two prompts are. Of a call that repeats in several ways the strictest counts."""

    NEW = 0
    EXACT = 1  # every character
    NEAR = 2  # the same canonical form: what the cache could answer
    TEMPLATE = 3  # the same but for numbers, quotes, dates and ids


class Asker(IntEnum):
    """Who had asked it before."""

    NOBODY = 0
    LOOP = 1  # the same person, within ten minutes: a loop, or farming
    SAME = 2  # the same person, longer ago, and nobody else since
    OTHERS = 3  # somebody else of the team: a shared need


class Asked(msgspec.Struct, frozen=True, gc=False):
    """One answered call, as its repeats are counted.

    ``prints`` are 8 bytes each: the team's exact one, and where ``is_brief`` is false its near and its template one; as
    many of the person; then those of further scopes. None: nobody looked.
    """

    org: str
    team: str
    day: str  # "2026-11-23", in UTC as reports have it
    at: int  # unix seconds
    tokens: int  # of its input
    nusd: int
    prints: tuple[bytes, ...] = ()
    is_brief: bool = False
    scopes: tuple[tuple[str, int], ...] = ()  # whose repeats rules ask about: (scope, which print says so)
    person: str = ""  # pseudonym; for the floor, and never shown


class Sight(msgspec.Struct, frozen=True, gc=False):
    """What the store found of a call. ``seen`` has a bit for each of its prints, the first the lowest."""

    likeness: Likeness
    asker: Asker
    seen: int

    def repeats(self, which: int) -> bool:
        """Whether this print was known."""
        return bool(self.seen >> which & 1)


class Standing(msgspec.Struct, frozen=True, gc=False):
    """A team's day as the store has it: input tokens of calls that were looked at, and of those, repeated ones."""

    team: str
    day: str
    tokens: int
    repeated: int  # exactly or nearly


def names() -> tuple[str, ...]:
    """How the store names what it counts of a team's day: each of these as calls, tokens and nano-dollars."""
    kinds = [f"{like.name}:{who.name}".lower() for like in tuple(Likeness)[1:] for who in tuple(Asker)[1:]]
    return ("all", UNREAD, BRIEF, *kinds)

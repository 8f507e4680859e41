"""What became of a replayed call in one generation: small, because a million of them travel between processes."""

from __future__ import annotations

from typing import Final

import msgspec

NO_PRICE: Final = "(no price)"  # no rule, and it refuses all the same
NOBODY: Final = "(nobody serves it)"
CIRCLES: Final = "(routes in circles)"
NO_CEILING: Final = "(no ceiling)"


class Outcome(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """Admitted as asked, unless something else is said."""

    cost_nusd: int = 0  # there; 0 where it is refused
    refused_by: str = ""  # the rule that is told first
    model: str = ""  # that it is sent to instead of the one asked for
    routed_by: str = ""
    warned_by: tuple[str, ...] = ()  # sorted
    clamp: int | None = None  # output tokens that it may ask for at most
    clamped_by: str = ""
    held_nusd: int = 0  # the most that a budget holds


ADMITTED: Final = Outcome()

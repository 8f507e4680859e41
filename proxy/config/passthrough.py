"""``passthrough:`` as the other rooms see it: which paths go to which upstream as they are, and what a call costs.

Patterns are paths in which ``*`` stands for one segment and a final ``/**`` for a path and all below it. They are matched
against the path as it came: what is written in escapes matches no plain word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
USUAL = ("GET", "POST", "DELETE")
_PATTERN = re.compile(r"(?:/(?:\*|[A-Za-z0-9._~:@!$&'()+,;=-]+))+(?:/\*\*)?")
_ANY_BELOW = "/**"


class Entry(msgspec.Struct, frozen=True):
    """One entry. ``usage`` are the units that an answer shows and where; without any, a call has a flat price."""

    name: str
    upstream: str
    paths: tuple[str, ...]
    methods: tuple[str, ...] = USUAL
    model: tuple[str, ...] = ()  # where the request's body names the model; empty: it names none
    usage: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (unit, where the answer's body tells how many)
    rates: tuple[tuple[str, int], ...] = ()  # (unit, nUSD), as ``PriceOverride`` has them

    def pattern_for(self, method: str, path: str) -> str | None:
        """The pattern that lets this request through, or None."""
        if method not in self.methods:
            return None
        return next((pattern for pattern in self.paths if fits(pattern, path)), None)


def checked(pattern: str) -> str:
    """``pattern`` if it is one. Raises ``ValueError`` that shows how to write it."""
    first = pattern.split("/")[1:2]
    if not _PATTERN.fullmatch(pattern) or first == ["*"] or ".." in pattern.split("/"):
        raise ValueError(
            "wants a path that begins with a word, such as /v1/files, /v1/files/*/content or /v1/batches/**"
        )
    return pattern


def fits(pattern: str, path: str) -> bool:
    """Whether a path is one that the pattern means."""
    below = pattern.endswith(_ANY_BELOW)
    wanted = pattern.removesuffix(_ANY_BELOW).split("/")
    found = path.split("/")
    if len(found) < len(wanted) or (len(found) > len(wanted) and not below):
        return False
    return all(want == have or (want == "*" and have) for want, have in zip(wanted, found, strict=False))


def overlaps(one: str, other: str) -> bool:
    """Whether some path fits both patterns."""
    left, right = one.removesuffix(_ANY_BELOW).split("/"), other.removesuffix(_ANY_BELOW).split("/")
    if len(left) > len(right):
        left, right, one = right, left, other
    if len(left) < len(right) and not one.endswith(_ANY_BELOW):
        return False
    return all(a == b or "*" in (a, b) for a, b in zip(left, right, strict=False))


def twice(entries: Iterable[Entry]) -> Iterable[tuple[Entry, str, Entry]]:
    """Give (entry, its pattern, an earlier entry) for every pattern that an earlier one leaves nothing."""
    seen: list[tuple[Entry, str]] = []
    for entry in entries:
        for pattern in entry.paths:
            for earlier, known in seen:
                if known == pattern and not set(earlier.methods).isdisjoint(entry.methods):
                    yield entry, pattern, earlier
            seen.append((entry, pattern))

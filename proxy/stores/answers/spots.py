"""Names of the cache's keys. Those of one scope share a hash tag, ``{<org>|<bucket>}``, and so lie in one slot.

There are few buckets, however many scopes there are: in a cluster each has a connection of its own, and so that a whole org
is flushed, each has a generation of its own.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from proxy.domain.reuse import CacheKey

CHANNEL: Final = "c:done"  # told which flights are to look, when a lease ends for which another process waits
_TAKEN: Final = {ord(mark): f"%{ord(mark):02x}" for mark in "%|{}"}
_NAME: Final = re.compile(r"[0-9a-f]{32}")


BUCKETS: Final = 16  # of an org: enough to spread over the nodes of a cluster


class Place(NamedTuple):
    """A scope."""

    tag: str  # of its bucket; in a cluster it says which node
    generations: tuple[str, str]  # of the bucket and of the scope: all its answers hang on both
    prefix: str  # of the names of its answers


class Names(NamedTuple):
    """The keys of one answer, by its name."""

    entry: str
    lease: str
    permit: str  # of those who lead without a lease


class Spot(NamedTuple):
    """Where an answer lies."""

    place: Place
    names: Names
    digest: bytes

    @property
    def flight(self) -> bytes:
        """What it is called while it is on its way."""
        return self.names.entry.encode() + self.digest

    def mark(self, caller: str) -> str:
        """That a caller was given the answer a moment ago."""
        return f"{self.names.entry}:m:{caller}"


def spot_of(key: CacheKey) -> Spot:
    """The keys of an answer."""
    place = place_of(key.org, key.scope)
    return Spot(place, names_of(place, key.name), key.digest)


def place_of(org: str, scope: str) -> Place:
    """The keys of a scope; no two pairs of org and scope have the same ones."""
    tag = _tag(org, zlib.crc32(scope.encode()) % BUCKETS)
    prefix = f"c:{{{tag}}}{scope.translate(_TAKEN)}|"
    return Place(tag, (_generation_of(tag), f"{prefix}g"), prefix)


def buckets_of(org: str) -> Iterator[tuple[str, str]]:
    """The tags of an org, each with the generation that all its answers hang on."""
    for bucket in range(BUCKETS):
        tag = _tag(org, bucket)
        yield tag, _generation_of(tag)


def names_of(place: Place, name: str) -> Names:
    """The keys of an answer, by its name."""
    entry = place.prefix + name
    return Names(entry, f"{entry}:l", f"{entry}:p")


def is_name(text: str) -> bool:
    """Whether an answer could have this name."""
    return _NAME.fullmatch(text) is not None


def _tag(org: str, bucket: int) -> str:
    return f"{org.translate(_TAKEN)}|{bucket:x}"


def _generation_of(tag: str) -> str:
    return f"c:{{{tag}}}"

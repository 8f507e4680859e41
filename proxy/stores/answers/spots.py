"""Names of the cache's keys. Those of one scope share a hash tag, ``{<org>|<scope>}``, and so lie in one slot."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from proxy.domain.reuse import CacheKey

CHANNEL: Final = "c:done"  # told which flights are to look, when a lease ends for which another process waits
_TAKEN: Final = {ord(mark): f"%{ord(mark):02x}" for mark in "%|{}"}
_NAME: Final = re.compile(r"[0-9a-f]{32}")


class Spot(NamedTuple):
    """Where an answer lies."""

    tag: str  # of its scope; in a cluster it says which node
    digest: bytes
    generation: str
    entry: str
    lease: str

    @property
    def flight(self) -> bytes:
        """What it is called while it is on its way."""
        return self.entry.encode() + self.digest

    def mark(self, caller: str) -> str:
        """That a caller was given the answer a moment ago."""
        return f"{self.entry}:m:{caller}"


def spot_of(key: CacheKey) -> Spot:
    """The keys of an answer."""
    tag = tag_of(key.org, key.scope)
    entry = entry_of(tag, key.name)
    return Spot(tag, key.digest, generation_of(tag), entry, f"{entry}:l")


def tag_of(org: str, scope: str) -> str:
    """The hash tag of a scope; no two pairs of org and scope have the same one."""
    return f"{org.translate(_TAKEN)}|{scope.translate(_TAKEN)}"


def entry_of(tag: str, name: str) -> str:
    """The key of an answer, by its name."""
    return f"c:{{{tag}}}:{name}"


def generation_of(tag: str) -> str:
    """The key whose value all answers of a scope hang on."""
    return f"c:{{{tag}}}:g"


def is_name(text: str) -> bool:
    """Whether an answer could have this name."""
    return _NAME.fullmatch(text) is not None

"""A stored answer, the key it is found by, and what asking for it comes to.

What is stored is the answer of the upstream as a whole, before values are restored in it and before any caller's own
inspection: everybody to whom it is given does both for themselves.
"""

from __future__ import annotations

from typing import Final

import msgspec

from proxy.domain.usage import Usage

MOST_BYTES: Final = 256 * 1024  # of an entry: the answer and what is known of it, as they are before compression


class CacheKey(msgspec.Struct, frozen=True):
    """Where an answer lies, and what must be equal for it to be the one. All three digests are keyed with a secret."""

    org: str
    scope: str  # who shares it: "org", "team:growth", "user:p_8f…"
    name: str  # 32 hex digits: what the cache's server sees, and the id by which an answer is deleted
    digest: bytes  # 32 bytes, of which `name` is not enough: compared at every hit
    exact: bytes  # 32 bytes: of the request as it was sent, to tell an exact hit from a near one


class Entry(msgspec.Struct, frozen=True):
    """One answer. ``body`` is JSON as the provider would have given it unstreamed."""

    id: str  # of the call that was answered by it
    api: str  # "openai.chat"
    model: str  # that answered
    digest: bytes
    exact: bytes
    created: float  # unix seconds, by whoever stored it
    ttl_s: float
    usage: Usage
    body: bytes
    is_shadow: bool = False  # stored to be counted: never served, and not found where one is asked for

    def __repr__(self) -> str:
        """Without the answer."""
        return f"Entry(id={self.id!r}, api={self.api!r}, model={self.model!r}, bytes={len(self.body)})"


class Hit(msgspec.Struct, frozen=True):
    """There is an answer. ``age_s`` and ``ttl_s`` are by the clock of the cache; the answer stays good for the latter."""

    entry: Entry
    age_s: float
    ttl_s: float
    coalesced: bool = False  # it was on its way when it was asked for


class Missed(msgspec.Struct, frozen=True):
    """Ask the upstream and store nothing: the cache does not help now.

    ``why`` is ``away`` (it failed or was too slow), ``waited`` (too long for somebody else's answer), ``failed`` (several who
    asked the upstream had no answer), ``alone`` (the answer was one that cannot be shared) or ``not-cached`` (and nothing
    else was wanted).
    """

    why: str

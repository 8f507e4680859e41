"""How a call fared at the cache, and how its caller is told: ``Cache-Status`` (RFC 9211), ``Age`` and ``x-tally-cache``."""

from __future__ import annotations

from typing import Final

import msgspec

from proxy.steps.limit_headers import Pairs

OFF_WORD: Final = "off"  # no rule lets repeats be answered, or it is off
MISS: Final = "miss"
HIT: Final = "hit"  # the same request, byte for byte but for what is inert
NEAR: Final = "near"  # one that means provably the same
COALESCED: Final = "coalesced"  # another call's answer, which was on its way
BYPASS: Final = "bypass"  # may be neither looked up nor kept
SHADOW: Final = "shadow-hit"  # would have been answered
REFRESH: Final = "refresh"  # a stored answer was not wanted

_REUSED: Final = frozenset({HIT, NEAR, COALESCED})
# RFC 9211, 2.2: why it went forward, by result or reason. What we only count did not go through the cache.
_FORWARD: Final = {MISS: "miss", BYPASS: "bypass", REFRESH: "request", SHADOW: "bypass", "stale": "stale"}


class CacheStatus(msgspec.Struct, frozen=True):
    """What became of one look. ``result`` is one of the words above, and stands in the row."""

    result: str = OFF_WORD
    reason: str = ""  # a token: why it was not looked for, not found, or not used
    key: str = ""  # the name of the entry, for ``DELETE /v1/cache/{key}``
    is_near: bool = False
    ttl_s: float = 0.0  # of a stored answer: how long it stays good
    age_s: float = 0.0

    @property
    def is_reused(self) -> bool:
        """Whether nobody was asked for the answer."""
        return self.result in _REUSED


OFF: Final = CacheStatus()


def bypass(reason: str) -> CacheStatus:
    """The status of a call that the cache has nothing to do with."""
    return CacheStatus(BYPASS, reason)


def pairs(status: CacheStatus, *, is_stored: bool = False) -> Pairs:
    """The headers. ``is_stored``: the answer was found fit to be kept before its head went out."""
    if status.result == OFF_WORD:
        return [(b"x-tally-cache", b"off")]
    head = [(b"cache-status", _member(status, is_stored=is_stored).encode()), *own_pairs(status)]
    if status.is_reused:
        head.append((b"age", b"%d" % status.age_s))
    return head


def own_pairs(status: CacheStatus) -> Pairs:
    """Our own headers: all that an error of ours says, which no cache gave and nobody was asked for."""
    told = MISS if status.result == REFRESH else status.result
    head = [(b"x-tally-cache", told.encode())]
    if status.reason:
        head.append((b"x-tally-cache-reason", status.reason.encode()))
    return head


def _member(status: CacheStatus, *, is_stored: bool) -> str:
    """Our member of the list, as structured fields are written (RFC 9651): reasons are tokens, keys are hex."""
    parts = ["tallygate"]
    if status.result == COALESCED:
        parts += ["fwd=miss", "collapsed"]  # it waited for a request that went forward
    elif status.is_reused:
        parts += ["hit", f"ttl={int(status.ttl_s)}"]
    else:
        parts.append(f"fwd={_FORWARD.get(status.reason) or _FORWARD[status.result]}")
        if is_stored:
            parts.append("stored")
    if status.key:
        parts.append(f'key="{status.key}"')
    if detail := "near" if status.is_near and status.is_reused else status.reason:
        parts.append(f"detail={detail}")
    return "; ".join(parts)

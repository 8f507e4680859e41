"""What was found out about tokens, so that an agent's thousand calls cost one signature. Bounded, and never longer than true.

Tokens are known by their digest. Refusals have a room of their own: whoever sends garbage cannot push good tokens out.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from proxy.domain.errors import CallError
from proxy.domain.principal import Principal

MAX_ADMITTED = 8192
MAX_REFUSED = 1024
REFUSED_S = 10.0


class Refusal(msgspec.Struct, frozen=True):
    """Why a token opens nothing, as its sender is told."""

    kind: type[CallError]
    message: str
    code: str | None = None

    def error(self) -> CallError:
        """A new error each time: one that was raised keeps the frames it went through."""
        return self.kind(self.message, code=self.code)


class Verdicts:
    """Principals and refusals by digest, the least recently used forgotten first."""

    def __init__(self, most_admitted: int = MAX_ADMITTED, most_refused: int = MAX_REFUSED) -> None:
        self._admitted: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()
        self._refused: OrderedDict[bytes, tuple[Refusal, float]] = OrderedDict()
        self._most_admitted = most_admitted
        self._most_refused = most_refused

    def get(self, digest: bytes, now: float) -> Principal | Refusal | None:
        """Give what was found out and still holds at ``now`` (unix seconds)."""
        admitted = self._admitted.get(digest)
        if admitted is not None:
            if now < admitted[1]:
                self._admitted.move_to_end(digest)
                return admitted[0]
            del self._admitted[digest]
        refused = self._refused.get(digest)
        return refused[0] if refused is not None and now < refused[1] else None

    def admit(self, digest: bytes, principal: Principal, until: float) -> None:
        """Remember whose token it is ``until`` (unix seconds)."""
        self._admitted[digest] = (principal, until)
        if len(self._admitted) > self._most_admitted:
            self._admitted.popitem(last=False)

    def refuse(self, digest: bytes, refusal: Refusal, now: float) -> None:
        """Remember for a moment that it opens nothing."""
        self._refused[digest] = (refusal, now + REFUSED_S)
        self._refused.move_to_end(digest)
        if len(self._refused) > self._most_refused:
            self._refused.popitem(last=False)

    def __len__(self) -> int:
        """Count what is remembered, over or not."""
        return len(self._admitted) + len(self._refused)

"""What probes are told: is the process alive, and can it serve. The same words on the public and the admin listener."""

from __future__ import annotations

import msgspec

from proxy.server.plain_errors import Answer

_TEXT = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]


class Readiness(msgspec.Struct, frozen=True):
    """``degraded`` are short phrases on what is missing while calls are still served; nothing secret."""

    ready: bool
    degraded: tuple[str, ...] = ()
    reason: str = ""  # why it is not ready: "starting", "draining"

    def lacking(self, phrases: tuple[str, ...]) -> Readiness:
        """The same, with more that is missing."""
        return msgspec.structs.replace(self, degraded=(*self.degraded, *phrases)) if phrases else self


def livez() -> Answer:
    """The process answers, hence it lives."""
    return 200, _TEXT, b"ok\n"


def readyz(readiness: Readiness) -> Answer:
    """200 while calls are served, also when degraded (the body says so); 503 otherwise."""
    if not readiness.ready:
        return 503, _TEXT, f"not ready: {readiness.reason}\n".encode()
    if readiness.degraded:
        return 200, _TEXT, f"degraded: {'; '.join(readiness.degraded)}\n".encode()
    return 200, _TEXT, b"ok\n"

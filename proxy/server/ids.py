"""Names of calls: UUIDv7 (RFC 9562, 5.7), so that they sort by time and nobody can guess the next one."""

from __future__ import annotations

import os
import time

_BATCH = 100  # names for which randomness is drawn at once: one system call for all of them
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class RequestIds:
    """An endless supply of names; call it for the next. Not for use from several threads."""

    def __init__(self) -> None:
        """Draw nothing yet."""
        self._random = ""
        self._at = 0

    def __call__(self) -> str:
        """The next name, in the usual form of a UUID."""
        at = self._at
        if at + 19 > len(self._random):
            self._random, at = os.urandom(_BATCH * 10).hex(), 0
        self._at = at + 19
        millis, drawn = f"{time.time_ns() // 1_000_000:012x}", self._random[at : at + 19]
        variant = _VARIANT[drawn[3]]  # its two highest bits are 10
        return f"{millis[:8]}-{millis[8:]}-7{drawn[:3]}-{variant}{drawn[4:7]}-{drawn[7:]}"

"""What a call that was passed on used: one call, or figures at places in a JSON answer that the configuration names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jiter

from proxy.domain.usage import Usage, UsageSource

MOST = 1 << 20  # bytes of an answer that is read for its figures
_MOST_UNITS = 10**12
_FIELDS = {"per_second": "seconds", "per_character": "characters", "per_image": "images"}  # of usage, by unit of price
Places = tuple[tuple[str, tuple[str, ...]], ...]


class CallTap:
    """Counts one call and reads nothing; see ``base.Tap``."""

    def head(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Nothing is told there."""

    def feed(self, data: bytes) -> None:
        """Let a piece pass."""

    def body(self, data: bytes) -> None:
        """Let a whole answer pass."""

    def finish(self) -> Usage:
        """Nothing was used but the call itself, which is what its price is for."""
        return Usage(input=0, output=0, complete=True, usage_source=UsageSource.REPORTED)

    def output_so_far(self) -> int | None:
        """No output is counted."""
        return 0

    def relayed_text(self) -> str:
        """No text is counted."""
        return ""


class FigureTap(CallTap):
    """Keeps the beginning of an answer, and reads it when it has ended."""

    def __init__(self, places: Places) -> None:
        """``places`` of figures by unit."""
        self._places = places
        self._kept: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> None:
        """Keep a piece, as long as the whole may be kept."""
        self._size += len(data)
        if self._size <= MOST:
            self._kept.append(data)
        else:
            self._kept.clear()

    def body(self, data: bytes) -> None:
        """Take a whole answer."""
        self._kept.clear()
        self._size = 0
        self.feed(data)

    def finish(self) -> Usage:
        """The figures; where one is missing, unreadable or behind the bound, all are left to be estimated."""
        answer = _parsed(b"".join(self._kept))
        found = {_FIELDS.get(unit, unit): _figure(answer, unit, place) for unit, place in self._places}
        if None in found.values():
            return Usage(usage_source=UsageSource.ESTIMATED)
        figures: dict[str, Any] = {"input": 0, "output": 0, **found}
        return Usage(**figures, complete=True, usage_source=UsageSource.REPORTED)

    def output_so_far(self) -> int | None:
        """Figures come at the end."""
        return None


def _parsed(data: bytes) -> Any:
    try:
        return jiter.from_json(data)
    except ValueError:
        return None


def _figure(value: Any, unit: str, place: tuple[str, ...]) -> float | None:
    """The figure at a place; parts of a token are counted as one."""
    for step in place:
        value = value.get(step) if type(value) is dict else None
    if type(value) not in (int, float) or not 0 <= value <= _MOST_UNITS:
        return None
    return float(value) if unit == "per_second" else math.ceil(value)

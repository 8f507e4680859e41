"""A private engine's meters for a replay: steps that were packed once, half a million of them, and one that may turn.

What ``virtual`` has for whoever asks by the draw is here for whoever asks by the day: nothing is made for a step but its
words, and a batch ends at a refusal after which its caller would hold something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from proxy.stores import keys
from proxy.stores.virtual import VirtualMeters

HOLD, TURN, SETTLE = "h", "t", "s"  # kinds of steps; a TURN that is refused ends its batch
_JOURNAL: Final = "replay"
_LEASE_MS: Final = 10**12  # only a settlement ends a hold

_decode: Final = msgspec.msgpack.Decoder().decode


class Step:
    """One hold or settlement. ``rows`` may be replaced until it was sent."""

    __slots__ = ("at_us", "id", "kind", "rows")

    def __init__(self, at_us: int, kind: str, hold_id: str, rows: bytes) -> None:
        """``rows``: the draws of a hold or the charges of a settlement, packed as ``stores.rows`` does."""
        self.at_us = at_us
        self.kind = kind
        self.id = hold_id
        self.rows = rows

    def __lt__(self, other: Step) -> bool:
        """The earlier one comes first."""
        return self.at_us < other.at_us


class VirtualBatch:
    """Blocks while the engine works. Raises ``StoreAway`` for an engine that is lost or refuses."""

    def __init__(self, path: Path, org: str) -> None:
        """``path``: the socket of an engine of one's own. Raises ``OSError``."""
        self._meters = VirtualMeters(path)
        self._open, self._never = keys.open_holds(org), keys.never(org)
        self._applied = keys.applied(org)
        self._hold, self._void = keys.hold(org, ""), keys.void(org, "")

    def run(self, steps: Sequence[Step]) -> list[Any]:
        """Take steps in their order; what ``hold.lua`` replied to each hold, an int for each settlement.

        As many as there are steps, unless a ``TURN`` was refused: then that one is the last. What was not held is not
        settled.
        """
        words: list[str | bytes | int] = []
        for step in steps:
            at_us, kind, name, rows = step.at_us, step.kind, step.id, step.rows
            if kind == SETTLE:
                words += (kind, at_us, 3, 5, self._open, self._applied, self._never, _JOURNAL, 0, name, 0, rows)
            else:
                hold, void = self._hold + name, self._void + name
                words += (kind, at_us, 3, 6, self._open, hold, void, name, _LEASE_MS, rows, b"", 0, 0)
        said: list[Any] = _decode(self._meters.evaluated(words))
        return said

    def forget(self) -> None:
        """Empty every meter."""
        self._meters.forget()

    def close(self) -> None:
        """Let go of the engine, which goes on."""
        self._meters.close()

"""After a few calls in vain, fail at once until the store was seen alive: a slow store is worse than a dead one."""

from __future__ import annotations

from typing import Final

FAILURES: Final = 3


class Breaker:
    """Counts failures in a row. ``open`` means: do not call."""

    def __init__(self, failures: int = FAILURES) -> None:
        self._limit = failures
        self._in_a_row = 0
        self.open = False

    def failed(self) -> bool:
        """Count a failure; True when this one opened the breaker."""
        self._in_a_row += 1
        if self.open or self._in_a_row < self._limit:
            return False
        self.open = True
        return True

    def succeeded(self) -> None:
        """Start counting anew."""
        self._in_a_row = 0

    def close(self) -> None:
        """Let calls through again."""
        self._in_a_row = 0
        self.open = False

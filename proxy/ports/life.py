"""Time, names, and what must outlive a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol


class Clock(Protocol):
    """Time. ``now`` is unix seconds for people; ``monotonic`` measures."""

    def now(self) -> float: ...
    def monotonic(self) -> float: ...


DRAINING = "draining"  # the message of the CancelledError when a walk is cut because we are ending, not its caller
NewId = Callable[[], str]
Later = Callable[[Awaitable[None]], None]  # run something that must outlive the call

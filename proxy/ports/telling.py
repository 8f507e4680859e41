"""What is recorded, shown and told of calls."""

from __future__ import annotations

from typing import Protocol

from proxy.domain.call import Call
from proxy.domain.decision_id import Sought
from proxy.domain.errors import CallError
from proxy.domain.meter import Hold
from proxy.domain.notice import Telling
from proxy.domain.principal import Principal
from proxy.domain.row import Row
from proxy.domain.upstream import Upstream


class Books(Protocol):
    """Record, then settle. ``book`` takes a row at once and cannot be cancelled: whoever leaves, the row stays."""

    @property
    def healthy(self) -> bool:
        """False while rows cannot be written: no call may be admitted then."""

    def book(self, row: Row, hold: Hold | None) -> None: ...
    async def open(self, row: Row) -> None:
        """Commit an open row before forwarding; used while the store is away."""


class Lookups(Protocol):
    """What a caller may read back of their own calls; the answers are values that encode to JSON."""

    async def find(self, request_id: str, principal: str) -> object | None: ...
    async def decided(self, one: Sought, principal: str) -> Row | None: ...
    async def mine(self, principal: str, now: float, timezone: str) -> object: ...


class Gauge(Protocol):
    """Metrics and the log line of a finished attempt; ``stage`` times are microseconds of our own work."""

    def finished(self, row: Row) -> None: ...
    def stage(self, name: str, microseconds: float) -> None: ...
    def decided(self, rule: str, mode: str, action: str) -> None: ...
    def found(self, rule: str, mode: str, place: str, detector: str, count: int) -> None:
        """A rule of this mode found something in a call's prompt or answer (``place``), so many times."""

    def looked_up(self, result: str, reason: str) -> None:
        """What became of a call at the cache, and why, as rows and headers have it."""

    def kept(self, why: str) -> None:
        """An answer was kept for repeats; ``why`` it was not, else."""

    def forgotten(self, who: Principal, name: str) -> None:
        """Somebody took a stored answer of this name away from all who share it."""

    def began(self) -> None: ...
    def ended(self) -> None: ...
    def refused(self, call: Call | None, error: CallError) -> None: ...
    def failed_over(self, upstream: Upstream) -> None:
        """Another upstream is asked because this one failed."""


class Notices(Protocol):
    """What people who keep watch are told beside the callers, once each; nothing here waits or raises."""

    def knows(self, once: str) -> bool:
        """Whether this worker has told it, or knows that another did."""

    def tell(self, telling: Telling) -> None: ...

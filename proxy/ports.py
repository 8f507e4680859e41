"""Everything the walk asks of the world, on one page.

The pipeline sees only these shapes; ``app`` gives it the rooms that have them. An implementation turns foreign
exceptions into ours (``domain.errors``) at its own door.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from proxy.domain.call import Call
from proxy.domain.decision import Obligation, Watch
from proxy.domain.decision_id import Sought
from proxy.domain.errors import CallError
from proxy.domain.lately import Counts, Lately
from proxy.domain.meter import Charge, Draw, Expired, Extended, Held, Hold, Settlement, Standing
from proxy.domain.notice import Telling
from proxy.domain.row import Row
from proxy.domain.upstream import Upstream
from proxy.domain.verdict import Verdict

Headers = Sequence[tuple[bytes, bytes]]  # names in lower case, in the order of arrival
OnSent = Callable[[bool], None]  # True: a connection took the whole request; False: it was stale, nobody read it


class Clock(Protocol):
    """Time. ``now`` is unix seconds for people; ``monotonic`` measures."""

    def now(self) -> float: ...
    def monotonic(self) -> float: ...


class Request(Protocol):
    """A caller's request: the head is complete, the body is read when asked for."""

    method: str
    raw_path: str  # path and query as sent

    @property
    def headers(self) -> Mapping[str, str]:
        """All headers, looked up without regard to case."""

    def header(self, name: str) -> str | None:
        """Value of a header, lower-case name; None when absent."""

    def forwardable(self, extra: frozenset[str]) -> list[tuple[bytes, bytes]]:
        """The headers of the allow-list, and those of ``extra``."""

    async def read(self) -> bytes:
        """The body; raises ``TooLarge``, ``SlowBody``, ``Encoded``, ``ClientGone``."""

    @property
    def length(self) -> int | None:
        """Bytes of the body as its head says; None where only its end will tell."""

    async def piece(self) -> bytes:
        """The next piece of a body that is not kept, ``b""`` at its end; instead of ``read``, and raises as it does."""


class Reply(Protocol):
    """The way back to the caller. Either ``whole`` once, or ``open`` then ``write`` then ``close`` or ``abort``."""

    async def whole(self, status: int, headers: Headers, body: bytes) -> None: ...
    async def open(self, status: int, headers: Headers) -> None: ...
    async def write(self, data: bytes) -> None:
        """Send one piece; waits while the caller is slow. Raises ``ClientGone``."""

    async def close(self) -> None: ...
    def abort(self) -> None:
        """Break the connection, so that a broken answer cannot pass for a whole one."""


class Body(Protocol):
    """A body that is sent while it comes: so many bytes, or None where only its end will tell."""

    length: int | None

    async def piece(self) -> bytes:
        """The next piece, ``b""`` at the end. Raises a ``CallError`` that ends the exchange, or ``ClientGone``."""


class Answer(Protocol):
    """An upstream's answer. ``close`` is always called; before the end of the body it cancels the upstream at once."""

    status: int
    headers: Headers
    coding: bytes  # content codings in lower case although none was asked for, as ``gzip``; empty for none

    async def read(self) -> bytes: ...
    async def piece(self) -> bytes:
        """What has come since the last piece, joined; ``b""`` at the end."""

    def arrived(self, most: int) -> bytes:
        """What has come and was not taken, at most so many bytes, without waiting: also of one that broke or was closed."""

    def close(self) -> None: ...


class Wire(Protocol):
    """The sockets to upstreams. Raises ``UpstreamFailed``, ``UpstreamTimedOut`` and ``Busy``."""

    async def send(
        self,
        upstream: Upstream,
        method: str,
        target: str,
        headers: list[tuple[bytes, bytes]],
        body: bytes | Body,
        on_sent: OnSent | None = None,
    ) -> Answer:
        """Ask; the answer has begun. ``on_sent`` is told as soon as an upstream may bill, whatever happens then."""


class Permit(Protocol):
    """Leave to ask an upstream once. Whoever has it must end it, whatever happens."""

    upstream: Upstream

    def answered(self, verdict: Verdict) -> None:
        """The head of the answer is here: the first word on how it goes, and not the last."""

    def ended(self, verdict: Verdict) -> None:
        """Nothing more is asked or read: give the place back and say how it went. Later tellings change nothing."""


class Permits(Protocol):
    """Who may be asked now: every upstream has a breaker, a bound on parallel calls, and a bounded queue."""

    def take(self, upstreams: Sequence[Upstream]) -> Permit | None:
        """Leave to ask the first of these that takes a call at once; None where all are full or left alone."""

    async def wait(self, upstreams: Sequence[Upstream]) -> Permit:
        """Leave to ask one of these, after a wait in its queue, or although it is throttled when nobody else is left.

        Raises ``Busy``: all are left alone, their queues are full, or the wait was too long.
        """

    def may_ask(self, upstreams: Sequence[Upstream]) -> bool:
        """Whether the breaker of any of these would let a call through now."""


class KeySets(Protocol):
    """What identity providers publish: the newest good key set of a URL, as its bytes."""

    def document(self, url: str) -> bytes | None:
        """The same object until another one comes; None while there is none."""

    async def newer(self, url: str) -> bool:
        """Ask the URL again, unless callers caused that a moment ago; waits a moment at most, and never raises.

        False: its provider does not answer, so that nobody can say whether the document is the one of now.
        """


class Catalog(Protocol):
    """What upstreams say of their models."""

    async def models(self, upstream: Upstream) -> Mapping[str, dict[str, Any]]:
        """Entries of its list by model, as its API writes them; empty while it has told none. Never raises."""


class Meters(Protocol):
    """Holds and counters in the store."""

    async def hold(self, hold: Hold, wishes: Sequence[Obligation]) -> Held:
        """Room on every meter, or on none.

        While the store is away, ``wishes`` (in the order of the draws) say what may be granted here, marked ``local``;
        else raises ``StoreAway`` within the deadline.
        """

    def time_us(self) -> int:
        """The store's clock as known here, without asking."""

    async def spent(self, key: str) -> Standing:
        """How a budget's key stands now; raises ``StoreAway``."""

    async def extend(self, hold: Hold, draws: Sequence[Draw], wishes: Sequence[Obligation]) -> Extended:
        """Have a hold come to ``draws``, its own with larger amounts, on every meter or on none; asking twice takes once.

        Where a rule in force says ``on_outgrown: cut`` there must be room; else it is taken all the same. Never raises.
        """

    def touch(self, hold: Hold, so_far_nusd: int) -> None:
        """Refresh the lease and say what an orphan would cost by now; returns at once."""

    def ended(self, hold: Hold, nusd: int) -> None:
        """A held call is booked with this cost, which its journal will settle; returns at once and never raises."""

    def release(self, hold: Hold) -> None:
        """Give a hold up unused and refuse its id for a while; returns at once."""


class Usage(Protocol):
    """What scopes did lately, for rules that ask. Nothing here waits, fails, or is money truth."""

    def add(self, org: str, scopes: Iterable[str], counts: Counts) -> None: ...
    def watch(self, org: str, watch: Watch) -> None: ...
    def of(self, org: str, scope: str, ladders: Sequence[str]) -> Lately:
        """A scope, with ladders on it: what happened here, and what the store said at most a minute ago, if it was asked."""


class Settler(Protocol):
    """The store's side of the books, called in the journal's order."""

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Count committed entries of one org and journal, in order; raises ``Gap`` and ``StoreAway``."""

    async def applied(self, org: str, journal: str) -> int | None:
        """The last entry counted; None when the store knows nothing of this journal."""

    async def post_totals(
        self, org: str, journal: str, seq: int, totals: Sequence[Charge], recent: Sequence[Settlement] = ()
    ) -> None:
        """Add a journal's sums up to ``seq`` where the store knows nothing of it, else nothing; raises ``StoreAway``.

        ``recent`` are entries in these sums that may have a hold in the store, or that a final one may still replace.
        """

    async def claim_expired(self, org: str, limit: int) -> list[Expired]: ...


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


DRAINING = "draining"  # the message of the CancelledError when a walk is cut because we are ending, not its caller
NewId = Callable[[], str]
Later = Callable[[Awaitable[None]], None]  # run something that must outlive the call

"""Holds, counters and what was counted lately, in the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from proxy.domain.decision import Obligation, Watch
from proxy.domain.lately import Counts, Lately
from proxy.domain.meter import Charge, Draw, Expired, Extended, Held, Hold, Settlement, Standing
from proxy.domain.repeat import Asked


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


class Repeats(Protocol):
    """Counts what calls repeat, by team and day. Nothing here waits, fails, or is money truth."""

    def add(self, asked: Asked) -> None: ...


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

"""Answers that may be given again, and the duty to find one for all who wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from proxy.domain.reuse import CacheKey, Entry, Hit, Missed


class Lead(Protocol):
    """The duty to find an answer that is not there, for all who ask for it meanwhile. Whoever has it must end it, once.

    Both ends return at once and never raise; the first one counts.
    """

    @property
    def is_refresh(self) -> bool:
        """There is an answer, and this caller asked again so soon after getting it that they shall have a fresh one."""

    @property
    def is_older(self) -> bool:
        """There is an answer, older than was asked for."""

    async def is_wanted(self) -> bool:
        """Whether somebody else waits for it, in this process or, as of a second ago, in another one. Never raises."""

    def deposit(self, entry: Entry) -> None:
        """Give the answer to whoever waits, and store it."""

    def give_up(self, *, alone: bool = False) -> None:
        """There is no answer: those who wait elect another. ``alone``: there is one that cannot be shared, so nobody waits."""


class Answers(Protocol):
    """Stored answers, and who is about to find one. Whatever is wrong with the cache, it costs a call 60 ms at most."""

    @property
    def troubles(self) -> Mapping[str, int]:
        """What went wrong since the start, by kind: look-ups, deposits, entries that were not what they should be."""

    async def ask(
        self,
        key: CacheKey,
        *,
        caller: str,
        max_age_s: float | None = None,
        fresh: bool = False,
        only_if_cached: bool = False,
    ) -> Hit | Lead | Missed:
        """An answer, or the duty to find one. Where somebody has that duty, waits for their answer, half a minute at most.

        ``caller`` is the key, and who holds it. ``fresh``: never a stored one; ``only_if_cached``: never a duty. Never raises.
        """

    async def peek(self, key: CacheKey) -> Hit | None:
        """What is stored, shadows included, and nothing changes. None also while the cache is away."""

    def put(self, key: CacheKey, entry: Entry) -> None:
        """Store an answer that nobody waits for; returns at once and never raises."""

    async def forget(self, org: str, scopes: Sequence[str], name: str) -> bool:
        """Delete the answer of this name, also one that is on its way; whether there was one. Raises ``StoreAway``.

        What was asked before is stored no more, and given to nobody who asks from now on.
        """

    async def flush(self, org: str, scope: str) -> None:
        """Delete all answers of a scope, those under way included. Raises ``StoreAway``."""

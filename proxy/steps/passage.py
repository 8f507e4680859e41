"""What the relay needs of whatever brings an answer: an attempt upstream, or an answer that is reused."""

from __future__ import annotations

from typing import Protocol

from proxy.domain.errors import QuotaSpent
from proxy.ports import Answer
from proxy.steps.limit_headers import Pairs
from proxy.steps.visit import Plan


class Passage(Protocol):
    """One answer on its way to its caller."""

    def answered(self, answer: Answer) -> None:
        """The answer has begun."""

    async def read(self) -> bytes:
        """The whole of an answer that is buffered."""

    def feed(self, piece: bytes) -> None:
        """One piece of a stream has come."""

    @property
    def cut(self) -> QuotaSpent | None:
        """Why the relay must end the stream now; None: it may go on."""

    def head(self, plan: Plan, answer: Answer, *, is_unpacked: bool = False) -> Pairs:
        """Headers for the caller, before anything is known of the cost. ``is_unpacked``: it is compressed no more."""

    def costs(self) -> Pairs:
        """What a buffered answer cost, or saved."""

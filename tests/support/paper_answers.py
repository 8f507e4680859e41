"""A cache on paper: says what a test tells it to, and notes what it is asked, given and told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.domain.errors import StoreAway
from proxy.domain.reuse import CacheKey, Entry, Hit, Missed
from proxy.ports import Lead


@dataclass
class PaperLead:
    """A duty, and how it ended. ``wanted``: somebody waits."""

    is_refresh: bool = False
    is_older: bool = False
    wanted: bool = False
    deposited: list[Entry] = field(default_factory=list)
    given_up: list[bool] = field(default_factory=list)  # whether alone

    async def is_wanted(self) -> bool:
        return self.wanted

    def deposit(self, entry: Entry) -> None:
        self.deposited.append(entry)

    def give_up(self, *, alone: bool = False) -> None:
        self.given_up.append(alone)


class PaperAnswers:
    """Satisfies ``ports.Answers``; ``says`` is what it answers."""

    def __init__(self, says: Hit | Lead | Missed | None = None, *, away: bool = False) -> None:
        self.says = says
        self.away = away
        self.asked: list[tuple[CacheKey, dict[str, Any]]] = []
        self.put_in: list[tuple[CacheKey, Entry]] = []
        self.forgotten: list[tuple[str, Sequence[str], str]] = []
        self.troubles: Mapping[str, int] = {}

    async def ask(self, key: CacheKey, **wishes: Any) -> Hit | Lead | Missed:
        self.asked.append((key, wishes))
        return self.says or Missed("away")

    async def peek(self, key: CacheKey) -> Hit | None:
        self.asked.append((key, {}))
        return self.says if isinstance(self.says, Hit) else None

    def put(self, key: CacheKey, entry: Entry) -> None:
        self.put_in.append((key, entry))

    async def forget(self, org: str, scopes: Sequence[str], name: str) -> bool:
        if self.away:
            raise StoreAway
        self.forgotten.append((org, scopes, name))
        return self.says is not None

    async def flush(self, org: str, scope: str) -> None:
        self.forgotten.append((org, (scope,), ""))

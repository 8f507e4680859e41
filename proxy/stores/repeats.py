"""What calls repeat, counted by team and day: gathered here, looked up in the store by all workers together.

Nothing of it happens on a call's time. Calls wait in memory for the next round, equal ones of one person as one; a script
then looks their prints up, counts, and says what it found. While the store is away they wait, up to a bound, and beyond it
only their sums are kept, as calls that nobody looked at. What the store may have taken is not sent again: statistics may
lack the seconds of a failure, and never count them twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from proxy.domain.errors import StoreAway
from proxy.domain.repeat import LOOP_S, WINDOW_S, Asked, Asker, Likeness, Sight, Standing, names
from proxy.stores import keys
from proxy.stores.errors import Unanswered
from proxy.stores.store import Store

ROUND_S: Final = 5.0
MOST_WAITING: Final = 1024  # different calls of a round; of those beyond only the sums are kept
MOST_UNREAD: Final = 1024  # teams' days of which such sums are kept
_BATCH: Final = 12  # in one script call: about a millisecond of the engine
_DEADLINE_S: Final = 1.0
_WHAT: Final = ("calls", "tokens", "nusd")

_encode: Final = msgspec.msgpack.Encoder().encode
Found = Callable[[Asked, Sight], None]
Stands = Callable[[Standing], None]


class Waiting(msgspec.Struct, gc=False):
    """Equal calls of one person: the first of them, and the sums of all."""

    first: Asked
    calls: int
    tokens: int
    nusd: int

    def join(self, asked: Asked) -> None:
        """One more."""
        self.calls += 1
        self.tokens += asked.tokens
        self.nusd += asked.nusd

    def rest(self) -> Asked | None:
        """What came after the first, as one."""
        if self.calls == 1:
            return None
        first = self.first
        return msgspec.structs.replace(first, tokens=self.tokens - first.tokens, nusd=self.nusd - first.nusd)


class StoreRepeats:
    """Satisfies ``ports.Repeats``. ``run`` is its only task; while nobody calls it waits."""

    def __init__(self, store: Store, found: Found, stands: Stands, *, round_s: float = ROUND_S) -> None:
        """``found`` hears what each call was seen to be, ``stands`` how a team's day stands then."""
        self._store = store
        self._found, self._stands = found, stands
        self._round_s = round_s
        self._waiting: dict[tuple[object, ...], Waiting] = {}
        self._unread: dict[tuple[object, ...], Waiting] = {}
        self._came = asyncio.Event()

    def add(self, asked: Asked) -> None:
        """Take a call; returns at once and never raises."""
        self._came.set()
        if asked.prints:
            key = (asked.org, asked.team, asked.day, asked.prints, asked.scopes)
            if (known := self._waiting.get(key)) is not None:
                known.join(asked)
                return
            if len(self._waiting) < MOST_WAITING:
                self._waiting[key] = _one(asked)
                return
        self._skip(asked)

    async def run(self) -> None:
        """Send, for ever."""
        while True:
            await self._came.wait()
            self._came.clear()
            await asyncio.sleep(self._round_s)
            await self.round()
            if self._waiting or self._unread:
                self._came.set()

    async def round(self) -> None:
        """Send all that waits. A store that is away leaves it for the next round."""
        with suppress(StoreAway):
            for gathered in (self._waiting, self._unread):
                for org, batch in _batches(gathered):
                    await self._send(org, batch, gathered)

    async def close(self) -> None:
        """Send what came last; ``run`` has ended."""
        await self.round()

    def _skip(self, asked: Asked) -> None:
        key = (asked.org, asked.team, asked.day)
        if (known := self._unread.get(key)) is not None:
            known.join(asked)
        elif len(self._unread) < MOST_UNREAD:
            self._unread[key] = _one(msgspec.structs.replace(asked, prints=(), scopes=()))

    async def _send(
        self, org: str, batch: Sequence[tuple[object, ...]], gathered: dict[tuple[object, ...], Waiting]
    ) -> None:
        sent = {key: waiting for key in batch if (waiting := gathered.pop(key, None))}
        items = list(sent.values())
        places = {
            place: number
            for number, place in enumerate(dict.fromkeys((one.first.team, one.first.day) for one in items), 1)
        }
        flat = [part for one in items for part in _item(one, places)]
        where = [name for team, day in places for name in (keys.prints(org, team), keys.repeats(org, team, day))]
        try:
            reply: list[int] = await self._store.of(org).run(
                "repeats",
                (keys.open_holds(org), keys.never(org)),
                WINDOW_S,
                LOOP_S,
                _encode(where),
                _encode(flat),
                b"".join([part for one in items for part in one.first.prints]),
                deadline_s=_DEADLINE_S,
            )
        except Unanswered:
            raise
        except StoreAway:  # it certainly took nothing
            for waiting in sent.values():
                self._again(waiting, gathered)
            raise
        for one, code in zip(items, reply, strict=False):
            self._tell(one, code)
        for at, (team, day) in enumerate(places):
            tokens, repeated = reply[len(items) + 2 * at : len(items) + 2 * at + 2]
            self._stands(Standing(team, day, tokens, repeated))

    def _again(self, waiting: Waiting, gathered: dict[tuple[object, ...], Waiting]) -> None:
        """Put back what the store did not take; calls that came meanwhile repeat it."""
        first = waiting.first
        key = (first.org, first.team, first.day) + ((first.prints, first.scopes) if first.prints else ())
        if (later := gathered.get(key)) is not None:
            waiting = Waiting(
                first, waiting.calls + later.calls, waiting.tokens + later.tokens, waiting.nusd + later.nusd
            )
        gathered[key] = waiting

    def _tell(self, one: Waiting, code: int) -> None:
        if not one.first.prints:
            return
        self._found(one.first, Sight(Likeness(code & 3), Asker(code >> 2 & 3), code >> 4))
        if (rest := one.rest()) is not None:
            self._found(rest, Sight(Likeness.EXACT, Asker.LOOP, (1 << len(rest.prints)) - 1))


async def days_of(store: Store, org: str, team: str, day: str) -> dict[str, tuple[int, int, int]]:
    """What was counted of a team's day: calls, tokens and nano-dollars by ``domain.repeat.names``. Raises ``StoreAway``."""
    told = [f"{name}:{what}" for name in names() for what in _WHAT]
    reply = await store.of(org).command("HMGET", keys.repeats(org, team, day), *told, deadline_s=_DEADLINE_S)
    figures = [int(value or 0) for value in reply]
    return {name: (figures[at], figures[at + 1], figures[at + 2]) for at, name in zip(_thirds(), names(), strict=True)}


def _thirds() -> range:
    return range(0, 3 * len(names()), 3)


def _one(asked: Asked) -> Waiting:
    return Waiting(asked, 1, asked.tokens, asked.nusd)


def _item(one: Waiting, places: dict[tuple[str, str], int]) -> tuple[int, ...]:
    first = one.first
    kinds = 0 if not first.prints else 1 if first.is_brief else 3
    place = places[first.team, first.day]
    return (place, first.at, one.calls, one.tokens, one.nusd, first.tokens, first.nusd, kinds, len(first.prints))


def _batches(gathered: Iterable[tuple[object, ...]]) -> list[tuple[str, list[tuple[object, ...]]]]:
    """Some of one org at a time, in the order in which they came."""
    by_org: dict[str, list[tuple[object, ...]]] = {}
    for key in gathered:
        by_org.setdefault(str(key[0]), []).append(key)
    return [(org, some[at : at + _BATCH]) for org, some in by_org.items() for at in range(0, len(some), _BATCH)]

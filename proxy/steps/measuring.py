"""What answered calls asked, as fingerprints for counting repeats: made once their answers are out, beside the calls.

A flood cannot eat the loop: of its time a small share goes into fingerprints. What waits for them is bounded; under load
only exact prints are made, and of what finds no room only sums are kept. Failed and abandoned calls leave nothing, so that
trying again is no repeat; nor do calls that cost nothing, so that what the cache answered is none either.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Final, NamedTuple

import msgspec

from proxy import ports
from proxy.dedup.fingerprint import Prints, exact_print, fingerprints, scoped
from proxy.domain.ask import Ask
from proxy.domain.repeat import Asked
from proxy.domain.row import VERIFY, Outcome, Row
from proxy.steps.visit import Plan, Visit

SHARE: Final = 0.02  # of the loop's time
SLICE_S: Final = 0.0005  # of work, then everybody else has their turn
MOST: Final = 1024  # calls that wait
MOST_BYTES: Final = 16 << 20  # that their prompts hold in memory
CROWDED: Final = 256  # beyond so many that wait, only exact prints are made
_APART: Final = 1 << 18  # bytes beyond which even an exact print is made in a thread
_REMEMBERED: Final = 1024  # prompts whose prints are known: what is asked in a loop costs its exact print alone
_DAY_S: Final = 86_400
_FIRST_DAY: Final = date(1970, 1, 1).toordinal()


class _Sample(NamedTuple):
    """A call whose prints are yet to be made. ``content``: the texts of its prompt, or its body where that is no text."""

    asked: Asked
    secret: bytes
    person: str
    scopes: tuple[str, ...]
    content: tuple[str, ...] | bytes
    size: int

    def __repr__(self) -> str:
        """The content is the caller's prompt."""
        return f"_Sample({self.size} bytes)"


class Measuring:
    """Of one worker. ``booked`` is on the walk, ``run`` is its only task."""

    def __init__(
        self,
        repeats: ports.Repeats,
        monotonic: Callable[[], float],
        report: Callable[[str, str, Exception], None],
        rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``monotonic`` measures our own work, after which we ``rest``; ``report`` is ``World.report``."""
        self._repeats = repeats
        self._now = monotonic
        self._report = report
        self._rest = rest
        self._queue: deque[_Sample] = deque()
        self._bytes = 0
        self._came = asyncio.Event()
        self._known: dict[bytes, Prints] = {}  # by exact print; the oldest is first

    def booked(self, visit: Visit, plan: Plan, row: Row, scopes: Sequence[str] = ()) -> None:
        """Take an attempt that has left its row; returns at once. ``scopes``: whose repeats rules ask about."""
        tokens = row.usage.input or 0
        if row.outcome is not Outcome.OK or row.upstream is None or not (tokens or row.cost_nusd):
            return
        if row.cache == VERIFY:  # nobody asked for it but ourselves
            return
        asked = Asked(row.org, row.team, _day(row.at), int(row.at), tokens, row.cost_nusd, person=row.principal)
        content = _content(plan.ask)
        size = plan.ask.features.text_bytes if type(content) is tuple else len(content)
        if not content or len(self._queue) >= MOST or self._bytes + size > MOST_BYTES:
            self._repeats.add(asked)
            return
        secret = visit.generation.directory.fingerprint_key
        self._queue.append(_Sample(asked, secret, row.principal, tuple(scopes), content, size))
        self._bytes += size
        self._came.set()

    async def run(self) -> None:
        """Make prints, for ever."""
        while True:
            await self._came.wait()
            self._came.clear()
            while self._queue:
                began = self._now()
                until = began + SLICE_S
                while self._queue and self._now() < until:
                    await self._next()
                await self._rest((self._now() - began) / SHARE)

    async def finish(self) -> None:
        """Make those that wait; ``run`` has ended, and there are no more calls."""
        while self._queue:
            await self._next()

    async def _next(self) -> None:
        is_crowded = len(self._queue) > CROWDED
        sample = self._queue.popleft()
        self._bytes -= sample.size
        if sample.size > _APART:
            prints = Prints(await asyncio.to_thread(exact_print, sample.secret, sample.content))
        else:
            prints = self._prints(sample, is_crowded=is_crowded)
        self._repeats.add(_told(sample, prints))

    def _prints(self, sample: _Sample, *, is_crowded: bool) -> Prints:
        secret, content = sample.secret, sample.content
        exact = exact_print(secret, content)
        if (known := self._known.get(exact)) is not None:
            return known
        if is_crowded or type(content) is not tuple:
            return Prints(exact)
        try:
            prints = fingerprints(secret, content)
        except Exception as bug:  # noqa: BLE001 - a mistake in comparing prompts must not end the counting
            self._report("prompt_not_compared", "", bug)
            return Prints(exact)
        if len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[exact] = prints
        return prints


def _content(ask: Ask) -> tuple[str, ...] | bytes:
    """What is compared: the texts, or the whole body where there is more than texts; nothing of an upload."""
    features = ask.features
    if not features.texts or features.images or features.media_bytes:
        return ask.body
    return features.texts


def _told(sample: _Sample, prints: Prints) -> Asked:
    team = tuple([one for one in prints if one])
    all_prints = [*team, *scoped(sample.secret, team, sample.person)]
    like = min(1, len(team) - 1)  # near, where there is one
    scopes = []
    for name in sample.scopes:
        kind = name.partition(":")[0]
        if kind in ("org", "team"):  # an org's repeats are looked for within each team, as far as the cache shares
            scopes.append((name, like))
        elif kind == "user":
            scopes.append((name, len(team) + like))
        else:
            scopes.append((name, len(all_prints)))
            all_prints += scoped(sample.secret, (team[like],), name)
    return msgspec.structs.replace(
        sample.asked, prints=tuple(all_prints), is_brief=len(team) == 1, scopes=tuple(scopes)
    )


def _day(at: float) -> str:
    return date.fromordinal(_FIRST_DAY + int(at // _DAY_S)).isoformat()

"""A world of workers, journals and one store that is flushed, set back, paused and raced: what the ledger test drives.

The journals are on paper, everything else is real: engine, scripts, client. Time moves by moving every time that the store
keeps, which the scripts cannot tell from a clock that moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import Any, Final

import msgspec

from proxy.domain.decision import Obligation
from proxy.domain.meter import Charge, Draw, Expired, Extension, Gap, Hold, HoldState, MeterKind, Settlement, Unit
from proxy.stores.meters import StoreMeters
from proxy.stores.settler import StoreSettler
from proxy.stores.store import Store
from tests.support.paper_journal import PaperJournals

ORG: Final = "acme"
LEASE_S: Final = 1000.0
PERIOD_S: Final = 3600
JOURNALS: Final = "ABCD"
COMMAND: Final = "D"  # where commands write, and calls as well

_MOVE = """
local by_ms, by_us = tonumber(ARGV[1]), tonumber(ARGV[2])
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', key).ok
  if kind == 'zset' then
    for _, name in ipairs(redis.call('ZRANGE', key, 0, -1)) do redis.call('ZINCRBY', key, string.format('%d', -by_ms), name) end
  elseif kind == 'string' and string.find(key, ':rate', 1, true) then
    redis.call('SET', key, string.format('%d', math.max(1, tonumber(redis.call('GET', key)) - by_us)), 'KEEPTTL')
  end
end"""


def move(raw: Any, seconds: int) -> None:
    """Let time pass in a store, or let its clock jump: every time that it keeps moves the other way."""
    raw.eval(_MOVE, 0, seconds * 1000, seconds * 1_000_000)


class Lane(msgspec.Struct):
    """How far a worker believes the store has counted its journal, and the batch it has sent and not seen answered."""

    settled: int = 0
    unsure: bool = True
    flight: list[Settlement] = []


class World:
    """Two replicas of the proxy, three journals, one store. ``random`` decides everything."""

    def __init__(self, random: Random, stores: list[Store], raw: Any) -> None:
        self.random = random
        self.raw = raw
        self.meters = [StoreMeters(store, lease_s=LEASE_S) for store in stores]
        self.settlers = [StoreSettler(store, lease_s=0, claim_s=LEASE_S) for store in stores]
        self.lanes = {name: Lane() for name in JOURNALS}
        self.journals = PaperJournals(ORG, JOURNALS)
        self.owed: dict[str, tuple[Hold, str]] = {}  # holds that were given up, whose worker has not said so yet
        self.live: dict[str, tuple[Hold, str]] = {}  # calls that run, and whose worker has them
        self.copy: list[tuple[bytes, bytes]] | None = None
        self.offset_s = self.generation = self.calls = 0  # the first: of the world's clock to the engine's
        self.done: Counter[str] = Counter()

    async def step(self) -> None:
        """Let one thing happen."""
        things: dict[Callable[[], Awaitable[None]], float] = {
            self.begin: 30, self.touch: 8, self.extend: 8, self.end: 18, self.release: 6, self.crash: 0.7, self.claim: 8,
            self.send: 25, self.deliver: 20, self.resend: 3, self.wait: 5, self.jump: 1, self.save: 4,
            self.failover: 2.5, self.flush: 0.7, self.edit_policy: 1, self.amend: 4, self.command: 2,
        }  # fmt: skip
        (thing,) = self.random.choices(list(things), list(things.values()))
        await thing()
        self.done[thing.__name__] += 1

    # What callers and workers do.

    async def begin(self) -> None:
        self.calls += 1
        journal = self.random.choice(JOURNALS)
        late = self.random.choice((0, 0, 0, 0, 1, 2))  # answers that came too late: the next name is tried
        for tried in range(late + 1):
            name = f"call{self.calls}:1{f'.{tried}' if tried else ''}"
            hold = Hold(name, ORG, self._draws(), b"{}", self.random.randint(0, 30))
            if tried < late:
                await self._meters(journal).hold(hold)
                self.owed[name] = hold, journal
        for _ in range(self.random.choice((1, 1, 1, 2))):
            held = await self._meters(journal).hold(hold)
        if held.state is HoldState.ADMITTED:
            self.live[hold.id] = hold, journal

    async def touch(self) -> None:
        if self.live:
            hold, journal = self.live[self.random.choice(list(self.live))]
            self._meters(journal).touch(hold, self.random.randint(0, 50))
            await self._meters(journal).drain()

    async def extend(self) -> None:
        """A stream outgrows its hold, and more is held, once or twice; its worker hears of it or not."""
        if self.live:
            hold, journal = self.live[self.random.choice(list(self.live))]
            draws = tuple(
                msgspec.structs.replace(draw, amount=draw.amount + self.random.choice((0, 1, 40)))
                if draw.kind is not MeterKind.PARALLEL
                else draw
                for draw in hold.draws
            )
            wishes = [
                Obligation("r", d.kind, d.unit, "org", d.limit, on_outgrown=self.random.choice(("finish", "cut")))
                for d in draws
            ]
            for _ in range(self.random.choice((1, 1, 2))):
                answer = await self._meters(journal).extend(hold, draws, wishes)
            if answer.state is Extension.HELD and self.random.random() < 0.8:
                self.live[hold.id] = msgspec.structs.replace(hold, draws=draws), journal

    async def end(self) -> None:
        if self.live:
            hold_id = self.random.choice(list(self.live))
            hold, journal = self.live.pop(hold_id)
            charges = tuple(
                self._charge(draw, self.random.choice((0, draw.amount, self.random.randint(0, 90))))
                for draw in hold.draws
            )
            if self.random.random() < 0.1:
                charges = (*charges, Charge(f"{{{ORG}}}:m:added", MeterKind.BUDGET, 7))
            self.journals.end(journal, hold_id, charges)

    async def amend(self) -> None:
        """Somebody grants something, takes it back, or corrects what was spent, by a command that may end before it settles.

        It writes to a journal of its own, or (nothing forbids it) to that of a worker.
        """
        draw = self.random.choice([draw for draw in self._budgets() if draw.kind is MeterKind.BUDGET])
        kind = self.random.choice((MeterKind.GRANT, MeterKind.GRANT, MeterKind.BUDGET))
        amount = self.random.choice((0, self.random.randint(-40, 200)))
        self.journals.amend(
            self.random.choice((COMMAND, COMMAND, "A")), Charge(draw.key, kind, amount, 0, draw.period_end)
        )

    async def command(self) -> None:
        """A command and a worker settle the command's journal at the same time, each going by its own reading."""
        settled = self.lanes[COMMAND].settled
        if self.lanes[COMMAND].unsure or not (batch := self.journals.read(COMMAND, settled, 3)):
            return
        for settler in self.settlers:
            with suppress(Gap):
                await settler.settle(batch)

    async def release(self) -> None:
        """A hold is given up, or a worker says at last that one was."""
        if among := self.random.choice((self.live, self.owed)):
            hold, journal = among.pop(self.random.choice(list(among)))
            self._meters(journal).release(hold)
            await self._meters(journal).drain()

    async def crash(self) -> None:
        """A worker dies: its calls never end, what it sent may or may not have arrived; another takes its journal over."""
        dead = self.random.choice(JOURNALS)
        self.live = {name: call for name, call in self.live.items() if call[1] != dead}
        self.owed = {name: call for name, call in self.owed.items() if call[1] != dead}
        await self._doubt(dead)

    async def claim(self) -> None:
        sweeper = self.random.choice(JOURNALS)
        for orphan in await self._settler(sweeper).claim_expired(ORG, self.random.choice((1, 3, 64))):
            await self._sweep(sweeper, orphan)

    # What journals and the store say to each other.

    async def send(self) -> None:
        """Read what is next from the file; it will arrive later."""
        lane = self.lanes[name := self.random.choice(JOURNALS)]
        if lane.flight:
            return
        if lane.unsure:
            await self._compare(name)
        lane.flight = self.journals.read(name, lane.settled, self.random.choice((1, 2, 8)))

    async def deliver(self) -> None:
        await self._deliver(self.random.choice(JOURNALS))

    async def resend(self) -> None:
        """Something that was counted is sent again."""
        name = self.random.choice(JOURNALS)
        lane = self.lanes[name]
        if lane.settled and not lane.flight and not lane.unsure:
            lane.flight = self.journals.read(name, self.random.randrange(lane.settled), self.random.choice((1, 3)))
            await self._deliver(name)

    # What the world does.

    async def wait(self) -> None:
        self._move(self.random.choice((1, 400, 700, 1100)))

    async def jump(self) -> None:
        """The store's clock goes somewhere else."""
        self._move(self.random.choice((-90_000, -5_000, 5_000, 90_000)))

    async def save(self) -> None:
        names = self.raw.keys("*")
        pipeline = self.raw.pipeline()
        for name in names:
            pipeline.dump(name)
        self.copy = list(zip(names, pipeline.execute(), strict=True))
        self.copied_at = self.offset_s

    async def failover(self) -> None:
        """The store becomes what it was: connections break, and nothing on its way arrives."""
        if self.copy is None:
            return
        for name in JOURNALS:
            await self._doubt(name)
        pipeline = self.raw.pipeline()
        pipeline.flushall()
        for key, value in self.copy:
            pipeline.restore(key, 0, value)
        pipeline.execute()
        now, self.offset_s = self.offset_s, self.copied_at
        self._move(now - self.copied_at)

    async def flush(self) -> None:
        """The store forgets everything while it is used.

        A batch that a worker has read and not yet sent still arrives, unless it holds a sweep: that its final entry is
        written and the store flushed within that millisecond is the one order of things that is not healed.
        """
        for name, lane in self.lanes.items():
            if any(entry.swept for entry in lane.flight):
                await self._doubt(name)
        self.raw.flushall()
        self.copy = None

    async def edit_policy(self) -> None:
        self.generation += 1

    async def come_to_rest(self) -> None:
        """Every call ends or is given up, every lease runs out, every journal is counted."""
        while self.live:
            await self.random.choice((self.crash, self.end, self.end))()
        for _ in range(6):
            for name in JOURNALS:
                await self._doubt(name)
                await self._catch_up(name)
            self._move(round(3 * LEASE_S))
            for name in JOURNALS:
                for orphan in await self._settler(name).claim_expired(ORG, 1000):
                    await self._sweep(name, orphan)
            behind = any(lane.unsure or lane.settled < self.journals.last(name) for name, lane in self.lanes.items())
            if not behind and not self.raw.zcard(f"{{{ORG}}}:open"):
                return
        raise AssertionError("the journals never come to rest")

    # How a worker settles.

    async def _sweep(self, name: str, orphan: Expired) -> None:
        amount = max(orphan.so_far_nusd, orphan.floor_nusd)
        charges = tuple(self._charge(draw, amount) for draw in orphan.draws)
        standing = self.journals.sweep(name, orphan.hold_id, charges)
        if standing is not None:
            try:
                await self._settler(name).settle([standing])
            except Gap:
                self.lanes[standing.journal].unsure = True

    async def _deliver(self, name: str) -> None:
        lane = self.lanes[name]
        batch, lane.flight = lane.flight, []
        try:
            await self._settler(name).settle(batch)
        except Gap:
            lane.unsure = True
        else:
            lane.settled = max(lane.settled, batch[-1].seq) if batch else lane.settled

    async def _doubt(self, name: str) -> None:
        """A connection broke: what was on its way is lost, or was counted and the answer is lost."""
        lane = self.lanes[name]
        if self.random.random() < 0.5:
            await self._deliver(name)
        lane.flight, lane.unsure = [], True

    async def _compare(self, name: str) -> None:
        lane, last = self.lanes[name], self.journals.last(name)
        applied = await self._settler(name).applied(ORG, name)
        if applied is None and last:
            recent = self.journals.read(name, 0, last)
            await self._settler(name).post_totals(ORG, name, last, self.journals.totals(name), recent)
            applied = last
        lane.settled, lane.unsure = applied or 0, False

    async def _catch_up(self, name: str) -> None:
        lane = self.lanes[name]
        while lane.unsure or lane.settled < self.journals.last(name):
            if lane.unsure:
                await self._compare(name)
            lane.flight = self.journals.read(name, lane.settled, 64)
            await self._deliver(name)

    def _draws(self) -> tuple[Draw, ...]:
        """What the policy of this generation wants: keys, limits and modes change from one to the next."""
        random, rule = self.random, self.generation % 3
        tag = f"{{{ORG}}}:m:"
        draws = [
            *self._budgets(),
            Draw(f"{tag}rate", MeterKind.RATE, Unit.TOKENS, random.randint(0, 50), 10**5, interval_us=1000),
            Draw(f"{tag}live-{rule}", MeterKind.PARALLEL, Unit.CALLS, 1, 30, enforce=rule != 1),
        ]
        return tuple(random.sample(draws, random.randint(0, len(draws))))

    def _budgets(self) -> list[Draw]:
        random, rule = self.random, self.generation % 3
        start = (self._now_s() // PERIOD_S - (random.random() < 0.05)) * PERIOD_S
        since, until = start - self.offset_s, start + PERIOD_S - self.offset_s
        tag = f"{{{ORG}}}:m:"
        return [
            Draw(f"{tag}budget-total", MeterKind.BUDGET, Unit.NUSD, random.randint(0, 50), 10**12),
            Draw(
                f"{tag}budget-{rule}:{start}",
                MeterKind.BUDGET,
                Unit.NUSD,
                random.randint(0, 50),
                2_000 + 500 * rule,
                period_start=since,
                period_end=until,
            ),
        ]

    def _charge(self, draw: Draw, amount: int) -> Charge:
        return Charge(draw.key, draw.kind, amount, draw.interval_us, draw.period_end)

    def _now_s(self) -> int:
        return int(self.raw.time()[0]) + self.offset_s

    def _move(self, seconds: int) -> None:
        self.offset_s += seconds
        move(self.raw, seconds)

    def _meters(self, name: str) -> StoreMeters:
        return self.meters[JOURNALS.index(name) % 2]

    def _settler(self, name: str) -> StoreSettler:
        return self.settlers[JOURNALS.index(name) % 2]

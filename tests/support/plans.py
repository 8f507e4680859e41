"""Calls, plans and visits for tests of the walk's steps, and the small doubles that a step talks to."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from proxy.config.directory import Directory
from proxy.config.routes import Routes
from proxy.config.settings import Budget
from proxy.dialects import routes
from proxy.domain.ask import Ask
from proxy.domain.call import Attribution, Call
from proxy.domain.decision import Decision, Obligation
from proxy.domain.errors import CallError, ClientGone, StoreAway, UpstreamFailed
from proxy.domain.meter import Draw, Extended, Extension, Held, Hold, HoldState, Level, MeterKind, Standing, Unit
from proxy.domain.notice import Telling
from proxy.domain.principal import Principal
from proxy.domain.row import Row
from proxy.domain.upstream import Upstream
from proxy.metering.estimate import Estimate, Estimator
from proxy.metering.outputs import OutputHistory
from proxy.metering.prices import PriceBook
from proxy.metering.table import PriceTable
from proxy.metering.vocab import Vocabulary
from proxy.policy.draws import Amounts, draw
from proxy.policy.generation import Policy
from proxy.policy.rule import PolicySet
from proxy.policy.shorthand import budget_rule
from proxy.ports import Answer, Body, Headers, OnSent
from proxy.steps.generation import Generation
from proxy.steps.identity import Identity
from proxy.steps.leases import Leases
from proxy.steps.upload_aside import Shelf
from proxy.steps.visit import Plan, Visit
from proxy.steps.world import World
from proxy.upstream.catalog import UpstreamCatalog
from proxy.upstream.key_sets import PublishedKeys
from proxy.upstream.permits import UpstreamPermits
from tests.support.paper_answers import PaperAnswers
from tests.support.paper_usage import PaperUsage

NOON = 1_795_435_200  # 2026-11-23T12:00:00Z, a Monday
NOON_US = NOON * 1_000_000
REQUEST_ID = "0196a1f2-0000-7000-8000-0000000000ff"
ANN = Principal(
    "k_1", "acme", "growth", "p_ann", "ann@acme.example", project="crm", projects=frozenset({"crm", "site"})
)
UPSTREAM = Upstream("openai", "openai", "https://api.example/v1")
BUDGET = Obligation("config/budget", MeterKind.BUDGET, Unit.NUSD, "org", 100_000_000_000, owner="finance@acme.example")
RATE = Obligation("org/rate", MeterKind.RATE, Unit.REQUESTS, "team:growth", 60, interval_us=1_000_000)
TOKENS = Obligation("org/tokens", MeterKind.RATE, Unit.TOKENS, "team:growth", 10_000, interval_us=100)
PARALLEL = Obligation("org/parallel", MeterKind.PARALLEL, Unit.CALLS, "team:growth", 4)


def make_call(**attribution: Any) -> Call:
    """Ann's call to her own project, unless said otherwise."""
    what = Attribution(**({"team": "growth", "project": "crm"} | attribution))
    return Call(REQUEST_ID, float(NOON), ANN, what, "openai_chat", "/v1/chat/completions", "41c9e02", "theirs")


def make_plan(*obligations: Obligation, call: Call | None = None, **changes: Any) -> Plan:
    """A plan of 1,000 expected tokens and 5,000,000 nUSD."""
    match = routes.find("POST", "/v1/chat/completions")
    assert match is not None
    plan = Plan(
        call=call or make_call(),
        ask=Ask(match.endpoint, "gpt-5.1", b"{}", stream=True),
        dialect=match.dialect,
        upstream=UPSTREAM,
        model="gpt-5.1",
        estimate=Estimate(400, 900, 300, 0, 1, 1200, counted=True, media=False),
        amounts=Amounts(2_000_000, 5_000_000, 9_000_000, 1000),
        facts_json=b'{"team":"growth"}',
        price_version="v1",
        decision=Decision("d_7Kq2", "41c9e02", obligations),
        max_output=None,
    )
    return dataclasses.replace(plan, **changes)


def make_hold(plan: Plan) -> Hold:
    """What the plan's obligations hold at noon."""
    draws = tuple(draw(wish, "acme", plan.amounts, NOON_US) for wish in plan.decision.obligations)
    return Hold(f"{REQUEST_ID}:1", "acme", draws, b"{}")


def make_draw(unit: Unit, amount: int = 1, **changes: Any) -> Draw:
    """A draw on a meter of this unit."""
    return msgspec.structs.replace(Draw("{acme}:m", MeterKind.RATE, unit, amount, 10), **changes)


def held(*levels: Level, state: HoldState = HoldState.REFUSED, local: bool = False) -> Held:
    """The store's answer at noon."""
    return Held(state, levels, NOON_US, local=local)


@cache
def vocabulary() -> Vocabulary:
    """The vocabularies, read once."""
    return Vocabulary()


@cache
def price_table() -> PriceTable:
    """The price table, read once."""
    return PriceTable.load()


def make_generation(budget: Budget | None = None) -> Generation:
    """A generation with one upstream and at most one rule."""
    rules = (budget_rule(budget),) if budget else ()
    return Generation(
        "41c9e02",
        Directory("acme"),
        Routes((UPSTREAM,)),
        PriceBook(price_table(), (UPSTREAM,)),
        Policy(PolicySet("41c9e02", rules)),
    )


class FixedRequest:
    """A request that says what a test wants."""

    method = "POST"
    length: int | None = 0

    def __init__(self, raw_path: str = "/v1/chat/completions", headers: Mapping[str, str] | None = None) -> None:
        self.raw_path = raw_path
        self.headers = headers or {}

    def header(self, name: str) -> str | None:
        return self.headers.get(name)

    def listed(self, name: str) -> str | None:
        return self.headers.get(name)

    def forwardable(self, extra: frozenset[str]) -> list[tuple[bytes, bytes]]:
        return [(name.encode(), b"") for name in extra]

    async def read(self) -> bytes:
        return b""

    async def piece(self) -> bytes:
        return b""


class Recorder:
    """A reply and a gauge at once: notes what it is given. ``gone``: the caller has left."""

    def __init__(self, *, gone: bool = False) -> None:
        self.gone = gone
        self.said: list[tuple[str, Any]] = []

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        self._say("whole", (status, dict(headers), body))

    async def open(self, status: int, headers: Headers) -> None:
        self._say("open", (status, dict(headers)))

    async def write(self, data: bytes) -> None:
        self._say("write", data)

    async def close(self) -> None:
        self._say("close", None)

    def abort(self) -> None:
        self._say("abort", None)

    def refused(self, call: Call | None, error: CallError) -> None:
        self.said.append(("refused", (call, error.code)))

    def finished(self, row: Row) -> None:
        self.said.append(("finished", row))

    def stage(self, name: str, microseconds: float) -> None:
        self.said.append((name, microseconds))

    def decided(self, rule: str, mode: str, action: str) -> None:
        self.said.append((rule, (mode, action)))

    def found(self, rule: str, mode: str, place: str, detector: str, count: int) -> None:
        self.said.append((rule, (mode, place, detector, count)))

    def looked_up(self, result: str, reason: str) -> None:
        self.said.append(("looked up", (result, reason)))

    def kept(self, why: str) -> None:
        self.said.append(("kept", why))

    def forgotten(self, who: Principal, name: str) -> None:
        self.said.append(("forgotten", (who, name)))

    def failed_over(self, upstream: Upstream) -> None:
        self.said.append(("failed over", upstream.name))

    def began(self) -> None:
        self.said.append(("began", None))

    def ended(self) -> None:
        self.said.append(("ended", None))

    def _say(self, what: str, value: object) -> None:
        if self.gone:
            raise ClientGone
        self.said.append((what, value))


def make_visit(reply: Recorder | None = None, path: str = "/v1/chat/completions", **changes: Any) -> Visit:
    """A visit that has just begun."""
    visit = Visit(
        request=FixedRequest(path),
        reply=reply or Recorder(),
        request_id=REQUEST_ID,
        at=float(NOON),
        began=0.0,
        generation=make_generation(),
        dialect=routes.family_of(path),
        read_at=0.0,
    )
    return dataclasses.replace(visit, **changes)


class NoonMeters:
    """A store where it is noon: admits everything, knows what was spent, and notes what it is told."""

    def __init__(self, spent: int = 0, reserved: int = 0, granted: int = 0, *, away: bool = False) -> None:
        self.amounts, self.away = (spent, reserved, granted), away
        self.asked: list[str] = []
        self.held: list[Hold] = []
        self.extended: list[tuple[Hold, tuple[Draw, ...]]] = []
        self.touched: list[tuple[Hold, int]] = []
        self.ended_at: list[tuple[Hold, int]] = []
        self.released: list[Hold] = []

    async def hold(self, hold: Hold, wishes: Sequence[Obligation]) -> Held:
        self.held.append(hold)
        return held(*(Level(over=False, level=0) for _ in wishes), state=HoldState.ADMITTED)

    def time_us(self) -> int:
        return NOON_US

    async def spent(self, key: str) -> Standing:
        self.asked.append(key)
        if self.away:
            raise StoreAway
        return Standing(*self.amounts)

    async def extend(self, hold: Hold, draws: Sequence[Draw], wishes: Sequence[Obligation]) -> Extended:
        assert len(draws) == len(wishes)
        self.extended.append((hold, tuple(draws)))
        return Extended(Extension.HELD)

    def touch(self, hold: Hold, so_far_nusd: int) -> None:
        self.touched.append((hold, so_far_nusd))

    def ended(self, hold: Hold, nusd: int) -> None:
        self.ended_at.append((hold, nusd))

    def release(self, hold: Hold) -> None:
        self.released.append(hold)


class PaperNotices:
    """Notes what is told."""

    def __init__(self) -> None:
        self.told: dict[str, Telling] = {}

    def knows(self, once: str) -> bool:
        return once in self.told

    def tell(self, telling: Telling) -> None:
        self.told[telling.once] = telling


class PaperBooks:
    """Books on paper."""

    healthy = True

    def __init__(self) -> None:
        self.booked: list[tuple[Row, Hold | None]] = []

    def book(self, row: Row, hold: Hold | None) -> None:
        self.booked.append((row, hold))

    async def open(self, row: Row) -> None:
        self.booked.append((row, None))


class CutWire:
    """Leads nowhere."""

    async def send(
        self,
        upstream: Upstream,
        method: str,
        target: str,
        headers: list[tuple[bytes, bytes]],
        body: bytes | Body,
        on_sent: OnSent | None = None,
    ) -> Answer:
        if on_sent is not None:
            on_sent(False)
        raise UpstreamFailed(f"{upstream.name} {method} {target} {len(headers)} {type(body).__name__}")


class NoonClock:
    """Noon, always."""

    def now(self) -> float:
        return float(NOON)

    def monotonic(self) -> float:
        return 0.0


def make_world(gauge: Recorder | None = None, meters: NoonMeters | None = None, budget: Budget | None = None) -> World:
    """A world of doubles; ``gauge.said`` also gets what is reported to the log."""
    gauge, meters = gauge or Recorder(), meters or NoonMeters()

    def later(_: Awaitable[None]) -> None:
        raise AssertionError("nothing here outlives its call")

    async def count_long(_: str, text: str) -> int:
        return len(text)

    return World(
        generation=make_generation(budget),
        identity=Identity(PublishedKeys(CutWire(), lambda: 0.0, lambda *_: None)),
        clock=NoonClock(),
        new_id=lambda: REQUEST_ID,
        wire=CutWire(),
        permits=UpstreamPermits(lambda: 0.0),
        catalog=UpstreamCatalog(CutWire(), lambda: 0.0),
        meters=meters,
        usage=PaperUsage(),
        books=PaperBooks(),
        answers=PaperAnswers(),
        gauge=gauge,
        notices=PaperNotices(),
        estimator=Estimator(vocabulary()),
        outputs=OutputHistory(),
        leases=Leases(meters, 0.001),
        later=later,
        report=lambda event, request_id, error: gauge.said.append((event, (request_id, type(error).__name__))),
        count_long=count_long,
        shelf=Shelf(Path("/nonexistent")),
    )

"""Which upstreams are asked, what remains of each attempt, and that a permit is given back whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from proxy.config.routes import Routes
from proxy.dialects import routes
from proxy.domain.ask import Ask
from proxy.domain.decision import Obligation
from proxy.domain.errors import (
    Busy,
    CallError,
    ContentRefused,
    Forbidden,
    NotFound,
    PolicyNote,
    QuotaSpent,
    StoreAway,
    Unavailable,
    UpstreamFailed,
    UpstreamTimedOut,
)
from proxy.domain.meter import Held, Hold
from proxy.domain.row import Row
from proxy.domain.upstream import BreakerRule, PriceOverride, Queue, Upstream
from proxy.metering.prices import PriceBook
from proxy.metering.table import PriceTable
from proxy.policy.generation import Policy
from proxy.policy.rule import PolicySet
from proxy.steps import failover
from proxy.steps.attempt import Attempt
from proxy.steps.generation import Generation
from proxy.steps.visit import Plan, Visit
from proxy.steps.world import World
from proxy.upstream.permits import UpstreamPermits
from tests.support.plans import ANN, NoonMeters, PaperBooks, Recorder, make_call, make_visit, make_world

PRICED = (PriceOverride(rates=(("input", 1_000), ("output", 2_000))),)
End = BaseException | None


def at(name: str, *, priced: bool = True, parallel: int = 9) -> Upstream:
    return Upstream(
        name,
        "openai",
        f"https://{name}.example",
        prices=PRICED if priced else (),
        queue=Queue(parallel, 0),
        breaker=BreakerRule(failures=2),
    )


class Stage:
    """A world with some upstreams, and what each of them will do: an error to raise, or None to answer."""

    def __init__(self, *upstreams: Upstream, **ends: End) -> None:
        self.ends, self.asked = ends, list[str]()
        self.gauge, self.books = Recorder(), PaperBooks()
        self.world: World = make_world(self.gauge)
        self.permits = UpstreamPermits(lambda: 100.0)
        self.world.books, self.world.permits = self.books, self.permits
        generation = Generation(
            "41c9e02",
            make_visit().generation.directory,
            Routes(upstreams),
            PriceBook(PriceTable.load(), upstreams),
            Policy(PolicySet("41c9e02")),
        )
        self.visit: Visit = make_visit(generation=generation, principal=ANN)
        self.opens = False  # whether a head is passed on before the end

    async def serve(self, model: str = "unheard-of") -> None:
        match = routes.find("POST", "/v1/chat/completions")
        assert match is not None
        ask, before = Ask(match.endpoint, model, b"{}"), self.under_way()
        try:
            await failover.serve(self.world, self.visit, match, make_call(), ask, self._forward)
        finally:
            assert self.under_way() == before

    def under_way(self) -> int:
        return sum(desk.busy for desk in self.permits.desks())

    async def _forward(self, visit: Visit, plan: Plan, _: Attempt) -> None:
        self.asked.append(plan.upstream.name)
        visit.opened = self.opens
        if (end := self.ends.get(plan.upstream.name)) is not None:
            raise end

    @property
    def rows(self) -> list[Row]:
        return [row for row, _ in self.books.booked]


async def test_the_first_that_stands_is_the_last_that_is_asked() -> None:
    stage = Stage(at("a"), at("b"), at("c"), a=UpstreamFailed("x"), b=UpstreamTimedOut("x"))
    await stage.serve()
    assert stage.asked == ["a", "b", "c"]
    assert [(row.attempt, row.upstream, row.may_follow) for row in stage.rows] == [
        (1, "a", True),
        (2, "b", True),
        (3, "c", False),
    ]
    assert [said for said in stage.gauge.said if said[0] == "failed over"] == [
        ("failed over", "a"),
        ("failed over", "b"),
    ]
    assert stage.visit.attempts == 3


async def test_the_last_failure_is_told_when_nobody_stands() -> None:
    stage = Stage(at("a"), at("b"), a=UpstreamFailed("first"), b=UpstreamTimedOut("second"))
    with pytest.raises(UpstreamTimedOut, match="second"):
        await stage.serve()
    assert [row.may_follow for row in stage.rows] == [True, False]


async def test_a_busy_pool_is_a_reason_to_ask_elsewhere() -> None:
    stage = Stage(at("a"), at("b"), a=Busy("all connections are busy"))
    await stage.serve()
    assert stage.asked == ["a", "b"]


@pytest.mark.parametrize("end", [QuotaSpent("cut"), Unavailable("draining"), CallError("a bug"), KeyError("a bug")])
async def test_what_is_no_fault_of_the_upstream_ends_the_call(end: Exception) -> None:
    stage = Stage(at("a"), at("b"), a=end)
    with pytest.raises(type(end)):
        await stage.serve()
    assert stage.asked == ["a"]


async def test_a_restart_during_the_second_attempt_is_told_and_nobody_else_is_asked() -> None:
    stage = Stage(at("a"), at("b"), at("c"), a=UpstreamFailed("x"), b=Unavailable("restarting"))
    with pytest.raises(Unavailable, match="restarting"):
        await stage.serve()
    assert stage.asked == ["a", "b"]


async def test_after_the_first_byte_nobody_else_is_asked() -> None:
    stage = Stage(at("a"), at("b"), a=UpstreamFailed("broke off"))
    stage.opens = True
    with pytest.raises(UpstreamFailed):
        await stage.serve()
    assert [(row.upstream, row.may_follow) for row in stage.rows] == [("a", False)]


async def test_one_that_we_refuse_is_left_out_after_a_failure_and_told_before_one() -> None:
    stage = Stage(at("a"), at("b", priced=False), at("c"), a=UpstreamFailed("x"))
    await stage.serve()
    assert stage.asked == ["a", "c"]
    assert [row.attempt for row in stage.rows] == [1, 2]  # no number is lost on what was never asked
    with pytest.raises(UpstreamFailed, match="down"):
        await Stage(at("a"), at("b", priced=False), a=UpstreamFailed("down")).serve()
    with pytest.raises(Forbidden):
        await Stage(at("a", priced=False), at("b")).serve()


async def test_when_holding_fails_for_want_of_a_store_the_permit_is_back() -> None:
    class Away(NoonMeters):
        async def hold(self, hold: Hold, wishes: Sequence[Obligation]) -> Held:
            raise StoreAway(f"{hold.id} {len(wishes)}")

    stage = Stage(at("a"), at("b"))
    stage.world.meters = Away()
    with pytest.raises(Unavailable):
        await stage.serve()
    assert (stage.asked, stage.rows) == ([], [])


@pytest.mark.parametrize("end", [asyncio.CancelledError(), UpstreamFailed("x"), KeyError("a bug")])
async def test_whatever_ends_an_attempt_gives_its_permit_back_once(end: BaseException) -> None:
    stage = Stage(at("a", parallel=1), a=end)
    for _ in range(3):
        with pytest.raises((type(end), Busy)):
            await stage.serve()


async def test_an_upstream_that_is_left_alone_or_full_is_not_asked() -> None:
    stage = Stage(at("a"), at("b", parallel=1), at("c"), a=UpstreamFailed("x"))
    for _ in range(2):
        await stage.serve()
    assert stage.asked == ["a", "b"] * 2
    assert stage.permits.take([at("b", parallel=1)]) is not None
    stage.asked.clear()
    await stage.serve()
    assert stage.asked == ["c"]


async def test_a_model_that_nobody_serves_is_told_with_names_like_it() -> None:
    only: Sequence[Upstream] = (Upstream("a", "openai", "https://a.example", models=("gpt-5.1",)),)
    with pytest.raises(NotFound, match=r"Did you mean gpt-5\.1"):
        await Stage(*only).serve("gpt-5.2")


async def test_a_refusal_after_an_attempt_of_another_upstream_is_told_apart_from_the_attempt() -> None:
    note = PolicyNote("org/no-secrets", "d_1")
    stage = Stage(at("a"), at("b"), a=UpstreamFailed("x"), b=ContentRefused("withheld", policy=note))
    with pytest.raises(ContentRefused):
        await stage.serve()
    assert stage.visit.rowed  # an answer that was withheld is told by its own attempt
    assert [(row.refused, bool(row.why)) for row in stage.rows] == [(None, False), (note, True)]

    async def held(hold: Hold, wishes: Sequence[Obligation]) -> Held:
        if hold.id.endswith(":2"):
            raise ContentRefused("refused", policy=note)
        return await NoonMeters().hold(hold, wishes)

    stage = Stage(at("a"), at("b"), a=UpstreamFailed("x"))
    stage.world.meters.hold = held  # type: ignore[method-assign]  # the second time, it is refused
    with pytest.raises(ContentRefused):
        await stage.serve()
    assert not stage.visit.rowed
    assert stage.visit.attempts == 1

"""Which near answers are asked again, and that asking ends with a word on how it went, whatever happens."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.decision import Decision
from proxy.domain.reuse import Hit
from proxy.domain.row import VERIFY, Outcome
from proxy.domain.verdict import UNSEEN
from proxy.steps.cache_status import COALESCED, HIT, NEAR, SHADOW, CacheStatus
from proxy.steps.near_trust import AGREE, FAILED, MOST_A_MINUTE, SKIPPED
from proxy.steps.verifying import MOST_BYTES, is_sampled, verify
from proxy.steps.visit import Plan
from proxy.steps.world import World
from tests.support.cached import a_key, an_entry
from tests.support.plans import (
    BUDGET,
    PARALLEL,
    RATE,
    TOKENS,
    UPSTREAM,
    NoonMeters,
    PaperBooks,
    make_plan,
    make_visit,
    make_world,
)
from tests.support.sent import the_terms

NEARLY = CacheStatus(NEAR, "", "0" * 32, is_near=True)
ALL = 1_000_000


class Room:
    """A world in which what outlives a call can be waited for."""

    def __init__(self, **changes: Any) -> None:
        self.meters, self.begun = NoonMeters(), list[Awaitable[None]]()
        self.world: World = dataclasses.replace(make_world(meters=self.meters), later=self.begun.append, **changes)

    async def ends(self, plan: Plan, body: bytes = b"{}") -> dict[str, int]:
        """Have the call asked again, and what came of it."""
        verify(self.world, make_visit(), plan, hit(body))
        for one in self.begun:
            await one
        return dict(self.world.near.results)

    @property
    def books(self) -> PaperBooks:
        assert isinstance(self.world.books, PaperBooks)
        return self.world.books


def hit(body: bytes = b"{}") -> Hit:
    return Hit(an_entry(a_key(), body=body), 1.0, 59.0)


def plan_of(status: CacheStatus = NEARLY, share: int = ALL, *obligations: Any) -> Plan:
    reuse = the_terms(mode="near", verify_millionths=share)
    return make_plan(cached=status, decision=Decision("d_7Kq2", "41c9e02", obligations, reuse=reuse))


@pytest.mark.parametrize(
    ("status", "share"),
    [
        (CacheStatus(HIT, "", "0" * 32), ALL),
        (CacheStatus(COALESCED, "", "0" * 32), ALL),
        (CacheStatus(SHADOW, "", "0" * 32, is_near=True), ALL),
        (NEARLY, 0),
    ],
)
async def test_only_near_answers_of_the_sample_are_asked_again(status: CacheStatus, share: int) -> None:
    room = Room()
    assert await room.ends(plan_of(status, share)) == {}
    assert room.begun == []


@pytest.mark.parametrize("status", [NEARLY, CacheStatus(COALESCED, "", "0" * 32, is_near=True)])
async def test_an_upstream_that_cannot_be_reached_leaves_a_row_and_no_verdict(status: CacheStatus) -> None:
    room = Room()
    assert await room.ends(plan_of(status)) == {FAILED: 1}
    ((row, _),) = room.books.booked
    assert (row.attempt, row.cache, row.outcome, row.cost_nusd) == (1, VERIFY, Outcome.UPSTREAM_ERROR, 0)


async def test_only_money_and_tokens_are_held() -> None:
    room = Room()
    await room.ends(plan_of(NEARLY, ALL, BUDGET, RATE, TOKENS, PARALLEL))
    assert [[draw.rule for draw in hold.draws] for hold in room.meters.held] == [[BUDGET.rule, TOKENS.rule]]
    assert [nusd for _, nusd in room.meters.ended_at] == [0]


async def test_where_no_place_is_free_nobody_waits_for_one() -> None:
    room = Room()
    permits = []
    while (permit := room.world.permits.take([UPSTREAM])) is not None:
        permits.append(permit)
    assert await room.ends(plan_of()) == {SKIPPED: 1}
    assert room.books.booked == []
    for permit in permits:
        permit.ended(UNSEEN)


async def test_what_is_too_long_to_be_compared_is_not_asked_again() -> None:
    room = Room()
    assert await room.ends(plan_of(), b" " * (MOST_BYTES + 1)) == {SKIPPED: 1}
    assert room.meters.held == []


async def test_more_than_a_few_in_a_minute_are_not_even_begun() -> None:
    room = Room()
    for _ in range(MOST_A_MINUTE):
        assert room.world.near.begin(0.0)
        room.world.near.end(AGREE)
    assert await room.ends(plan_of()) == {AGREE: MOST_A_MINUTE, SKIPPED: 1}
    assert room.begun == []


@given(st.uuids(), st.integers(0, ALL), st.integers(0, ALL))
def test_a_larger_sample_has_all_calls_of_a_smaller_one(request_id: UUID, one: int, other: int) -> None:
    small, large = sorted((one, other))
    assert is_sampled(str(request_id), large) >= is_sampled(str(request_id), small)
    assert is_sampled(str(request_id), ALL)
    assert not is_sampled(str(request_id), 0)


def test_a_sample_is_about_as_large_as_it_says() -> None:
    drawn = sum(is_sampled(f"0196a1f2-0000-7000-8000-{number:012x}", 20_000) for number in range(20_000))
    assert 300 < drawn < 500

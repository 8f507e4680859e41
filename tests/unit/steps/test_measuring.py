"""Which calls leave prints, which are only counted, and what a flood may take."""

from __future__ import annotations

import asyncio
import dataclasses
from itertools import count
from typing import Any

import msgspec
import pytest

from proxy.domain.ask import Features
from proxy.domain.repeat import Asked
from proxy.domain.row import Outcome, Row
from proxy.domain.usage import Usage
from proxy.steps.measuring import CROWDED, MOST, MOST_BYTES, SHARE, Measuring
from proxy.steps.rows import open_row
from proxy.steps.visit import Plan
from tests.support.plans import make_plan, make_visit

SECRET_WORDS = "Say hello to Ann"


class PaperRepeats:
    """Satisfies ``ports.Repeats``."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def add(self, asked: Asked) -> None:
        self.asked.append(asked)


def unexpected(event: str, request_id: str, error: Exception) -> None:
    raise AssertionError(event, request_id) from error


@pytest.fixture
def repeats() -> PaperRepeats:
    return PaperRepeats()


@pytest.fixture
def measuring(repeats: PaperRepeats) -> Measuring:
    return Measuring(repeats, lambda: 0.0, unexpected)


def plan_of(*texts: str, body: bytes = b"{}", **features: Any) -> Plan:
    plan = make_plan()
    sizes = Features(texts=texts, text_bytes=sum(map(len, texts)), **features)
    return dataclasses.replace(plan, ask=msgspec.structs.replace(plan.ask, body=body, features=sizes))


def row_of(plan: Plan, **changes: Any) -> Row:
    answered = {"outcome": Outcome.OK, "cost_nusd": 70, "usage": Usage(input=12, output=3)}
    return msgspec.structs.replace(open_row(plan, ()), **(answered | changes))


def book(measuring: Measuring, plan: Plan, *scopes: str, **changes: Any) -> None:
    measuring.booked(make_visit(call=plan.call, ask=plan.ask), plan, row_of(plan, **changes), scopes)


async def test_an_answered_call_leaves_three_prints_of_the_team_and_three_of_the_person(
    measuring: Measuring, repeats: PaperRepeats
) -> None:
    book(measuring, plan_of(SECRET_WORDS))
    assert repeats.asked == []  # not on the call's time
    await measuring.finish()
    (asked,) = repeats.asked
    assert (asked.org, asked.team, asked.day, asked.at) == ("acme", "growth", "2026-11-23", 1_795_435_200)
    assert (asked.tokens, asked.nusd, asked.is_brief, asked.scopes) == (12, 70, False, ())
    assert len({*asked.prints}) == 6


async def test_prints_follow_the_words_and_nothing_else_of_a_request(
    measuring: Measuring, repeats: PaperRepeats
) -> None:
    for body in (b'{"temperature":0}', b'{"temperature":1}'):
        book(measuring, plan_of(SECRET_WORDS, body=body))
    book(measuring, plan_of("Say hello to Rob"))
    await measuring.finish()
    first, second, third = (asked.prints for asked in repeats.asked)
    assert first == second
    assert not {*first} & {*third}


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": Outcome.UPSTREAM_ERROR},
        {"outcome": Outcome.CLIENT_ABORT},
        {"outcome": Outcome.PROXY_ERROR},
        {"outcome": Outcome.DENIED},
        {"outcome": Outcome.CACHE_HIT, "cost_nusd": 0},
        {"outcome": Outcome.COALESCED, "cost_nusd": 0},
        {"upstream": None},
        {"cost_nusd": 0, "usage": Usage()},
    ],
)
async def test_what_failed_was_left_or_cost_nothing_leaves_nothing_so_that_trying_again_is_no_repeat(
    measuring: Measuring, repeats: PaperRepeats, changes: dict[str, Any]
) -> None:
    book(measuring, plan_of(SECRET_WORDS), **changes)
    await measuring.finish()
    assert repeats.asked == []


@pytest.mark.parametrize(
    "plan",
    [
        plan_of("word " * 2000),
        plan_of(body=b'{"input":[1,2,3]}'),
        plan_of("What is this?", body=b'{"image":"aaaa"}', images=1),
        plan_of("What is this?", body=b'{"file":"aaaa"}', media_bytes=3),
        plan_of("long " * 100_000),
    ],
)
async def test_long_texts_and_bodies_that_are_more_than_text_are_compared_to_the_character(
    measuring: Measuring, repeats: PaperRepeats, plan: Plan
) -> None:
    other = dataclasses.replace(plan, ask=msgspec.structs.replace(plan.ask, body=b'{"image":"bbbb"}'))
    for one in (plan, plan, other):
        book(measuring, one)
    await measuring.finish()
    first, again, different = repeats.asked
    assert first.is_brief
    assert len(first.prints) == 2
    assert first.prints == again.prints
    if not plan.ask.features.texts or plan.ask.features.images or plan.ask.features.media_bytes:
        assert different.prints != first.prints


async def test_scopes_know_which_print_is_theirs(measuring: Measuring, repeats: PaperRepeats) -> None:
    scopes = ("key:k_1", "model:gpt-5.1", "org", "project:crm", "team:growth", "user:p_ann")
    book(measuring, plan_of(SECRET_WORDS), *scopes)
    book(measuring, plan_of("word " * 2000), *scopes)
    await measuring.finish()
    full, brief = repeats.asked
    assert dict(full.scopes) == {
        "team:growth": 1, "org": 1, "user:p_ann": 4, "key:k_1": 6, "model:gpt-5.1": 7, "project:crm": 8,
    }  # fmt: skip
    assert dict(brief.scopes) == {
        "team:growth": 0, "org": 0, "user:p_ann": 1, "key:k_1": 2, "model:gpt-5.1": 3, "project:crm": 4,
    }  # fmt: skip
    assert (len(full.prints), len({*full.prints})) == (9, 9)


async def test_in_a_crowd_prompts_are_compared_to_the_character_unless_they_are_known(
    measuring: Measuring, repeats: PaperRepeats
) -> None:
    book(measuring, plan_of(SECRET_WORDS))
    await measuring.finish()
    book(measuring, plan_of(SECRET_WORDS))
    for number in range(CROWDED + 10):
        book(measuring, plan_of(f"Say hello to number {number}"))
    await measuring.finish()
    _, known, *others = repeats.asked
    assert not known.is_brief
    assert sum(asked.is_brief for asked in others) == 10


async def test_what_waits_is_bounded_in_calls_and_in_bytes_and_the_rest_is_counted_unread(
    measuring: Measuring, repeats: PaperRepeats
) -> None:
    for number in range(MOST + 5):
        book(measuring, plan_of(f"{number}"))
    assert [asked.prints for asked in repeats.asked] == [()] * 5
    await measuring.finish()
    repeats.asked.clear()
    large = plan_of("x" * (MOST_BYTES // 3))
    for _ in range(5):
        book(measuring, large)
    assert [(asked.prints, asked.tokens) for asked in repeats.asked] == [((), 12)] * 2
    await measuring.finish()
    assert len(repeats.asked) == 5


async def test_of_the_loops_time_it_takes_a_small_share(repeats: PaperRepeats) -> None:
    ticks = count()
    slept: list[float] = []
    enough = asyncio.Event()

    async def rest(seconds: float) -> None:
        slept.append(seconds)
        if len(repeats.asked) == 50:
            enough.set()
            await asyncio.Event().wait()

    measuring = Measuring(
        repeats, lambda: next(ticks) * 0.0001, unexpected, rest
    )  # every look at the clock takes 100 µs
    for number in range(50):
        book(measuring, plan_of(f"{number}"))
    running = asyncio.create_task(measuring.run())
    await enough.wait()
    running.cancel()
    assert len(slept) > 5
    assert min(slept) > 0.0002 / SHARE


async def test_nothing_shows_a_prompt(measuring: Measuring, repeats: PaperRepeats) -> None:
    book(measuring, plan_of(SECRET_WORDS))
    assert SECRET_WORDS not in repr(measuring._queue)
    await measuring.finish()
    assert SECRET_WORDS not in repr(repeats.asked) + repr(measuring._known)

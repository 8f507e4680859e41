"""Repeats: what is one, whose it is, and what of it stays in the store."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest
import redis

from proxy.config.store_url import parse_endpoint
from proxy.domain.repeat import LOOP_S, WINDOW_S, Asked, Asker, Likeness, Sight, Standing
from proxy.stores.engine import Engine
from proxy.stores.repeats import MOST_WAITING, StoreRepeats, days_of
from proxy.stores.store import Store

ORG, TEAM, DAY = "acme", "growth", "2026-11-23"
PRINTS, COUNTS = f"{{{ORG}}}:p:{TEAM}", f"{{{ORG}}}:r:{DAY}:{TEAM}"
NOW = int(time.time()) - 60
NEW = (Likeness.NEW, Asker.NOBODY)


class Heard:
    """What a worker was told."""

    def __init__(self) -> None:
        self.sights: list[tuple[Asked, Sight]] = []
        self.standings: list[Standing] = []

    def found(self, asked: Asked, sight: Sight) -> None:
        self.sights.append((asked, sight))

    def stands(self, standing: Standing) -> None:
        self.standings.append(standing)

    def verdicts(self) -> list[tuple[Likeness, Asker]]:
        told = [(sight.likeness, sight.asker) for _, sight in self.sights]
        self.sights.clear()
        return told


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def repeats(store: Store, heard: Heard) -> StoreRepeats:
    return StoreRepeats(store, heard.found, heard.stands)


@pytest.fixture
def raw_bytes(engine: Engine) -> Iterator[redis.Redis]:
    with redis.Redis(unix_socket_path=str(engine.socket)) as client:
        yield client


def told(text: str) -> bytes:
    return text.encode().ljust(8, b"\0")


def asked(who: str, exact: str, near: str = "", template: str = "", *, ago: int = 0, team: str = TEAM) -> Asked:
    """A call of ten tokens and seven nano-dollars."""
    kinds = [told(kind + text) for kind, text in (("e", exact), ("n", near), ("t", template)) if text]
    own = [who.encode() + one[:6] for one in kinds]
    return Asked(ORG, team, DAY, NOW - ago, 10, 7, (*kinds, *[one.ljust(8, b"\0") for one in own]), not near)


async def looked(repeats: StoreRepeats, heard: Heard, *calls: Asked) -> list[tuple[Likeness, Asker]]:
    """The verdicts on calls, each in a round of its own."""
    for call in calls:
        repeats.add(call)
        await repeats.round()
    return heard.verdicts()


@pytest.mark.parametrize(
    ("again", "likeness"),
    [
        (("1", "1", "1"), Likeness.EXACT),
        (("2", "1", "1"), Likeness.NEAR),
        (("2", "2", "1"), Likeness.TEMPLATE),
        (("2", "2", "2"), Likeness.NEW),
    ],
)
async def test_of_several_likenesses_the_strictest_counts(
    repeats: StoreRepeats, heard: Heard, again: tuple[str, str, str], likeness: Likeness
) -> None:
    first, second = await looked(repeats, heard, asked("a", "1", "1", "1"), asked("b", *again))
    assert first == NEW
    assert second == (likeness, Asker.OTHERS if likeness else Asker.NOBODY)


async def test_the_same_person_soon_is_a_loop_later_is_not_and_somebody_else_is_a_shared_need(
    repeats: StoreRepeats, heard: Heard
) -> None:
    calls = (
        asked("a", "1", "1", "1", ago=9000),
        asked("a", "2", "1", "1", ago=9000 - LOOP_S),  # ten minutes later
        asked("a", "1", "1", "1", ago=5000),  # the exact one was asked long ago
        asked("b", "1", "1", "1", ago=4000),
        asked("a", "1", "1", "1", ago=3000),  # in between somebody else asked it
        asked("a", "1", "1", "1", ago=2999),
    )
    assert await looked(repeats, heard, *calls) == [
        NEW,
        (Likeness.NEAR, Asker.LOOP),
        (Likeness.EXACT, Asker.SAME),
        (Likeness.EXACT, Asker.OTHERS),
        (Likeness.EXACT, Asker.OTHERS),
        (Likeness.EXACT, Asker.LOOP),
    ]


async def test_what_was_asked_more_than_a_day_ago_is_new(repeats: StoreRepeats, heard: Heard) -> None:
    now = int(time.time()) - NOW
    old, fresh = asked("a", "1", "1", "1", ago=WINDOW_S - now + 5), asked("a", "2", "2", "2", ago=WINDOW_S - now - 600)
    again = asked("b", "1", "1", "1"), asked("b", "2", "2", "2")
    assert await looked(repeats, heard, old, fresh, *again) == [NEW, NEW, NEW, (Likeness.EXACT, Asker.OTHERS)]


async def test_teams_know_nothing_of_each_other(repeats: StoreRepeats, heard: Heard) -> None:
    calls = [asked("a", "1", "1", "1", team=team) for team in ("growth", "research")]
    assert await looked(repeats, heard, *calls) == [NEW, NEW]


async def test_workers_see_each_others_calls_and_a_round_sees_its_own(
    new_store: Callable[[], Store], heard: Heard
) -> None:
    workers = []
    for _ in range(2):
        store = new_store()
        await store.wait_up(2)
        workers.append(StoreRepeats(store, heard.found, heard.stands))
    for number, worker in enumerate(workers):
        worker.add(asked(f"{number}", "1", "1", "1"))
        worker.add(asked(f"{number}+", "1", "1", "1"))
        await worker.round()
    assert heard.verdicts() == [NEW, *[(Likeness.EXACT, Asker.OTHERS)] * 3]


async def test_equal_calls_of_a_round_travel_as_one_and_all_but_the_first_are_a_loop(
    repeats: StoreRepeats, heard: Heard, store: Store
) -> None:
    for _ in range(50):
        repeats.add(asked("a", "1", "1", "1"))
    await repeats.round()
    ((first, new), (rest, loop)) = heard.sights
    assert (first.tokens, new.likeness, rest.tokens, loop.likeness) == (10, Likeness.NEW, 490, Likeness.EXACT)
    assert loop.repeats(4)
    counted = await days_of(store, ORG, TEAM, DAY)
    assert {name: figures for name, figures in counted.items() if figures[0]} == {
        "all": (50, 500, 350),
        "exact:loop": (49, 490, 343),
    }


async def test_a_days_counts_are_calls_tokens_and_money_by_likeness_and_asker(
    repeats: StoreRepeats, heard: Heard, store: Store
) -> None:
    await looked(
        repeats,
        heard,
        asked("a", "1", "1", "1", ago=9),
        asked("b", "2", "1", "1", ago=8),
        asked("b", "3", "3", "1", ago=7),
        asked("c", "9"),  # too long for more than an exact print
        asked("c", "9"),
        Asked(ORG, TEAM, DAY, NOW, 1000, 77),  # nobody looked
    )
    counted = await days_of(store, ORG, TEAM, DAY)
    assert {name: figures for name, figures in counted.items() if figures[0]} == {
        "all": (6, 1050, 112),
        "unread": (1, 1000, 77),
        "brief": (2, 20, 14),
        "near:others": (1, 10, 7),
        "template:loop": (1, 10, 7),
        "exact:loop": (1, 10, 7),
    }
    assert heard.standings[-1] == Standing(TEAM, DAY, 50, 20)


async def test_each_print_says_whether_it_was_known(repeats: StoreRepeats, heard: Heard) -> None:
    await looked(repeats, heard, asked("a", "1", "1", "1"))
    repeats.add(asked("b", "1", "1", "1"))
    await repeats.round()
    ((_, sight),) = heard.sights
    assert [sight.repeats(which) for which in range(6)] == [True] * 3 + [False] * 3


async def test_a_team_takes_no_more_room_than_its_buckets_have_and_forgets_the_oldest(
    repeats: StoreRepeats, heard: Heard, raw_bytes: redis.Redis
) -> None:
    for number in range(100):  # all in one bucket, which holds 64
        repeats.add(Asked(ORG, TEAM, DAY, NOW - 100 + number, 1, 1, (b"\xaa\xb0" + number.to_bytes(6),), is_brief=True))
    await repeats.round()
    assert raw_bytes.hlen(PRINTS) == 1
    assert raw_bytes.hstrlen(PRINTS, b"\xaa\xb0") == 64 * 12
    heard.verdicts()
    for number in (0, 99):
        repeats.add(Asked(ORG, TEAM, DAY, NOW, 1, 1, (b"\xaa\xb0" + number.to_bytes(6),), is_brief=True))
    await repeats.round()
    assert [likeness for likeness, _ in heard.verdicts()] == [Likeness.NEW, Likeness.EXACT]


async def test_everything_leaves_the_store_in_time(repeats: StoreRepeats, heard: Heard, raw_bytes: redis.Redis) -> None:
    await looked(repeats, heard, asked("a", "1", "1", "1", ago=WINDOW_S + 7200), asked("a", "2", "2", "2"))
    assert WINDOW_S < int(raw_bytes.ttl(PRINTS)) <= WINDOW_S + 3600
    assert 30 * 86_400 < int(raw_bytes.ttl(COUNTS)) <= 35 * 86_400


async def test_prints_of_any_bytes_are_told_apart(repeats: StoreRepeats, heard: Heard) -> None:
    prints = [os.urandom(1) * 2 + os.urandom(6) for _ in range(500)] + [b"\0" * 8, b"%d%%\\\0\xff\n", b"\xff" * 8]
    for _ in range(2):
        for one in prints:
            repeats.add(Asked(ORG, TEAM, DAY, NOW, 1, 1, (one,), is_brief=True))
        await repeats.round()
    verdicts = [likeness for likeness, _ in heard.verdicts()]
    assert verdicts == [Likeness.NEW] * len(prints) + [Likeness.EXACT] * len(prints)


async def test_a_print_is_not_found_across_the_border_of_two_records(repeats: StoreRepeats, heard: Heard) -> None:
    first = b"\x11\x10abcdef"
    hidden = b"\x11\x10\x11\x10\x11\x10\x11\x10"
    for one in (first, hidden, first):
        repeats.add(Asked(ORG, TEAM, DAY, NOW, 1, 1, (one,), is_brief=True))
        await repeats.round()
    assert [likeness for likeness, _ in heard.verdicts()] == [Likeness.NEW, Likeness.NEW, Likeness.EXACT]


async def test_more_calls_than_a_round_takes_are_counted_and_not_looked_at(repeats: StoreRepeats, store: Store) -> None:
    for number in range(MOST_WAITING + 30):
        repeats.add(asked("a", f"{number}"))
    await repeats.round()
    counted = await days_of(store, ORG, TEAM, DAY)
    assert (counted["all"][0], counted["unread"][0]) == (MOST_WAITING + 30, 30)


async def test_while_the_store_is_away_calls_wait_and_are_counted_once(engine: Engine, heard: Heard) -> None:
    store = Store(parse_endpoint(engine.url), deadline_s=2)
    repeats = StoreRepeats(store, heard.found, heard.stands)
    repeats.add(asked("a", "1", "1", "1", ago=30))
    await repeats.round()  # nobody has connected
    repeats.add(asked("a", "1", "1", "1"))
    assert heard.sights == []
    try:
        store.start()
        await store.wait_up(2)
        await repeats.round()
        await repeats.round()
        assert (await days_of(store, ORG, TEAM, DAY))["all"] == (2, 20, 14)
    finally:
        await store.close()

"""Stored answers: what is found, for how long, and by whom."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis

from proxy.domain.reuse import MOST_BYTES, Entry, Hit, Missed
from proxy.domain.usage import ModelUsage, Usage, UsageSource
from proxy.stores.answers.asking import StoreAnswers
from proxy.stores.answers.spots import place_of
from proxy.stores.engine import Engine
from tests.support.cached import a_key, a_worker, an_entry, hit, led, settled, stored

ANSWER = (  # of a provider, as short as they come
    b'{"id":"chatcmpl-BwZq1","object":"chat.completion","created":1795435200,"model":"gpt-5.1","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"%s"},"finish_reason":"stop"}],"usage":{"prompt_tokens":12,'
    b'"completion_tokens":7,"total_tokens":19}}'
)
PLACE = place_of("acme", "team:growth")
ENTRY = PLACE.prefix + a_key().name


@pytest.fixture
async def answers(engine: Engine) -> AsyncIterator[StoreAnswers]:
    async with a_worker(engine.url) as made:
        yield made


async def test_what_is_deposited_is_what_is_found(answers: StoreAnswers) -> None:
    usage = Usage(
        input=1,
        output=0,
        seconds=0.5,
        complete=True,
        usage_source=UsageSource.PARTIAL,
        by_model=(ModelUsage("a", 1, 2, cache_write_5m=3),),
    )
    key = a_key()
    entry = await stored(answers, key, usage=usage, body=bytes(range(256)))
    found = await hit(answers, key)
    assert found.entry == entry
    assert not found.coalesced
    assert found.age_s >= 0
    assert 59 < found.age_s + found.ttl_s <= 60.001


async def test_an_answer_ends_with_its_time(answers: StoreAnswers, raw: redis.Redis) -> None:
    await stored(answers, a_key(), ttl_s=0.2)
    assert 0 < raw.pttl(ENTRY) <= 200
    await asyncio.sleep(0.25)
    await led(answers, a_key())


async def test_a_caller_may_want_a_younger_one(answers: StoreAnswers, raw: redis.Redis) -> None:
    await stored(answers, a_key())
    raw.pexpire(ENTRY, 30_000)  # half of its time is over
    assert 29 < (await hit(answers, a_key(), max_age_s=31)).age_s < 31
    lead = await led(answers, a_key(), "k_2", max_age_s=29)
    assert not lead.is_refresh
    await hit(answers, a_key(), "k_3")  # who does not mind its age has it meanwhile
    lead.deposit(an_entry(a_key(), "younger"))
    await settled(answers)
    assert b"younger" in (await hit(answers, a_key(), "k_2", max_age_s=29)).entry.body


async def test_whoever_wants_a_fresh_one_leads_and_never_waits(answers: StoreAnswers) -> None:
    await stored(answers, a_key())
    leads = [await led(answers, a_key(), fresh=True) for _ in range(3)]
    for number, lead in enumerate(leads):
        lead.deposit(an_entry(a_key(), f"fresh{number}"))
        await settled(answers)
        assert b"fresh%d" % number in (await hit(answers, a_key(), f"k_{number}")).entry.body


async def test_only_a_cached_one_is_never_a_duty_nor_a_wait(answers: StoreAnswers, raw: redis.Redis) -> None:
    assert await answers.ask(a_key(), caller="k_1", only_if_cached=True) == Missed("not-cached")
    assert raw.keys("*:l") == []
    lead = await led(answers, a_key())
    assert await answers.ask(a_key(), caller="k_1", only_if_cached=True) == Missed("not-cached")
    lead.deposit(an_entry(a_key()))
    await settled(answers)
    for _ in range(3):
        await hit(answers, a_key(), only_if_cached=True)


async def test_who_asks_again_after_a_hit_leads_once(answers: StoreAnswers, raw: redis.Redis) -> None:
    await stored(answers, a_key())
    await hit(answers, a_key(), "k_1")
    await hit(answers, a_key(), "k_2")
    lead = await led(answers, a_key(), "k_1")
    assert lead.is_refresh
    await hit(answers, a_key(), "k_3")  # nobody else is held up by it
    await hit(answers, a_key(), "k_1")
    lead.deposit(an_entry(a_key(), "again"))
    await settled(answers)
    for _ in range(3):
        assert b"again" in (await hit(answers, a_key(), "k_1")).entry.body
    assert (await led(answers, a_key(), "k_2")).is_refresh
    assert all(0 < raw.ttl(mark) <= 120 for mark in raw.keys("*:m:*"))


async def test_a_mark_that_is_over_counts_no_more(answers: StoreAnswers, raw: redis.Redis) -> None:
    await stored(answers, a_key())
    for _ in range(2):
        await hit(answers, a_key(), "k_1")
        raw.delete(f"{ENTRY}:m:k_1")
    await hit(answers, a_key(), "k_1")
    assert (await led(answers, a_key(), "k_1")).is_refresh


async def test_a_shadow_is_seen_by_a_peek_and_never_served(answers: StoreAnswers, raw: redis.Redis) -> None:
    key = a_key()
    assert await answers.peek(key) is None
    shadow = an_entry(key, body=b"", is_shadow=True)
    answers.put(key, shadow)
    await settled(answers)
    peeked = await answers.peek(key)
    assert peeked is not None
    assert peeked.entry == shadow
    assert raw.keys("*:[lm]*") == []  # a peek leaves nothing
    assert await answers.ask(key, caller="k_1", only_if_cached=True) == Missed("not-cached")
    (await led(answers, key)).deposit(an_entry(key))
    await settled(answers)
    assert await hit(answers, key)
    peeked = await answers.peek(key)
    assert peeked is not None
    assert not peeked.entry.is_shadow


async def test_a_flush_empties_a_scope_and_no_other(answers: StoreAnswers) -> None:
    mine, theirs = a_key(), a_key(scope="team:research")
    await stored(answers, mine)
    await stored(answers, theirs)
    under_way = await led(answers, a_key("slow"))
    await answers.flush("acme", "team:growth")
    await hit(answers, theirs)
    under_way.deposit(an_entry(a_key("slow")))  # asked for before the flush
    await settled(answers)
    for key in (mine, a_key("slow")):
        assert await answers.ask(key, caller="k_1", only_if_cached=True) == Missed("not-cached")
    (await led(answers, mine)).deposit(an_entry(mine, "after"))
    await settled(answers)
    assert b"after" in (await hit(answers, mine)).entry.body


@pytest.mark.parametrize("which", [0, 1])
async def test_a_flush_empties_also_where_the_clock_went_back(
    answers: StoreAnswers, raw: redis.Redis, which: int
) -> None:
    raw.set(PLACE.generations[which], "4102444800000000")
    await stored(answers, a_key())
    await hit(answers, a_key())
    await (answers.flush("acme", "team:growth") if which else answers.flush_all("acme"))
    assert raw.get(PLACE.generations[which]) == "4102444800000001"
    await led(answers, a_key())


async def test_a_whole_org_is_flushed_and_no_other(answers: StoreAnswers) -> None:
    scopes = ["org", "team:growth", *(f"user:p_{number}" for number in range(30))]
    for scope in scopes:
        await stored(answers, a_key(scope=scope))
    await stored(answers, a_key(org="other"))
    await answers.flush_all("acme")
    for scope in scopes:
        assert await answers.ask(a_key(scope=scope), caller="k_1", only_if_cached=True) == Missed("not-cached")
    await hit(answers, a_key(org="other"))
    await stored(answers, a_key())
    await hit(answers, a_key())


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("broken", ["", "x" * 16, "9" * 16, "12", None])
async def test_a_generation_that_is_lost_or_not_ours_empties_the_scope(
    answers: StoreAnswers, raw: redis.Redis, broken: str | None, which: int
) -> None:
    await stored(answers, a_key())
    generation = PLACE.generations[which]
    raw.delete(generation)
    if broken is not None:
        raw.set(generation, broken)
    (await led(answers, a_key())).deposit(an_entry(a_key(), "after"))
    await settled(answers)
    assert b"after" in (await hit(answers, a_key())).entry.body
    assert raw.ttl(generation) > 60


async def test_a_generation_outlives_its_entries(answers: StoreAnswers, raw: redis.Redis) -> None:
    for ttl_s in (60, 30 * 86_400, 60):
        await stored(answers, a_key(str(ttl_s)), ttl_s=ttl_s)
        assert all(raw.ttl(generation) > ttl_s + 80_000 for generation in PLACE.generations)


async def test_one_answer_is_forgotten_by_its_name(answers: StoreAnswers) -> None:
    for key in (a_key(), a_key("other")):
        await stored(answers, key)
    scopes = ["user:p_1", "team:growth", "org"]
    assert await answers.forget("acme", scopes, a_key().name)
    assert not await answers.forget("acme", scopes, a_key().name)
    assert not await answers.forget("acme", ["org"], a_key("other").name)
    await led(answers, a_key())
    await hit(answers, a_key("other"))


@pytest.mark.parametrize("name", ["", "g", "*", a_key().name.upper(), a_key().name + ":l", a_key().name + "\n"])
async def test_nothing_is_forgotten_by_what_is_no_name(answers: StoreAnswers, name: str) -> None:
    await stored(answers, a_key())
    assert not await answers.forget("acme", ["team:growth"], name)
    await hit(answers, a_key())


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (("a", "b|c"), ("a|b", "c")),
        (("a", "b"), ("a|b", "")),
        (("a%7cb", "c"), ("a|b", "c")),
        (("a}", "x"), ("a%7d", "x")),
        (("a", "user:p_1"), ("a", "team:p_1")),
    ],
)
async def test_scopes_of_like_names_lie_apart(
    answers: StoreAnswers, mine: tuple[str, str], theirs: tuple[str, str]
) -> None:
    same: dict[str, Any] = {"name": "0" * 32, "digest": b"d" * 32}
    await stored(answers, a_key(org=mine[0], scope=mine[1], **same))
    (await led(answers, a_key(org=theirs[0], scope=theirs[1], **same))).give_up()
    await settled(answers)
    assert not await answers.forget(theirs[0], [theirs[1]], "0" * 32)
    await answers.flush(*theirs)
    await hit(answers, a_key(org=mine[0], scope=mine[1], **same))


async def test_an_entry_that_is_too_large_is_not_stored(answers: StoreAnswers, raw: redis.Redis) -> None:
    lead, key = await led(answers, a_key()), a_key()
    lead.deposit(an_entry(key, body=b"x" * MOST_BYTES))
    await settled(answers)
    assert answers.troubles == {"too_large": 1}
    assert raw.exists(ENTRY) == 0
    await stored(answers, key, body=b"x" * (MOST_BYTES - 300))
    await hit(answers, key)


async def test_only_the_first_end_of_a_lead_counts(answers: StoreAnswers) -> None:
    lead = await led(answers, a_key())
    lead.give_up()
    lead.deposit(an_entry(a_key()))
    await settled(answers)
    lead = await led(answers, a_key())
    lead.deposit(an_entry(a_key()))
    lead.give_up(alone=True)
    lead.deposit(an_entry(a_key(), "another"))
    await settled(answers)
    assert b"an answer" in (await hit(answers, a_key())).entry.body


async def test_an_answer_costs_two_hundred_bytes_beyond_its_compressed_self(
    answers: StoreAnswers, raw: redis.Redis
) -> None:
    """Where the allocator rounds sizes up (jemalloc: by a fifth at most), that comes on top."""
    words = [a_key(f"word {n}").name[: 3 + n % 7] for n in range(400)]
    for size in (5, 20, 60, 150, 400):
        key = a_key(f"prompt {size}")
        body = ANSWER % " ".join(words[:size]).encode()
        await stored(answers, key, body=body)
        compressed = len(zlib.compress(body))
        rounding = (compressed + 200) // 4 if "jemalloc" in raw.info("memory")["mem_allocator"] else 0
        taken = raw.memory_usage(PLACE.prefix + key.name)
        assert taken is not None
        assert taken <= compressed + 200 + rounding


async def test_nothing_of_the_cache_stays_for_ever(answers: StoreAnswers, raw: redis.Redis) -> None:
    await stored(answers, a_key())
    await hit(answers, a_key())
    leads = [await led(answers, a_key(), fresh=fresh) for fresh in (False, True)]
    await answers.flush("acme", "org")
    assert all(raw.pttl(key) > 0 for key in raw.keys("*"))
    assert len(raw.keys("*")) == 7  # an answer, its lease, permit and mark; three generations
    assert len(leads) == 2


def test_an_entry_shows_nothing_of_its_answer() -> None:
    entry: Entry = an_entry(a_key(), "secret words")
    assert "secret" not in repr(entry) + repr(Hit(entry, 0, 1))

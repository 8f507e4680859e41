"""A cache that dies, hangs, is full, is a replica or forgets: calls go upstream, once, and it is used again when it is back."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from proxy.config.store_url import parse_endpoint
from proxy.domain.errors import StoreAway
from proxy.domain.reuse import Hit, Missed
from proxy.stores.answers.asking import DEADLINE_S, StoreAnswers
from proxy.stores.answers.spots import CHANNEL
from proxy.stores.engine import Engine, cache_flags
from proxy.stores.store import Store
from proxy.stores.subscription import Subscription
from tests.support.cached import STUCK_S, a_key, a_worker, an_entry, hit, led, settled, stored, waiting
from tests.support.engines import KINDS, binary_of, short_folder

HERE = Path(__file__).parents[2]
LEADER = """
import asyncio, sys
from tests.support.cached import a_key, a_worker
async def lead():
    async with a_worker(sys.argv[1], lease_s=float(sys.argv[2])) as answers:
        lead = await answers.ask(a_key(), caller="k_1")
        print(type(lead).__name__, flush=True)
        await asyncio.sleep(1000)
asyncio.run(lead())
"""


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A cache as the supervisor starts it."""
    with short_folder() as folder:
        made = Engine("cache", folder, cache_flags(maxmemory_mb=32), binary=binary_of(request.param))
        made.start()
        try:
            yield made
        finally:
            made.stop()


@pytest.fixture
def raw(engine: Engine) -> Iterator[redis.Redis]:
    with redis.Redis(unix_socket_path=str(engine.socket), decode_responses=True) as client:
        yield client


@contextmanager
def hanging(engine: Engine) -> Iterator[None]:
    assert engine.pid
    os.kill(engine.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(engine.pid, signal.SIGCONT)


async def until(promise: Callable[[], bool]) -> None:
    async with asyncio.timeout(STUCK_S):
        while not promise():  # noqa: ASYNC110 - another process: there is no event to wait for
            await asyncio.sleep(0.005)


async def _asked_again(answers: StoreAnswers) -> None:
    """Until the cache is used again."""
    async with asyncio.timeout(STUCK_S):
        while isinstance(found := await answers.ask(a_key("again"), caller="k_9"), Missed):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    assert not isinstance(found, Hit)
    found.give_up()
    await settled(answers)


async def test_a_leader_that_is_killed_is_followed_when_its_lease_ends(engine: Engine) -> None:
    command = (sys.executable, "-c", LEADER, engine.url, "0.5")
    leader = await asyncio.create_subprocess_exec(*command, cwd=HERE, stdout=subprocess.PIPE)
    try:
        assert leader.stdout
        assert await leader.stdout.readline() == b"StoreLead\n"
        async with a_worker(engine.url) as answers:
            asks = [asyncio.create_task(answers.ask(a_key(), caller=f"k_{n}")) for n in range(20)]
            await waiting(answers, 20)
            leader.kill()
            async with asyncio.timeout(STUCK_S):
                done, rest = await asyncio.wait(asks, return_when=asyncio.FIRST_COMPLETED)
            (lead,) = [task.result() for task in done]
            assert not isinstance(lead, Hit | Missed)
            lead.deposit(an_entry(a_key()))
            assert all(isinstance(found, Hit) for found in await asyncio.gather(*rest))
    finally:
        if leader.returncode is None:
            leader.kill()
        await leader.wait()


async def test_a_hanging_cache_is_left_alone_and_used_again(engine: Engine) -> None:
    async with a_worker(engine.url, deadline_s=0.045) as answers:
        key = a_key()
        (await led(answers, key)).deposit(an_entry(key))
        await settled(answers)
        with hanging(engine):
            asks = [answers.ask(key, caller=f"k_{n}") for n in range(100)]
            assert await asyncio.gather(*asks) == [Missed("away")] * 100
            sent = answers._store.of("")._connection
            assert sent is not None
            before = len(sent._waiting)
            for n in range(10):
                assert await answers.ask(key, caller=f"k_{n}") == Missed("away")
            assert await answers.peek(key) is None
            answers.put(key, an_entry(key))
            await settled(answers)
            assert len(sent._waiting) - before < 10  # nothing is asked of it, but whether it lives
            with pytest.raises(StoreAway):
                await answers.flush("acme", "org")
        await _asked_again(answers)
        await hit(answers, key, "somebody else")
        assert answers.troubles["unanswered"] >= 111
        await until(lambda: not answers._tasks)


async def test_a_hanging_cache_holds_up_a_call_for_sixty_milliseconds_at_most(engine: Engine) -> None:
    taken = []
    for _ in range(5):  # the shortest: what a busy machine adds is not the cache's
        async with a_worker(engine.url, deadline_s=DEADLINE_S) as answers:
            with hanging(engine):
                began = time.perf_counter()
                assert await answers.ask(a_key(), caller="k_1") == Missed("away")
                taken.append(time.perf_counter() - began)
    assert min(taken) < 0.06


async def test_what_a_look_leased_too_late_is_given_back(engine: Engine, raw: redis.Redis) -> None:
    async with a_worker(engine.url, deadline_s=0.045, lease_s=1000) as answers:
        with hanging(engine):
            assert await answers.ask(a_key(), caller="k_1") == Missed("away")
        await _asked_again(answers)
        await until(lambda: not raw.keys("*:l"))


async def test_who_waits_is_let_go_when_the_cache_dies(engine: Engine) -> None:
    async with a_worker(engine.url) as one, a_worker(engine.url) as other:
        lead = await led(one, a_key())
        here, there = (
            [asyncio.create_task(answers.ask(a_key(), caller=f"k_{n}")) for n in range(3)] for answers in (one, other)
        )
        await waiting(one, 3)
        await waiting(other, 3)
        engine.stop()
        async with asyncio.timeout(STUCK_S):
            assert await asyncio.gather(*there) == [Missed("away")] * 3
        lead.deposit(an_entry(a_key()))  # whom one process has together needs no cache
        assert all(isinstance(found, Hit) and found.coalesced for found in await asyncio.gather(*here))
        await settled(one)
        assert one.troubles["unkept"] == 1
        assert await one.ask(a_key(), caller="k_1") == Missed("away")


async def test_a_cache_that_comes_back_is_used_and_listened_to(engine: Engine) -> None:
    async with a_worker(engine.url) as one, a_worker(engine.url) as other:
        await stored(one, a_key())
        assert engine.pid
        os.kill(engine.pid, signal.SIGKILL)
        await until(lambda: not one._store.up)
        await until(lambda: not other._store.up)
        engine.start()
        await _asked_again(one)
        await _asked_again(other)
        lead = await led(one, a_key())  # it kept nothing
        there = asyncio.create_task(other.ask(a_key(), caller="k_2"))
        await waiting(other, 1)
        lead.deposit(an_entry(a_key()))
        async with asyncio.timeout(STUCK_S):
            assert isinstance(await there, Hit)


async def test_a_subscription_comes_back_with_its_engine(engine: Engine) -> None:
    heard: set[bytes] = set()
    ear = Subscription(parse_endpoint(engine.url), CHANNEL, heard.add)
    listening = asyncio.create_task(ear.run())

    def is_heard(raw: redis.Redis, word: str) -> bool:
        raw.publish(CHANNEL, word)
        return word.encode() in heard

    with redis.Redis(unix_socket_path=str(engine.socket)) as raw:
        await until(lambda: is_heard(raw, "first"))
        raw.client_kill_filter(_type="pubsub")
        await until(lambda: is_heard(raw, "after the connection"))
        engine.stop()
        await until(lambda: not ear.listening.is_set())
        engine.start()
        await until(lambda: is_heard(raw, "after the engine"))
    listening.cancel()


async def test_where_nobody_may_subscribe_workers_ask_again(engine: Engine, raw: redis.Redis) -> None:
    raw.acl_setuser("quiet", enabled=True, passwords=["+pw"], keys=["*"], commands=["+@all"], reset_channels=True)
    url = f"unix://quiet:pw@{engine.socket}"
    async with a_worker(url, listens=False) as one, a_worker(url, listens=False) as other:
        heard: list[bytes] = []
        ear = Subscription(parse_endpoint(url), CHANNEL, heard.append)
        listening = asyncio.create_task(ear.run())
        lead = await led(one, a_key())
        there = asyncio.create_task(other.ask(a_key(), caller="k_2"))
        await waiting(other, 1)
        lead.deposit(an_entry(a_key()))
        async with asyncio.timeout(STUCK_S):
            assert isinstance(await there, Hit)
        assert not ear.listening.is_set()
        assert one.troubles == {}
        listening.cancel()


async def test_a_full_cache_gives_what_it_has_and_takes_nothing(engine: Engine, raw: redis.Redis) -> None:
    async with a_worker(engine.url) as one, a_worker(engine.url) as other:
        await stored(one, a_key("there"))
        raw.config_set("maxmemory-policy", "noeviction")
        raw.config_set("maxmemory", 1)
        await hit(one, a_key("there"))
        lead = await led(one, a_key())
        here, there = (asyncio.create_task(answers.ask(a_key(), caller="k_2")) for answers in (one, other))
        await waiting(one, 1)
        await waiting(other, 1)
        lead.deposit(an_entry(a_key()))
        async with asyncio.timeout(STUCK_S):
            assert isinstance(await here, Hit)
            second = await there  # whose process has nothing: one of it asks for itself
        assert not isinstance(second, Hit | Missed)
        second.give_up()
        await settled(one)
        assert one.troubles == {"unkept": 1}
        await other.flush("acme", "team:growth")
        raw.config_set("maxmemory", 0)
        assert not isinstance(await one.ask(a_key("there"), caller="k_3"), Hit)


async def test_a_cache_that_evicts_loses_answers_and_nothing_else(engine: Engine, raw: redis.Redis) -> None:
    raw.config_set("maxmemory", raw.info("memory")["used_memory"] + 2_000_000)
    async with a_worker(engine.url) as answers:
        for n in range(60):
            await stored(answers, a_key(f"prompt {n}"), body=os.urandom(100_000))
        assert raw.info("stats")["evicted_keys"] > 0
        found = [await answers.ask(a_key(f"prompt {n}"), caller="k_1") for n in range(60)]
        assert not any(isinstance(one, Missed) for one in found)
        assert answers.troubles == {}


async def test_a_cache_that_is_a_replica_is_not_asked(engine: Engine, raw: redis.Redis) -> None:
    async with a_worker(engine.url, deadline_s=0.045) as answers:
        raw.replicaof("127.0.0.1", 1)
        assert await answers.ask(a_key(), caller="k_1") == Missed("away")
        raw.replicaof("NO", "ONE")
        await _asked_again(answers)


async def test_a_cache_that_was_never_there_costs_nothing_but_hits() -> None:
    with short_folder() as folder:
        store = Store(parse_endpoint(f"unix://{folder}/nobody.sock"), may_evict=True, deadline_s=0.045)
        store.start()
        answers = StoreAnswers(store)
        key = a_key()
        for _ in range(5):
            assert await answers.ask(key, caller="k_1") == Missed("away")
            assert await answers.ask(key, caller="k_1", fresh=True) == Missed("away")
            assert await answers.ask(key, caller="k_1", only_if_cached=True) == Missed("away")
        answers.put(key, an_entry(key))
        answers.heard(b"anything")
        with pytest.raises(StoreAway):
            await answers.forget("acme", ["org"], key.name)
        await answers.close()
        await store.close()


async def test_scripts_that_are_forgotten_are_loaded_again_unnoticed(engine: Engine, raw: redis.Redis) -> None:
    async with a_worker(engine.url) as answers:
        for n in range(3):
            raw.script_flush()
            lead = await led(answers, a_key(str(n)))
            raw.script_flush()
            lead.deposit(an_entry(a_key(str(n))))
            await settled(answers)
            raw.script_flush()
            await hit(answers, a_key(str(n)))
            await answers.flush("acme", "team:growth")
        assert answers.troubles == {}

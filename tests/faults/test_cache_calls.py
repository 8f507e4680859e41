"""The cache under a whole proxy: many at once cost one call upstream, and a cache that fails costs nobody an answer."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from itertools import count, cycle, islice
from statistics import median

import pytest
import redis

from proxy.stores.answers.shelf import LEASE_S
from proxy.stores.engine import Engine, cache_flags
from tests.e2e.answers import OPENAI_CHAT, openai_stream
from tests.support.callers import ask, calling, told, upstreams
from tests.support.company import write_policies
from tests.support.engines import short_folder
from tests.support.killing import all_serve, kill, worker_of
from tests.support.listening import Caller, Heard
from tests.support.reusing import Got
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import failing, joined, pause, silence, streamed, whole
from tests.support.waiting import until

RULES = """\
kind: Policy
name: walk
owner: security@acme.example
rules:
  - name: reuse
    cache: { mode: near, share: org, ttl: 1h }
"""
MODEL = "openai-1"
MANY = 200
CALLS = 7  # of which the one in the middle is judged
MOST_ADDED_S = 0.06
ANSWER = OPENAI_CHAT | {"model": MODEL}
STREAM = [event.replace(OPENAI_CHAT["model"].encode(), MODEL.encode()) for event in openai_stream()]
_NUMBERS = count()


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with short_folder() as folder:
        made = Engine("cache", folder, cache_flags(maxmemory_mb=32))
        made.start()
        yield made
        made.stop()


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as made:
        yield made


@pytest.fixture(scope="module")
def proxy(
    tmp_path_factory: pytest.TempPathFactory, engine: Engine, upstream: ScriptedUpstream
) -> Iterator[RunningProxy]:
    home = tmp_path_factory.mktemp("home")
    write_policies(home, {"walk.yaml": RULES})
    more = f'cache: {{ url: "{engine.url}" }}'
    with RunningProxy(home, upstreams(upstream.base_url), workers=2, more=more) as running:
        asyncio.run(until(partial(all_serve, running)))  # ready is said as soon as one of them is
        yield running


@pytest.fixture
def text() -> str:
    """One that nobody has asked."""
    return f"Explain how the sails of ship {next(_NUMBERS)} are set by a crew"


@contextmanager
def broken(engine: Engine, how: str) -> Iterator[None]:
    """The cache fails in this way meanwhile."""
    assert engine.pid
    if how == "died":
        engine.stop()
        yield
        engine.start()
        return
    with redis.Redis(unix_socket_path=str(engine.socket)) as raw:
        if how == "hangs":
            os.kill(engine.pid, signal.SIGSTOP)
            yield
            os.kill(engine.pid, signal.SIGCONT)
        elif how == "is full":
            raw.config_set("maxmemory-policy", "noeviction")
            raw.config_set("maxmemory", 1)
            yield
            raw.config_set("maxmemory", 0)
        else:
            raw.replicaof("127.0.0.1", 1)
            yield
            raw.replicaof("NO", "ONE")


def became(heard: Heard) -> str:
    return heard.headers["x-tally-cache"]


def said(heard: Heard) -> str:
    return Got(heard.status, heard.headers, heard.body).text()


async def all_ask(
    callers: AsyncExitStack, proxy: RunningProxy, text: str, count: int, *, streams: Sequence[bool] = (False, True)
) -> list[Caller]:
    """So many ask the same, every other one for a stream, and are waiting by now."""
    under_way = [calling(proxy, MODEL, stream=each, text=text) for each in islice(cycle(streams), count)]
    made = [await callers.enter_async_context(one) for one in under_way]
    await asyncio.sleep(0.3)  # nobody tells
    return made


async def timed(proxy: RunningProxy, text: str) -> tuple[float, Heard]:
    """An answer and the seconds it took."""
    began = time.monotonic()
    heard = await ask(proxy, MODEL, text=text)
    return time.monotonic() - began, heard


async def until_used(proxy: RunningProxy, text: str) -> None:
    """Until both workers use the cache again: so many calls in a row are spread over them."""
    used = 0
    async with asyncio.timeout(20):
        for number in count():
            heard = await ask(proxy, MODEL, text=f"{text}: again {number}")
            used = 0 if heard.headers.get("x-tally-cache-reason") == "away" else used + 1
            if used == 12:
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("first", [False, True], ids=["whole", "streamed"])
async def test_two_hundred_who_ask_two_workers_cost_one_call_whether_they_stream_or_not(
    proxy: RunningProxy, upstream: ScriptedUpstream, text: str, *, first: bool
) -> None:
    upstream.forget()
    answer = streamed(STREAM) if first else whole(ANSWER)
    upstream.replies(joined([pause(3)], answer), always=True)
    async with calling(proxy, MODEL, stream=first, text=text) as lead:
        await upstream.wait_seen()
        asks = (ask(proxy, MODEL, stream=bool(number % 2), text=text) for number in range(MANY - 1))
        heard = await asyncio.gather(lead.answer(), *asks)
    assert {(one.status, said(one)) for one in heard} == {(200, "Hello there")}
    assert len(upstream.seen) == 1
    assert list(map(became, heard)) == ["miss"] + ["coalesced"] * (MANY - 1)


async def test_when_two_hundred_begin_in_one_breath_one_of_them_leads(
    proxy: RunningProxy, upstream: ScriptedUpstream, text: str
) -> None:
    upstream.forget()
    upstream.replies(joined([pause(3)], whole(ANSWER)), always=True)
    heard = await asyncio.gather(*(ask(proxy, MODEL, text=text) for _ in range(MANY)))
    assert len(upstream.seen) == 1
    assert sorted(map(became, heard)) == ["coalesced"] * (MANY - 1) + ["miss"]


@pytest.mark.parametrize("then", [False, True], ids=["whole", "streamed"])
async def test_when_a_leader_s_worker_is_killed_one_new_call_answers_those_who_wait_in_the_other(
    proxy: RunningProxy, upstream: ScriptedUpstream, text: str, *, then: bool
) -> None:
    upstream.forget()
    upstream.replies(streamed(STREAM[:3], then=silence()), streamed(STREAM) if then else whole(ANSWER))
    async with AsyncExitStack() as callers:
        lead = await callers.enter_async_context(calling(proxy, MODEL, stream=True, text=text))
        await upstream.wait_seen()
        waiting = await all_ask(callers, proxy, text, 20, streams=[then])
        doomed = worker_of(proxy, lead)
        there = [caller for caller in waiting if worker_of(proxy, caller) != doomed]
        assert there
        kill(doomed)
        async with asyncio.timeout(LEASE_S + 0.5):
            heard = await asyncio.gather(*(caller.answer() for caller in there))
    assert {one.status for one in heard} == {200}
    assert sorted(map(became, heard)) == ["coalesced"] * (len(there) - 1) + ["miss"]
    assert len(upstream.seen) == 2
    await until(partial(all_serve, proxy))


@pytest.mark.parametrize("stay", [5, 0])
async def test_followers_who_leave_take_nothing_from_the_leader_and_from_those_who_stay(
    proxy: RunningProxy, upstream: ScriptedUpstream, text: str, stay: int
) -> None:
    upstream.forget()
    upstream.replies(joined([pause(1)], whole(ANSWER)))
    async with AsyncExitStack() as callers:
        lead = await callers.enter_async_context(calling(proxy, MODEL, text=text))
        await upstream.wait_seen()
        waiting = await all_ask(callers, proxy, text, 20)
        for caller in waiting[stay:]:
            caller.reset()
        heard = await asyncio.gather(*(caller.answer() for caller in (lead, *waiting[:stay])))
    assert {(one.status, said(one)) for one in heard} == {(200, "Hello there")}
    assert list(map(became, heard)) == ["miss"] + ["coalesced"] * stay
    assert len(upstream.seen) == 1


async def test_a_leader_who_leaves_does_not_take_the_answer_from_the_other_worker(
    proxy: RunningProxy, upstream: ScriptedUpstream, text: str
) -> None:
    upstream.forget()
    upstream.replies(joined([pause(LEASE_S)], whole(ANSWER)))
    async with AsyncExitStack() as callers:
        lead = await callers.enter_async_context(calling(proxy, MODEL, text=text))
        await upstream.wait_seen()
        waiting = await all_ask(callers, proxy, text, 20)
        there = [caller for caller in waiting if worker_of(proxy, caller) != worker_of(proxy, lead)]
        for caller in set(waiting) - set(there):
            caller.reset()
        await asyncio.sleep(LEASE_S / 2)  # a renewal tells that somebody waits elsewhere
        lead.reset()
        heard = await asyncio.gather(*(caller.answer() for caller in there))
    assert list(map(became, heard)) == ["coalesced"] * len(there) != []
    assert len(upstream.seen) == 1


async def test_each_of_those_who_wait_for_failing_leaders_gets_an_error_of_its_own(
    proxy: RunningProxy, upstream: ScriptedUpstream, text: str
) -> None:
    upstream.forget()
    upstream.replies(*(joined([pause(0.2)], failing(400, message=f"failure {number}")) for number in range(12)))
    heard = await asyncio.gather(*(ask(proxy, MODEL, text=text) for _ in range(12)))
    assert {one.status for one in heard} == {400}
    assert sorted(told(one)["message"] for one in heard) == sorted(f"failure {number}" for number in range(12))
    assert len(upstream.seen) == 12


async def test_one_of_those_who_wait_for_a_failing_leader_finds_the_answer_for_all_of_them(
    proxy: RunningProxy, upstream: ScriptedUpstream, text: str
) -> None:
    upstream.forget()
    upstream.replies(joined([pause(0.5)], failing(400)), joined([pause(0.5)], whole(ANSWER)))
    heard = await asyncio.gather(*(ask(proxy, MODEL, text=text) for _ in range(12)))
    assert sorted(one.status for one in heard) == [200] * 11 + [400]
    assert sorted(became(one) for one in heard if one.status == 200) == ["coalesced"] * 10 + ["miss"]
    assert len(upstream.seen) == 2


@pytest.mark.parametrize("how", ["hangs", "died", "is full", "is a replica"])
async def test_a_cache_that_fails_costs_nobody_an_answer_and_little_time(
    proxy: RunningProxy, upstream: ScriptedUpstream, engine: Engine, text: str, how: str
) -> None:
    upstream.forget()
    upstream.replies(whole(ANSWER), always=True)
    usually = [(await timed(proxy, f"{text}: {number}"))[0] for number in range(-CALLS, 0)]
    took = []
    with broken(engine, how):
        for number in range(CALLS):
            seconds, heard = await timed(proxy, f"{text}: {number}")
            assert (heard.status, became(heard), len(upstream.seen)) == (200, "miss", CALLS + number + 1)
            took.append(seconds)
    assert median(took) - median(usually) < MOST_ADDED_S
    await until_used(proxy, text)
    assert became(await ask(proxy, MODEL, text=text)) == "miss"
    again = became(await ask(proxy, MODEL, text=text))
    assert again in ("hit", "coalesced")  # the other worker may be told a little later


async def test_whoever_finds_the_cache_hanging_asks_upstream_once_and_soon(
    proxy: RunningProxy, upstream: ScriptedUpstream, engine: Engine, text: str
) -> None:
    upstream.forget()
    upstream.replies(whole(ANSWER), always=True)
    usually = [(await timed(proxy, f"{text}: {number}"))[0] for number in range(-CALLS, 0)]
    took = []
    for number in range(CALLS):
        await until_used(proxy, f"{text} {number}")
        before = len(upstream.seen)
        with broken(engine, "hangs"):
            seconds, heard = await timed(proxy, f"{text}: {number}")
        assert (became(heard), heard.headers["x-tally-cache-reason"]) == ("miss", "away")
        assert len(upstream.seen) == before + 1
        took.append(seconds)
    assert median(took) - median(usually) < 2 * MOST_ADDED_S  # the promise, and a busy machine

"""The cache under a whole proxy: many at once cost one call upstream, and a cache that fails costs nobody an answer."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest
import redis

from proxy.stores.engine import Engine, cache_flags
from tests.e2e.answers import OPENAI_CHAT, openai_stream
from tests.support.callers import ask, upstreams
from tests.support.company import write_policies
from tests.support.engines import short_folder
from tests.support.listening import Heard
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import joined, pause, streamed, whole

RULES = """\
kind: Policy
name: walk
owner: security@acme.example
rules:
  - name: reuse
    cache: { mode: near, share: org, ttl: 1h }
"""
MANY = 200
ANSWER = OPENAI_CHAT | {"model": "openai-1"}
STREAM = [event.replace(OPENAI_CHAT["model"].encode(), b"openai-1") for event in openai_stream()]
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


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_two_hundred_who_ask_two_workers_cost_one_call(
    proxy: RunningProxy, upstream: ScriptedUpstream, text: str, *, stream: bool
) -> None:
    upstream.forget()
    answer = streamed(STREAM) if stream else whole(ANSWER)
    upstream.replies(joined([pause(3)], answer), always=True)
    heard = await asyncio.gather(*(ask(proxy, "openai-1", stream=stream, text=text) for _ in range(MANY)))
    assert {one.status for one in heard} == {200}
    assert len(upstream.seen) == 1
    assert sorted(map(became, heard)) == ["coalesced"] * (MANY - 1) + ["miss"]


@pytest.mark.parametrize("how", ["hangs", "died", "is full", "is a replica"])
async def test_a_cache_that_fails_costs_nobody_an_answer(
    proxy: RunningProxy, upstream: ScriptedUpstream, engine: Engine, text: str, how: str
) -> None:
    upstream.forget()
    upstream.replies(whole(ANSWER), always=True)
    with broken(engine, how):
        for number in range(4):
            heard = await ask(proxy, "openai-1", text=f"{text} {number}")
            assert (heard.status, became(heard), len(upstream.seen)) == (200, "miss", number + 1)
    upstream.forget()
    upstream.replies(whole(ANSWER), always=True)

    async def used_again() -> bool:
        return became(await ask(proxy, "openai-1", text=text)) == "hit"

    async with asyncio.timeout(20):
        while not await used_again():  # noqa: ASYNC110 - another process: there is no event to wait for
            await asyncio.sleep(0.1)

"""Deaths that come in pairs, and processes that were only believed dead: still every call once, still the right sums."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from functools import partial
from pathlib import Path

import pytest

from proxy.domain.row import Outcome, Rank
from proxy.domain.usage import UsageSource
from tests.support.at_rest import wait_rest
from tests.support.callers import ANSWERS, STREAMS, ask, calling, upstreams
from tests.support.engines import running_engine
from tests.support.killing import all_serve, engines_of, kill, workers_of
from tests.support.listening import Caller
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import chunk, joined, pause, send, silence, streamed, whole
from tests.support.waiting import until

STREAMED = 12  # streams that are under way when something dies


@pytest.fixture
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        upstream.replies(whole(ANSWERS["anthropic"]), path="/v1/messages", always=True)
        yield upstream


def script_halting(scripted: ScriptedUpstream, seconds: float) -> None:
    """Streams that tell a word and go on after so many seconds."""
    told, rest = STREAMS["openai"][:-3], STREAMS["openai"][-3:]
    goes_on = [send(chunk(piece)) for piece in rest]
    script = joined(streamed(told, then=pause(seconds)), goes_on, send(b"0\r\n\r\n"))
    scripted.replies(script, path="/v1/chat/completions", always=True)


async def open_streams(proxy: RunningProxy, stack: AsyncExitStack) -> list[Caller]:
    """Callers who have heard the first word of their streams."""
    callers = []
    for number in range(STREAMED):
        caller = await stack.enter_async_context(calling(proxy, f"openai-{number}", stream=True))
        await caller.head()
        await caller.reader.readuntil(b"Hello")
        callers.append(caller)
    return callers


async def served(proxy: RunningProxy) -> bool:
    """Whether a call is answered now."""
    try:
        return (await ask(proxy, "anthropic-model")).status == 200
    except (OSError, EOFError):
        return False


async def test_a_worker_that_hangs_beyond_its_leases_is_swept_and_has_the_last_word_all_the_same(
    scripted: ScriptedUpstream, tmp_path: Path
) -> None:
    script_halting(scripted, 1.0)
    with RunningProxy(tmp_path, upstreams(scripted.base_url), workers=2, lease="1s") as proxy:
        await until(partial(all_serve, proxy))
        async with AsyncExitStack() as stack:
            callers = await open_streams(proxy, stack)
            hung = workers_of(proxy)[0]
            os.kill(hung, signal.SIGSTOP)
            try:
                await asyncio.to_thread(proxy.wait_rows, 1, rank=Rank.SWEPT)  # the other one tells of its calls
            finally:
                os.kill(hung, signal.SIGCONT)
            for caller in callers:
                assert b"[DONE]" in await caller.reader.readuntil(b"0\r\n\r\n")
        rows = await asyncio.to_thread(wait_rest, proxy)
        assert [(row.rank, row.outcome, row.cost_nusd) for row in rows] == [(Rank.FINAL, Outcome.OK, 18_000)] * STREAMED


async def test_an_embedded_store_that_is_killed_is_started_again_with_its_sums(
    scripted: ScriptedUpstream, tmp_path: Path
) -> None:
    script_halting(scripted, 1.0)
    with RunningProxy(tmp_path, upstreams(scripted.base_url), workers=2, lease="1s") as proxy:
        await until(partial(all_serve, proxy))
        for _ in range(20):
            assert await served(proxy)  # both workers know what remains
        async with AsyncExitStack() as stack:
            callers = await open_streams(proxy, stack)
            kill(*engines_of(proxy))
            for caller in callers:
                assert b"[DONE]" in await caller.reader.readuntil(b"0\r\n\r\n")
        await until(partial(served, proxy))
        rows = await asyncio.to_thread(wait_rest, proxy)
        assert {row.usage.usage_source for row in rows} == {UsageSource.REPORTED}
        assert len(engines_of(proxy)) == 2


@pytest.mark.parametrize("hangs", [False, True], ids=["killed", "hanging"])
async def test_calls_of_a_worker_that_dies_while_the_store_is_away_are_in_the_journal(
    scripted: ScriptedUpstream, tmp_path: Path, *, hangs: bool
) -> None:
    scripted.replies(streamed(STREAMS["openai"][:-3], then=silence()), path="/v1/chat/completions", always=True)
    with (
        running_engine("valkey") as engine,
        RunningProxy(
            tmp_path, upstreams(scripted.base_url), lease="1s", more=f'store: {{ url: "{engine.url}" }}'
        ) as proxy,
    ):
        assert await served(proxy)  # from here on it knows what remains
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGSTOP if hangs else signal.SIGKILL)
        async with AsyncExitStack() as stack:
            await open_streams(proxy, stack)
            kill(*workers_of(proxy))
        if hangs:
            os.kill(engine.pid, signal.SIGCONT)
        else:
            engine.start()
        await until(partial(served, proxy))
        rows = await asyncio.to_thread(wait_rest, proxy, engine.socket)
        died = [row for row in rows if row.model_requested.startswith("openai")]
        assert {row.model_requested for row in died} == {f"openai-{number}" for number in range(STREAMED)}
        assert [(row.rank, row.usage.usage_source) for row in died] == [(Rank.SWEPT, UsageSource.ESTIMATED)] * STREAMED
        assert all(row.cost_nusd > 0 for row in died)


async def test_a_caller_who_leaves_while_the_call_is_being_noted_for_want_of_a_store_leaves_a_row_and_nothing_held(
    scripted: ScriptedUpstream, tmp_path: Path
) -> None:
    with (
        running_engine("valkey") as engine,
        RunningProxy(
            tmp_path, upstreams(scripted.base_url), lease="1s", more=f'store: {{ url: "{engine.url}" }}'
        ) as proxy,
    ):
        assert await served(proxy)
        await asyncio.to_thread(wait_rest, proxy, engine.socket)
        assert engine.pid is not None
        kill(engine.pid)
        with closing(sqlite3.connect(proxy.home / "state" / "calls.db", isolation_level=None)) as busy:
            busy.execute("BEGIN IMMEDIATE")  # the open row cannot be committed while this stands
            async with calling(proxy, "openai-left"):
                await asyncio.sleep(0.3)
            await asyncio.sleep(0.3)
        engine.start()
        await asyncio.to_thread(proxy.wait_rows, 1, model_requested="openai-left")
        await asyncio.sleep(1)  # more than the lease is refreshed in
        rows = await asyncio.to_thread(wait_rest, proxy, engine.socket)
        left = [row for row in rows if row.model_requested == "openai-left"]
        assert [(row.rank, row.outcome, row.cost_nusd) for row in left] == [(Rank.FINAL, Outcome.CLIENT_ABORT, 0)]
        assert not [seen for seen in scripted.seen if "chat" in seen.path]

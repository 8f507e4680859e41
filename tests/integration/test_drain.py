"""How the running proxy ends: streams finish, every row is written, and a worker that dies does not end the service."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from proxy.domain.row import Outcome
from proxy.domain.usage import UsageSource
from proxy.stores.engine import Engine
from tests.support.at_rest import wait_rest
from tests.support.callers import ANSWERS, FAMILIES, STREAMS, ask, calling, upstreams
from tests.support.engines import running_engine
from tests.support.killing import alive, all_serve, kill, workers_of
from tests.support.listening import Caller
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import chunk, joined, pause, send, silence, streamed, whole
from tests.support.waiting import PATIENCE_S, until

PATHS = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/gemini-model:streamGenerateContent",
}
MIDDLE = {"openai": -3, "anthropic": -3, "gemini": -1}  # pieces of a stream that are left when its first word was told


@pytest.fixture
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@contextmanager
def a_proxy(
    home: Path, scripted: ScriptedUpstream, *, more: str = "", drain: str = "10s", delay: str = "0s"
) -> Iterator[tuple[RunningProxy, Engine]]:
    """A proxy with two workers whose store outlives it, so that it can be asked afterwards."""
    with running_engine("valkey") as engine:
        lines = upstreams(scripted.base_url, more=more)
        proxy = RunningProxy(home, lines, workers=2, drain=drain, lease="1s", more=f'store: {{ url: "{engine.url}" }}')
        proxy.config.write_text(proxy.config.read_text().replace("delay: 0s", f"delay: {delay}"))
        with proxy:
            yield proxy, engine


async def ended(proxy: RunningProxy) -> int:
    """The exit code, within bounds."""
    assert proxy.process is not None
    return await asyncio.to_thread(proxy.process.wait, PATIENCE_S)


async def drains(proxy: RunningProxy, base: str) -> bool:
    """Whether /readyz says that it is draining."""
    try:
        await asyncio.to_thread(proxy.get, "/readyz", base=base)
    except urllib.error.HTTPError as error:
        with error:
            return (error.code, error.read()) == (503, b"not ready: draining\n")
    return False


def script_streams(scripted: ScriptedUpstream, *, halt: bool) -> None:
    """Streams of every dialect that tell a word and then go on after a while, or never."""
    for family, path in PATHS.items():
        pieces = STREAMS[family]
        told, rest = pieces[: MIDDLE[family]], pieces[MIDDLE[family] :]
        stops = streamed(told, then=silence())
        goes_on = joined(streamed(told, then=pause(1.0)), [send(chunk(piece)) for piece in rest], send(b"0\r\n\r\n"))
        scripted.replies(stops if halt else goes_on, path=path)


async def started(caller: Caller) -> None:
    await caller.head()
    await caller.reader.readuntil(b"Hello")


async def test_on_sigterm_streams_finish_and_every_row_is_written(scripted: ScriptedUpstream, tmp_path: Path) -> None:
    script_streams(scripted, halt=False)
    with a_proxy(tmp_path, scripted, delay="3s") as (proxy, engine):
        assert proxy.process is not None
        async with (
            calling(proxy, "openai-model", stream=True) as one,
            calling(proxy, "anthropic-model", stream=True) as two,
            calling(proxy, "gemini-model", stream=True) as three,
        ):
            for caller in (one, two, three):
                await started(caller)
            proxy.process.send_signal(signal.SIGTERM)
            await until(partial(drains, proxy, proxy.admin_url))
            await until(partial(drains, proxy, proxy.base_url))
            scripted.replies(whole(ANSWERS["openai"]), path=PATHS["openai"])
            assert (await ask(proxy, "openai-late")).status == 200  # not ready is not closed: balancers are slow
            for caller, last in ((one, b"[DONE]"), (two, b"message_stop"), (three, b"STOP")):
                rest = await caller.rest()
                assert last in rest
                assert rest.endswith(b"0\r\n\r\n")
        assert await ended(proxy) == 0
        rows = wait_rest(proxy, engine.socket)
        assert [(row.outcome, row.usage.usage_source) for row in rows] == [(Outcome.OK, UsageSource.REPORTED)] * 4
        assert [row.cost_nusd for row in rows] == [18_000] * 4
        with pytest.raises(ConnectionRefusedError):
            await ask(proxy, "openai-model")


async def test_a_second_sigterm_ends_streams_with_the_dialects_error_and_their_rows_are_written(
    scripted: ScriptedUpstream, tmp_path: Path
) -> None:
    script_streams(scripted, halt=True)
    with a_proxy(tmp_path, scripted, drain="100s") as (proxy, engine):
        assert proxy.process is not None
        async with (
            calling(proxy, "openai-model", stream=True) as one,
            calling(proxy, "anthropic-model", stream=True) as two,
            calling(proxy, "gemini-model", stream=True) as three,
        ):
            callers = dict(zip(FAMILIES, (one, two, three), strict=True))
            for caller in callers.values():
                await started(caller)
            proxy.process.send_signal(signal.SIGTERM)
            await until(partial(drains, proxy, proxy.admin_url))
            proxy.process.send_signal(signal.SIGTERM)
            for family, caller in callers.items():
                rest = await caller.rest()
                assert not rest.endswith(b"0\r\n\r\n")
                check_last_event(family, rest)
        assert await ended(proxy) == 0
        rows = wait_rest(proxy, engine.socket)
        assert {row.dialect for row in rows} == {"openai_chat", "anthropic_messages", "gemini"}
        assert [row.outcome for row in rows] == [Outcome.PROXY_ERROR] * 3
        for row in rows:
            assert (row.usage.output or 0) > 0
            assert row.cost_nusd == (row.usage.input or 0) * 1000 + (row.usage.output or 0) * 2000


def check_last_event(family: str, raw: bytes) -> None:
    """The last event is an error that says why, as that family's SDK reads it."""
    event = raw.rstrip().rpartition(b"\r\n\r\n")[0] or raw
    line = [line for line in event.splitlines() if line.startswith(b"data:")][-1]
    error: dict[str, Any] = json.loads(line[5:])["error"]
    kinds = {"openai": "server_error", "anthropic": "overloaded_error", "gemini": "UNAVAILABLE"}
    assert kinds[family] in (error.get("type"), error.get("status"))
    assert "restarting" in error["message"]


async def test_calls_that_outlive_the_longest_drain_are_cut_and_booked_however_long_their_text_takes_to_count(
    scripted: ScriptedUpstream, tmp_path: Path
) -> None:
    long = STREAMS["openai"][1].replace(b"Hello", b"Hello" + b" there" * 50_000)
    scripted.replies(streamed([STREAMS["openai"][0], long], then=silence()), path=PATHS["openai"])
    with a_proxy(tmp_path, scripted, drain="500ms") as (proxy, engine):
        assert proxy.process is not None
        async with calling(proxy, "openai-model", stream=True) as caller:
            await started(caller)
            proxy.process.send_signal(signal.SIGTERM)
            check_last_event("openai", await caller.rest())
        assert await ended(proxy) == 0
        rows = wait_rest(proxy, engine.socket)
        assert [row.outcome for row in rows] == [Outcome.PROXY_ERROR]
        assert rows[0].usage.output == 50_001


async def test_an_answer_that_is_read_on_for_a_caller_who_left_is_booked_before_the_end(
    scripted: ScriptedUpstream, tmp_path: Path
) -> None:
    scripted.replies(streamed(STREAMS["openai"], every=0.2), path=PATHS["openai"])
    scripted.replies(streamed(STREAMS["anthropic"][:5], then=silence()), path=PATHS["anthropic"])
    with a_proxy(tmp_path, scripted, more=", on_disconnect: {drain: {max: 60s}}") as (proxy, engine):
        assert proxy.process is not None
        for family in ("openai", "anthropic"):
            async with calling(proxy, f"{family}-model", stream=True) as caller:
                await started(caller)
        proxy.process.send_signal(signal.SIGTERM)
        assert await ended(proxy) == 0
        found = {row.dialect: row for row in wait_rest(proxy, engine.socket)}
        assert found["openai_chat"].usage.usage_source is UsageSource.REPORTED  # its end came in time
        assert found["anthropic_messages"].usage.usage_source is not UsageSource.REPORTED
        assert {row.outcome for row in found.values()} == {Outcome.CLIENT_ABORT}


async def test_a_worker_that_crashes_is_started_again_and_the_service_goes_on(
    scripted: ScriptedUpstream, tmp_path: Path
) -> None:
    scripted.replies(whole(ANSWERS["openai"]), path=PATHS["openai"], always=True)
    with a_proxy(tmp_path, scripted) as (proxy, engine):
        await until(partial(all_serve, proxy))
        first, second = workers_of(proxy)
        os.kill(first, signal.SIGSEGV)
        async with asyncio.timeout(PATIENCE_S):
            while alive(first) or len(workers_of(proxy)) < 2:
                assert await answered(proxy), "one worker was left"
                await asyncio.sleep(0.02)
        fresh = next(pid for pid in workers_of(proxy) if pid != second)
        await until(partial(all_serve, proxy))
        kill(second)
        assert await answered(proxy), "the fresh worker serves"
        assert fresh in workers_of(proxy)
        rows = await asyncio.to_thread(wait_rest, proxy, engine.socket)  # what died was swept
        assert all(row.cost_nusd > 0 for row in rows)
        assert proxy.stop() == 0


async def answered(proxy: RunningProxy) -> bool:
    """Whether a call is answered; one that met the dying worker's socket may be cut, and is made again."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            return (await ask(proxy, "openai-model")).status == 200
        except (OSError, EOFError):
            await asyncio.sleep(0.01)
    return False

"""Answers on their way, by a whole proxy with two workers: whoever leaves, and whatever is flushed or deleted meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from functools import partial
from itertools import count

import pytest

from proxy.domain.row import Outcome
from tests.e2e.answers import OPENAI_CHAT, openai_stream
from tests.support.callers import ask, calling
from tests.support.company import write_policies
from tests.support.killing import all_serve, worker_of
from tests.support.listening import Caller, Heard
from tests.support.reusing import Got
from tests.support.running import RunningProxy, openai_like
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import Script, chunk, forever, joined, pause, streamed
from tests.support.talking import Talking, request
from tests.support.waiting import until

RULES = """\
kind: Policy
name: walk
owner: security@acme.example
rules:
  - name: reuse
    cache: { mode: near, share: team, ttl: 1h }
"""
CANCELS, DRAINS = "openai-cancel", "openai-drain"
DRAIN_S = 0.5
SLOW_S = 1.0  # between events: an answer takes much longer than it is drained
MANY = 12  # so many connections that some are on either worker
_NUMBERS = count()


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as made:
        yield made


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream) -> Iterator[RunningProxy]:
    home = tmp_path_factory.mktemp("home")
    write_policies(home, {"walk.yaml": RULES})
    served = {
        "cancels": openai_like(upstream.base_url, models=f'"{CANCELS}"', more=", on_disconnect: cancel"),
        "drains": openai_like(
            upstream.base_url, models=f'"{DRAINS}"', more=f", on_disconnect: {{ drain: {{ max: {DRAIN_S}s }} }}"
        ),
    }
    with RunningProxy(home, served, workers=2) as running:
        asyncio.run(until(partial(all_serve, running)))
        yield running


@pytest.fixture
def text(upstream: ScriptedUpstream) -> str:
    """One that nobody has asked."""
    upstream.forget()
    return f"Explain how the sails of ship {next(_NUMBERS)} are set by a crew"


def events(model: str) -> list[bytes]:
    return [event.replace(OPENAI_CHAT["model"].encode(), model.encode()) for event in openai_stream()]


def slowly(model: str) -> Script:
    """An answer of a few seconds, which says at once that it comes."""
    return streamed(events(model), every=SLOW_S)


def told(heard: Heard) -> tuple[str, str]:
    """What became of a call at the cache, and the answer."""
    got = Got(heard.status, heard.headers, heard.body)
    return got.cache, got.text()


async def lead(callers: AsyncExitStack, proxy: RunningProxy, model: str, text: str) -> tuple[Caller, Heard]:
    """Somebody whose answer has begun, and its head."""
    caller = await callers.enter_async_context(calling(proxy, model, stream=True, text=text))
    return caller, await caller.head()


async def more(callers: AsyncExitStack, proxy: RunningProxy, model: str, text: str) -> list[Caller]:
    """Others who ask the same on both workers, and wait by now."""
    made = [await callers.enter_async_context(calling(proxy, model, stream=True, text=text)) for _ in range(MANY)]
    await asyncio.sleep(0.3)  # nobody tells
    assert len({worker_of(proxy, caller) for caller in made}) == 2
    return made


@pytest.mark.parametrize("where", ["same", "other", "both"])
@pytest.mark.parametrize("model", [CANCELS, DRAINS])
async def test_a_leader_who_leaves_in_the_middle_leaves_the_whole_answer_to_those_who_wait(
    proxy: RunningProxy, upstream: ScriptedUpstream, text: str, model: str, where: str
) -> None:
    upstream.replies(slowly(model), always=True)
    async with AsyncExitStack() as callers:
        leader, head = await lead(callers, proxy, model, text)
        waiting = await more(callers, proxy, model, text)
        mine = worker_of(proxy, leader)
        stay = [one for one in waiting if where == "both" or (worker_of(proxy, one) == mine) == (where == "same")]
        for caller in [one for one in waiting if one not in stay]:
            caller.reset()
        leader.reset()
        heard = await asyncio.gather(*(caller.answer() for caller in stay))
    assert set(map(told, heard)) == {("coalesced", "Hello there")}
    assert len(upstream.seen) == 1
    (row,) = await asyncio.to_thread(partial(proxy.wait_rows, request_id=head.headers["x-request-id"]))
    assert (row.outcome, row.usage.output) == (Outcome.CLIENT_ABORT, 3)  # all of it is booked to whoever caused it


async def test_without_anybody_who_waits_the_upstream_is_told_at_once(
    proxy: RunningProxy, upstream: ScriptedUpstream, text: str
) -> None:
    upstream.replies(joined(streamed(events(CANCELS)[:2], then=forever(chunk(b": still here\n\n"), 0.05))))
    async with AsyncExitStack() as callers:
        leader, _ = await lead(callers, proxy, CANCELS, text)
        leader.reset()
        await upstream.wait_closed(upstream.seen[-1].connection)


@pytest.mark.parametrize("model", [CANCELS, DRAINS])
async def test_when_the_last_of_those_who_wait_has_left_too_nobody_reads_on(
    proxy: RunningProxy, upstream: ScriptedUpstream, text: str, model: str
) -> None:
    upstream.replies(joined(streamed(events(model)[:2], then=forever(chunk(b": still here\n\n"), 0.05))))
    async with AsyncExitStack() as callers:
        leader, _ = await lead(callers, proxy, model, text)
        waiting = await more(callers, proxy, model, text)
        leader.reset()
        await asyncio.sleep(3 * DRAIN_S)
        assert not upstream.connections[upstream.seen[-1].connection].closed.done()
        for caller in waiting:
            caller.reset()
        await upstream.wait_closed(upstream.seen[-1].connection)


@pytest.mark.parametrize("how", ["deleted", "team", "all"])
async def test_who_asks_after_a_flush_or_a_deletion_never_has_an_answer_that_was_asked_before(
    proxy: RunningProxy, upstream: ScriptedUpstream, text: str, how: str
) -> None:
    after = [
        event.replace(b"Hello there", b"After").replace(b"Hello", b"After").replace(b" there", b"")
        for event in events(CANCELS)
    ]
    upstream.replies(slowly(CANCELS), joined([pause(2)], streamed(after)), always=True)
    async with AsyncExitStack() as callers:
        leader, head = await lead(callers, proxy, CANCELS, text)
        early = await more(callers, proxy, CANCELS, text)
        early = [one for one in early if worker_of(proxy, one) == worker_of(proxy, leader)]
        await asyncio.to_thread(partial(empty, proxy, how, Got(200, head.headers, b"").key))
        late = await more(callers, proxy, CANCELS, text)
        heard = await asyncio.gather(*(caller.answer() for caller in late))
        assert {text for _, text in map(told, heard)} == {"After"}
        heard = await asyncio.gather(*(caller.answer() for caller in early))
        assert {text for _, text in map(told, heard)} <= {"After", "Hello there"}
        assert b" there" in await leader.reader.readuntil(b"data: [DONE]")
    assert told(await ask(proxy, CANCELS, text=text))[1] == "After"


def empty(proxy: RunningProxy, how: str, name: str) -> None:
    """Do away with an answer of this name."""
    if how == "deleted":
        head = request("DELETE", f"/v1/cache/{name}", b"", (("authorization", f"Bearer {proxy.key}"),))
        with Talking(proxy.port) as line:
            assert line.send(head).answer().status == 204
    else:
        done = proxy.cli("dedup", "flush", *(["--all"] if how == "all" else ["--team", "growth"]))
        assert done.returncode == 0, done

"""Connections are reused while both sides agree, bounded in number, and never shared between two answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from proxy.domain.errors import BadRequest, Unavailable, UpstreamFailed, UpstreamTimedOut
from proxy.domain.upstream import Timeouts
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import Script, close, head, pause, reset, send, silence, stale, streamed, whole
from tests.support.wires import fetch, open_wire, pieces, post, settled, upstream_at


@pytest.fixture
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


async def test_a_thousand_calls_in_a_row_use_one_connection(scripted: ScriptedUpstream) -> None:
    scripted.replies(whole(b"{}"), always=True)
    async with open_wire() as wire:
        upstream = upstream_at(scripted.base_url, timeouts=Timeouts())
        for _ in range(1000):
            assert await fetch(wire, upstream) == b"{}"
        assert (wire.connections(), wire.idle()) == (1, 1)
    assert len(scripted.seen) == 1000
    assert len(scripted.connections) == 1


async def test_the_connection_used_last_is_taken_first(scripted: ScriptedUpstream) -> None:
    scripted.replies(streamed([b"a"], every=0.05), streamed([b"b"], every=0.02), whole(b"c"))
    async with open_wire() as wire:
        upstream = upstream_at(scripted.base_url)
        slow, quick = await post(wire, upstream), await post(wire, upstream)
        await pieces(quick)
        await pieces(slow)
        await fetch(wire, upstream)
    assert [seen.connection for seen in scripted.seen] == [0, 1, 0]


async def test_a_connection_is_free_again_before_its_answer_is_taken(scripted: ScriptedUpstream) -> None:
    scripted.replies(whole(b"first"), whole(b"second"))
    async with open_wire() as wire:
        upstream = upstream_at(scripted.base_url)
        first = await post(wire, upstream)
        assert await fetch(wire, upstream) == b"second"
        assert await first.read() == b"first"
        first.close()
        assert (len(scripted.connections), wire.idle()) == (1, 1)


async def test_the_upstreams_word_on_keeping_connections_is_heeded(scripted: ScriptedUpstream) -> None:
    scripted.replies(whole(b"a", headers=[("keep-alive", "timeout=1")]), always=True)
    async with open_wire() as wire:
        await fetch(wire, upstream_at(scripted.base_url))
        assert await settled(wire, 0)


async def test_beyond_the_limit_calls_wait_in_a_short_line_and_the_rest_is_told_at_once(
    scripted: ScriptedUpstream,
) -> None:
    scripted.replies(streamed([b"x"], every=0.2), always=True)
    async with open_wire() as wire:
        upstream = upstream_at(scripted.base_url, max_connections=8)
        calls = await asyncio.gather(*(fetch(wire, upstream) for _ in range(20)), return_exceptions=True)
        assert calls.count(b"x") == 10
        busy = [call for call in calls if isinstance(call, Unavailable)]
        assert len(busy) == 10
        assert busy[0].retry_after_s == 1
        assert (wire.connections(), wire.idle()) == (8, 8)
    assert len(scripted.connections) == 8


async def test_who_waits_too_long_for_a_connection_is_turned_away(scripted: ScriptedUpstream) -> None:
    scripted.replies(silence())
    async with open_wire() as wire:
        upstream = upstream_at(scripted.base_url, timeouts=Timeouts(), max_connections=1)
        running = asyncio.create_task(post(wire, upstream))
        await scripted.wait_seen()
        with pytest.raises(Unavailable, match="busy"):
            await post(wire, upstream)
        running.cancel()
        await asyncio.wait({running})
        assert await settled(wire, 0)


async def test_a_caller_who_leaves_the_line_loses_nothing_for_the_next(scripted: ScriptedUpstream) -> None:
    scripted.replies(streamed([b"x"], every=0.1), always=True)
    async with open_wire() as wire:
        upstream = upstream_at(scripted.base_url, max_connections=4)
        running = [asyncio.create_task(fetch(wire, upstream)) for _ in range(4)]
        await asyncio.sleep(0.02)
        waiting = asyncio.create_task(fetch(wire, upstream))
        await asyncio.sleep(0.02)
        waiting.cancel()
        assert await asyncio.gather(*running) == [b"x"] * 4
        assert await fetch(wire, upstream) == b"x"
        assert wire.connections() == 4


async def test_a_cancelled_storm_leaves_no_slot_behind(scripted: ScriptedUpstream) -> None:
    scripted.replies(streamed([b"x"], every=0.01), always=True)
    async with open_wire() as wire:
        upstream = upstream_at(scripted.base_url, max_connections=6)
        for delay in range(25):
            calls = [asyncio.create_task(fetch(wire, upstream)) for _ in range(7)]
            await asyncio.sleep(delay / 1000)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        assert await asyncio.gather(*(fetch(wire, upstream) for _ in range(6))) == [b"x"] * 6
        assert wire.connections() == wire.idle() <= 6


async def test_after_a_reload_idle_connections_of_a_vanished_upstream_close_and_running_calls_finish(
    scripted: ScriptedUpstream,
) -> None:
    scripted.replies(whole(b"idle"), streamed([b"a", b"b"], every=0.1))
    async with open_wire() as wire:
        upstream = upstream_at(scripted.base_url)
        await fetch(wire, upstream)
        running = await post(wire, upstream)
        wire.retain([])
        assert b"".join(await pieces(running)) == b"ab"
        assert await settled(wire, 0)
        scripted.replies(whole(b"back"))
        assert await fetch(wire, upstream) == b"back"


async def test_a_reload_that_changes_nothing_keeps_connections(scripted: ScriptedUpstream) -> None:
    scripted.replies(whole(b"ok"), always=True)
    async with open_wire() as wire:
        for _ in range(3):
            upstream = upstream_at(scripted.base_url)
            wire.retain([upstream])
            assert await fetch(wire, upstream) == b"ok"
    assert len(scripted.connections) == 1


async def test_closing_the_wire_ends_running_calls_with_an_error(scripted: ScriptedUpstream) -> None:
    scripted.replies(silence())
    async with open_wire() as wire:
        call = asyncio.create_task(post(wire, upstream_at(scripted.base_url)))
        await scripted.wait_seen()
        wire.close()
        with pytest.raises(UpstreamFailed, match="stopping"):
            await call
        with pytest.raises(UpstreamFailed, match="stopping"):
            await post(wire, upstream_at(scripted.base_url))
    await scripted.wait_closed()


@pytest.mark.parametrize("ending", [stale(), reset()])
async def test_a_reused_connection_that_closes_unanswered_is_retried_exactly_once(
    scripted: ScriptedUpstream, ending: Script
) -> None:
    async with open_wire() as wire:
        upstream = upstream_at(scripted.base_url)
        scripted.replies(whole(b"first"), ending, whole(b"second"))
        assert await fetch(wire, upstream) == b"first"
        assert await fetch(wire, upstream) == b"second"
        assert [seen.connection for seen in scripted.seen] == [0, 0, 1]
        scripted.replies(ending, ending, whole(b"never"))
        with pytest.raises(UpstreamFailed, match="before it answered"):
            await fetch(wire, upstream)
        assert len(scripted.seen) == 5


async def test_a_reused_connection_that_closes_after_working_on_the_request_is_not_retried(
    scripted: ScriptedUpstream,
) -> None:
    async with open_wire() as wire:
        upstream = upstream_at(scripted.base_url, timeouts=Timeouts())
        scripted.replies(whole(b"first"), [pause(1.2), close()], whole(b"never"))
        assert await fetch(wire, upstream) == b"first"
        with pytest.raises(UpstreamFailed, match="before it answered"):
            await fetch(wire, upstream)
        assert len(scripted.seen) == 2


async def test_the_wire_tells_when_an_upstream_got_the_request_and_takes_it_back_where_nobody_read_it(
    scripted: ScriptedUpstream,
) -> None:
    async with open_wire() as wire:
        upstream = upstream_at(scripted.base_url, timeouts=Timeouts(), max_connections=1)
        told: list[bool] = []

        async def ask(target: str = "/x") -> None:
            (await wire.send(upstream, "POST", target, [], b"{}", told.append)).close()

        with pytest.raises(BadRequest):
            await ask("/a b")
        assert told == []
        scripted.replies(whole(b"first"), stale(), whole(b"second"))
        await ask()
        await asyncio.sleep(0)
        assert told == [True]
        await fetch(wire, upstream)
        told.clear()
        scripted.forget()
        scripted.replies(stale(), [send(head() + b"content-length: 9\r\n\r\n"), silence()])
        held = await wire.send(upstream, "POST", "/x", [], b"{}", told.append)
        assert told == [True, False, True]
        told.clear()
        with pytest.raises(Unavailable):
            await ask()
        assert told == []
        held.close()


async def test_a_reused_connection_that_began_to_answer_is_not_retried(scripted: ScriptedUpstream) -> None:
    async with open_wire() as wire:
        scripted.replies(whole(b"first"), [send(b"HTTP/1.1 2"), close()])
        assert await fetch(wire, upstream_at(scripted.base_url)) == b"first"
        with pytest.raises(UpstreamFailed):
            await fetch(wire, upstream_at(scripted.base_url))
        assert len(scripted.seen) == 2


async def test_a_reused_connection_that_stays_silent_is_not_retried(scripted: ScriptedUpstream) -> None:
    async with open_wire() as wire:
        scripted.replies(whole(b"first"), silence())
        assert await fetch(wire, upstream_at(scripted.base_url)) == b"first"
        with pytest.raises(UpstreamTimedOut):
            await fetch(wire, upstream_at(scripted.base_url))
        assert len(scripted.seen) == 2


async def test_connections_closed_while_idle_cost_no_call(scripted: ScriptedUpstream) -> None:
    async with open_wire() as wire:
        upstream = upstream_at(scripted.base_url)
        scripted.replies(whole(b"ok"), always=True)
        await asyncio.gather(*(fetch(wire, upstream) for _ in range(8)))
        scripted.drop()
        assert await settled(wire, 0)
        assert await fetch(wire, upstream) == b"ok"
        assert len(scripted.seen) == 9


@pytest.mark.parametrize("surplus", [b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison", b"x", b"\r\n"])
async def test_bytes_that_nobody_asked_for_close_an_idle_connection(scripted: ScriptedUpstream, surplus: bytes) -> None:
    async with open_wire() as wire:
        upstream = upstream_at(scripted.base_url)
        first = send(head() + b"content-length: 3\r\n\r\none")
        scripted.replies([first, pause(0.05), send(surplus), silence()], whole(b"two"))
        assert await fetch(wire, upstream) == b"one"
        await scripted.wait_closed()
        assert await fetch(wire, upstream) == b"two"


async def test_bytes_after_the_end_of_an_answer_never_reach_the_next_caller(scripted: ScriptedUpstream) -> None:
    poison = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison"
    async with open_wire() as wire:
        upstream = upstream_at(scripted.base_url)
        scripted.replies([send(head() + b"content-length: 3\r\n\r\none" + poison), silence()], whole(b"two"))
        assert await fetch(wire, upstream) == b"one"
        assert await fetch(wire, upstream) == b"two"
        assert scripted.seen[1].connection == 1

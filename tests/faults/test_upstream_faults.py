"""Whatever an upstream does, the caller gets a clear error in bounded time and no bad connection is kept."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

from proxy.domain.errors import UpstreamFailed, UpstreamTimedOut
from proxy.domain.upstream import Timeouts
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import (
    Script,
    bad_chunk,
    close,
    cut_after,
    drip,
    endless_sse,
    failing,
    forever,
    garbage,
    head,
    huge_header,
    infinite_header,
    many_headers,
    pause,
    reset,
    send,
    silence,
    streamed,
)
from tests.support.wires import fetch, open_wire, pieces, post, settled, upstream_at


@pytest.fixture
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


BROKEN: dict[str, Script] = {
    "garbage": garbage(),
    "a huge header": huge_header(),
    "many headers": many_headers(),
    "an infinite header": infinite_header(),
    "a length and chunks": [send(head() + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\nhi"), silence()],
    "NUL in a header": [send(head() + b"x: a\0b\r\n\r\n"), silence()],
    "interim answers for ever": forever(b"HTTP/1.1 102 Processing\r\n\r\n"),
    "an upgrade": [send(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n"), silence()],
}


@pytest.mark.parametrize("case", BROKEN)
async def test_an_answer_that_breaks_http_is_a_protocol_error(scripted: ScriptedUpstream, case: str) -> None:
    scripted.replies(BROKEN[case])
    async with open_wire() as wire:
        with pytest.raises(UpstreamFailed, match="broke HTTP") as caught:
            await post(wire, upstream_at(scripted.base_url))
        assert caught.value.code == "upstream_protocol_error"
        await scripted.wait_closed()
        assert await settled(wire, 0)
        assert len(scripted.seen) == 1


async def test_a_bad_chunk_ends_the_stream_after_what_came_before_it(scripted: ScriptedUpstream) -> None:
    scripted.replies(bad_chunk())
    async with open_wire() as wire:
        answer = await post(wire, upstream_at(scripted.base_url))
        assert await answer.piece() == b"data: {}\n\n"
        with pytest.raises(UpstreamFailed, match="broke HTTP"):
            await pieces(answer)
        answer.close()
        assert await settled(wire, 0)


async def test_endless_framing_without_a_body_is_cut(scripted: ScriptedUpstream) -> None:
    scripted.replies([send(head() + b"transfer-encoding: chunked\r\n\r\n0\r\nx-trailer: "), forever(b"t" * 4096)])
    scripted.replies([send(head() + b"transfer-encoding: chunked\r\n\r\n1;x="), forever(b"e" * 4096)])
    async with open_wire() as wire:
        for _ in range(2):
            answer = await post(wire, upstream_at(scripted.base_url))
            with pytest.raises(UpstreamFailed, match="broke HTTP"):
                await answer.read()
            answer.close()
        assert await settled(wire, 0)


async def test_a_refused_connection_is_told_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        async with open_wire() as wire:
            began = time.monotonic()
            with pytest.raises(UpstreamFailed, match="refused"):
                await post(wire, upstream_at(f"http://127.0.0.1:{taken.getsockname()[1]}"))
            assert time.monotonic() - began < 1
            assert wire.connections() == 0


async def test_an_unknown_host_is_told() -> None:
    async with open_wire() as wire:
        with pytest.raises(UpstreamFailed, match=r"resolved|reached"):
            await post(wire, upstream_at("http://no-such-host.invalid", timeouts=Timeouts(connect_s=5)))
        assert wire.connections() == 0


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "2852039166", "0xa9fea9fe", "[fd00:ec2::254]", "[::ffff:169.254.169.254]"]
)
async def test_metadata_addresses_are_refused_even_when_configured(host: str) -> None:
    async with open_wire() as wire:
        with pytest.raises(UpstreamFailed, match="never an upstream") as caught:
            await post(wire, upstream_at(f"http://{host}"))
        assert caught.value.code == "upstream_address_refused"
        assert wire.connections() == 0


async def test_a_connection_that_is_never_accepted_times_out() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        async with open_wire() as wire:
            limits = Timeouts(connect_s=0.2)
            with pytest.raises(UpstreamTimedOut, match=r"within 0\.2 s"):
                await post(wire, upstream_at(f"http://127.0.0.1:{full.getsockname()[1]}", timeouts=limits))
            assert wire.connections() == 0
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize(
    "script",
    [
        silence(),
        drip(b"HTTP/1.1 200 OK\r\nx-slow: " + b"s" * 1000, every=0.05),
        [send(head() + b"transfer-encoding: chunked\r\n\r\n"), silence()],
        [send(b"HTTP/1.1 103 Early Hints\r\n\r\n"), silence()],
    ],
)
async def test_an_upstream_that_never_answers_times_out_and_is_left(scripted: ScriptedUpstream, script: Script) -> None:
    scripted.replies(script)
    async with open_wire() as wire:
        with pytest.raises(UpstreamTimedOut, match=r"did not answer for 0\.3 s"):
            await fetch(wire, upstream_at(scripted.base_url))
        await scripted.wait_closed()
        assert await settled(wire, 0)
        assert len(scripted.seen) == 1


async def test_silence_between_pieces_times_out_after_what_came(scripted: ScriptedUpstream) -> None:
    scripted.replies(streamed([b"data: 1\n\n"], then=silence()))
    async with open_wire() as wire:
        answer = await post(wire, upstream_at(scripted.base_url))
        assert await answer.piece() == b"data: 1\n\n"
        with pytest.raises(UpstreamTimedOut, match="silent in the middle"):
            await answer.piece()
        answer.close()
        await scripted.wait_closed()


async def test_a_slow_but_steady_stream_is_not_silent(scripted: ScriptedUpstream) -> None:
    scripted.replies(streamed([b"data: %d\n\n" % number for number in range(8)], every=0.15))
    async with open_wire() as wire:
        answer = await post(wire, upstream_at(scripted.base_url))
        assert len(await pieces(answer)) == 8


@pytest.mark.parametrize("ending", [reset(), close()])
async def test_an_end_before_the_answer_on_a_fresh_connection_is_told_and_not_retried(
    scripted: ScriptedUpstream, ending: Script
) -> None:
    scripted.replies(ending)
    async with open_wire() as wire:
        with pytest.raises(UpstreamFailed, match="before it answered"):
            await post(wire, upstream_at(scripted.base_url))
        assert len(scripted.seen) == 1
        assert await settled(wire, 0)


@pytest.mark.parametrize(
    "script",
    [
        cut_after(b"x" * 100, 40),
        [send(head() + b"content-length: 100\r\n\r\n" + b"x" * 40), pause(0.05), reset()],
        streamed([b"x" * 40], then=close()),
        streamed([b"x" * 40], every=0.05, then=reset()),
    ],
)
async def test_an_end_in_the_middle_gives_what_came_and_then_an_error(
    scripted: ScriptedUpstream, script: Script
) -> None:
    scripted.replies(script, script)
    async with open_wire() as wire:
        with pytest.raises(UpstreamFailed, match="broke off"):
            await fetch(wire, upstream_at(scripted.base_url))
        answer = await post(wire, upstream_at(scripted.base_url))
        assert await answer.piece() == b"x" * 40
        with pytest.raises(UpstreamFailed, match="broke off"):
            await answer.piece()
        answer.close()
        assert len(scripted.seen) == 2
        assert await settled(wire, 0)


async def test_an_answer_without_a_length_that_is_reset_is_not_whole(scripted: ScriptedUpstream) -> None:
    scripted.replies([send(head() + b"\r\nhalf"), pause(0.05), reset()], [send(head() + b"\r\nwhole"), close()])
    async with open_wire() as wire:
        with pytest.raises(UpstreamFailed, match="broke off"):
            await fetch(wire, upstream_at(scripted.base_url))
        assert await fetch(wire, upstream_at(scripted.base_url)) == b"whole"


async def test_an_endless_stream_ends_when_it_is_closed_here(scripted: ScriptedUpstream) -> None:
    scripted.replies(endless_sse())
    async with open_wire() as wire:
        answer = await post(wire, upstream_at(scripted.base_url))
        for _ in range(20):
            assert await answer.piece()
        left = time.monotonic()
        answer.close()
        assert await scripted.wait_closed() - left < 0.1
        assert await settled(wire, 0)
        with pytest.raises(UpstreamFailed, match="given up"):
            await pieces(answer)


@pytest.mark.parametrize("script", [silence(), drip(b"HTTP/1.1 200 OK\r\n", every=0.01)])
async def test_a_caller_who_leaves_before_the_answer_closes_the_upstream(
    scripted: ScriptedUpstream, script: Script
) -> None:
    scripted.replies(script)
    async with open_wire() as wire:
        call = asyncio.create_task(post(wire, upstream_at(scripted.base_url, timeouts=Timeouts())))
        await scripted.wait_seen()
        left = time.monotonic()
        call.cancel()
        assert await scripted.wait_closed() - left < 0.1
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await settled(wire, 0)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 429, 500, 503, 529])
async def test_errors_and_redirects_are_answers_like_any_other(scripted: ScriptedUpstream, status: int) -> None:
    scripted.replies(failing(status, retry_after="7"))
    async with open_wire() as wire:
        answer = await post(wire, upstream_at(scripted.base_url))
        assert answer.status == status
        assert (b"retry-after", b"7") in answer.headers
        assert b"scripted failure" in await answer.read()
        answer.close()
        assert len(scripted.seen) == 1
        assert (wire.connections(), wire.idle()) == (1, 1)

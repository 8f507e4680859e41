"""Calls to an upstream over real sockets: bytes out are bytes in, TLS is checked, slow readers cost little memory."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.domain.errors import UpstreamFailed
from proxy.domain.upstream import Timeouts, Upstream
from tests.support.certificates import self_signed
from tests.support.scripted import ScriptedUpstream, fixture_reply
from tests.support.scripts import (
    chunk,
    close,
    drip,
    endless_sse,
    fixture_body,
    head,
    pause,
    send,
    silence,
    streamed,
    whole,
)
from tests.support.shared import shared_dir
from tests.support.wires import fetch, open_wire, pieces, post, settled, upstream_at

PATIENT = Timeouts()


@pytest.fixture
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


async def test_a_request_arrives_as_it_was_given(scripted: ScriptedUpstream) -> None:
    scripted.replies(whole({"ok": True}))
    async with open_wire() as wire:
        upstream = Upstream("u", "openai", f"{scripted.base_url}/v1", query=(("api-version", "1"),))
        headers = [(b"authorization", b"Bearer k"), (b"host", b"evil"), (b"content-length", b"1")]
        answer = await wire.send(upstream, "POST", "/chat?alt=sse", headers, b'{"a":1}')
        assert json.loads(await answer.read()) == {"ok": True}
        assert answer.status == 200
        assert (b"x-request-id", b"req_scripted") in answer.headers
        answer.close()
    seen = scripted.seen[0]
    assert (seen.method, seen.target, seen.body) == ("POST", "/v1/chat?alt=sse&api-version=1", b'{"a":1}')
    assert seen.headers == [
        ("host", scripted.base_url.removeprefix("http://")),
        ("connection", "keep-alive"),
        ("accept-encoding", "identity"),
        ("content-length", "7"),
        ("authorization", "Bearer k"),
    ]


@pytest.mark.parametrize("size", [0, 1, 16_383, 16_384, 200_000, 262_144, 262_145, 5_000_000])
async def test_a_body_of_any_size_arrives_whole(scripted: ScriptedUpstream, size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    scripted.replies(whole(b"ok"), whole(b"ok"))
    async with open_wire() as wire:
        upstream = upstream_at(scripted.base_url, timeouts=PATIENT)
        for _ in range(2):
            assert await fetch(wire, upstream, body=body[:size]) == b"ok"
    assert scripted.seen[0].body == scripted.seen[1].body == body[:size]
    assert len(scripted.connections) == 1


async def test_a_get_has_no_body_and_head_gets_none(scripted: ScriptedUpstream) -> None:
    scripted.replies(whole(b"list"), [send(head() + b"content-length: 9\r\n\r\n")], whole(b"after"))
    async with open_wire() as wire:
        upstream = upstream_at(scripted.base_url)
        assert await (await wire.send(upstream, "GET", "/models", [], b"")).read() == b"list"
        assert await (await wire.send(upstream, "HEAD", "/models", [], b"")).read() == b""
        assert await fetch(wire, upstream) == b"after"
    assert scripted.seen[0].header("content-length") is None


async def test_an_early_answer_ends_a_large_request_and_its_connection(scripted: ScriptedUpstream) -> None:
    refusal = [send(head(413) + b"content-length: 5\r\n\r\nlarge"), silence()]
    scripted.replies(refusal, early=True).replies(whole(b"next"))
    async with open_wire() as wire:
        upstream = upstream_at(scripted.base_url, timeouts=PATIENT)
        answer = await post(wire, upstream, body=b"b" * 30_000_000)
        assert (answer.status, await answer.read()) == (413, b"large")
        answer.close()
        assert await settled(wire, 0)
        assert await fetch(wire, upstream) == b"next"
    assert scripted.seen[1].connection == 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.binary(min_size=1, max_size=5000), max_size=6), size=st.integers(1, 4000))
def test_bytes_out_are_bytes_in_over_a_real_socket(scripted: ScriptedUpstream, parts: list[bytes], size: int) -> None:
    text = head() + b"transfer-encoding: chunked\r\n\r\n" + b"".join(map(chunk, parts)) + b"0\r\n\r\n"
    scripted.replies(drip(text, size=max(size, len(text) // 50)))

    async def call() -> None:
        async with open_wire() as wire:
            answer = await post(wire, upstream_at(scripted.base_url, timeouts=PATIENT))
            assert b"".join(await pieces(answer)) == b"".join(parts)
            answer.close()
            assert wire.idle() == 1

    asyncio.run(call())


async def test_pieces_are_handed_over_as_they_come(scripted: ScriptedUpstream) -> None:
    events = [b"data: %d\n\n" % number for number in range(5)]
    scripted.replies(streamed(events, every=0.03))
    async with open_wire() as wire:
        answer = await post(wire, upstream_at(scripted.base_url))
        assert await pieces(answer) == events
        assert await answer.piece() == b""
        answer.close()


async def test_a_compressed_answer_is_untouched_and_flagged(scripted: ScriptedUpstream) -> None:
    scripted.replies(whole(b"\x1f\x8b\x08", headers=[("content-encoding", "gzip")]), whole(b"plain"))
    async with open_wire() as wire:
        answer = await post(wire, upstream_at(scripted.base_url))
        assert (answer.coding, await answer.read()) == (b"gzip", b"\x1f\x8b\x08")
        assert (await post(wire, upstream_at(scripted.base_url))).coding == b""


async def test_a_reader_who_stops_stops_the_upstream(scripted: ScriptedUpstream) -> None:
    scripted.replies(endless_sse(b"data: " + b"x" * 65_000 + b"\n\n"))
    async with open_wire() as wire:
        answer = await post(wire, upstream_at(scripted.base_url))  # idle limit 0.3 s: our own slowness is not silence
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await asyncio.sleep(0.8)
        assert len(await answer.piece()) <= 128 << 10
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 << 10
        for _ in range(50):
            assert 0 < len(await answer.piece()) <= 128 << 10
        answer.close()
        await scripted.wait_closed()


async def test_a_buffered_answer_larger_than_the_high_water_mark_is_read_whole(scripted: ScriptedUpstream) -> None:
    body = b"0123456789" * 300_000
    scripted.replies(whole(body), [send(head() + b"\r\n"), pause(0.05), send(body), close()])
    async with open_wire() as wire:
        upstream = upstream_at(scripted.base_url, timeouts=PATIENT)
        assert await fetch(wire, upstream) == body
        answer = await post(wire, upstream)
        await asyncio.sleep(0.2)  # let it pause first
        assert await answer.read() == body


async def test_tls_is_spoken_to_a_known_authority_and_reused(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path, "127.0.0.1", "localhost")
    with ScriptedUpstream(tls=certificate) as scripted:
        scripted.replies(whole(b"secret"), streamed([b"a" * 100_000, b"b"]), silence())
        async with open_wire() as wire:
            upstream = upstream_at(scripted.base_url, ca_file=str(certificate[0]), timeouts=PATIENT)
            assert await fetch(wire, upstream) == b"secret"
            assert await fetch(wire, upstream) == b"a" * 100_000 + b"b"
            call = asyncio.create_task(post(wire, upstream))
            await scripted.wait_seen(3)
            call.cancel()
            assert await scripted.wait_closed() > 0
        assert len(scripted.connections) == 1


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path, "127.0.0.1")
    with ScriptedUpstream(tls=certificate) as scripted:
        async with open_wire() as wire:
            with pytest.raises(UpstreamFailed, match=r"certificate is not trusted .*ca_file"):
                await post(wire, upstream_at(scripted.base_url, timeouts=PATIENT))
            assert wire.connections() == 0
        assert scripted.seen == []


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path, "elsewhere.example")
    with ScriptedUpstream(tls=certificate) as scripted:
        async with open_wire() as wire:
            with pytest.raises(UpstreamFailed, match="certificate is not trusted"):
                await post(wire, upstream_at(scripted.base_url, ca_file=str(certificate[0]), timeouts=PATIENT))


async def _answer_in_plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 This is a plain port\r\n\r\n")
    writer.close()


async def test_tls_to_a_plain_server_and_a_missing_authority_are_told() -> None:
    plain = await asyncio.start_server(_answer_in_plain, "127.0.0.1", 0)
    async with plain, open_wire() as wire:
        with pytest.raises(UpstreamFailed, match="TLS failed"):
            await post(wire, upstream_at(f"https://127.0.0.1:{plain.sockets[0].getsockname()[1]}", timeouts=PATIENT))
        with pytest.raises(UpstreamFailed, match="No such file"):
            await post(wire, upstream_at("https://127.0.0.1:1", ca_file="/no/such/ca.pem"))
        assert wire.connections() == 0


async def test_an_ipv6_literal_is_an_upstream_like_any_other() -> None:
    with ScriptedUpstream(host="::1") as scripted:
        scripted.replies(whole(b"six"))
        async with open_wire() as wire:
            assert await fetch(wire, upstream_at(scripted.base_url)) == b"six"
        assert (scripted.seen[0].header("host") or "").startswith("[::1]:")


async def test_a_name_with_a_dead_address_reaches_the_living_one(scripted: ScriptedUpstream) -> None:
    # localhost is ::1 and 127.0.0.1 on most machines; only the second has a listener.
    scripted.replies(whole(b"alive"))
    async with open_wire() as wire:
        assert await fetch(wire, upstream_at(f"http://localhost:{scripted.port}")) == b"alive"


async def test_recorded_exchanges_pass_unchanged(scripted: ScriptedUpstream) -> None:
    shared = shared_dir()
    if shared is None:
        pytest.skip("needs the recorded exchanges beside the project")
    async with open_wire() as wire:
        for file in sorted((shared / "usage-fixtures").glob("*.json")):
            fixture = json.loads(file.read_text())
            data = fixture_body(fixture)
            scripted.replies(fixture_reply(fixture, splits=[1, 7, len(data) // 2]))
            assert await fetch(wire, upstream_at(scripted.base_url)) == data
            scripted.replies(fixture_reply(fixture, cut=len(data) // 2))
            with pytest.raises(UpstreamFailed, match="broke off"):
                await fetch(wire, upstream_at(scripted.base_url))


async def test_nothing_of_a_call_shows_in_an_error(scripted: ScriptedUpstream) -> None:
    scripted.replies([send(head() + b"x-canary: canary\0\r\n\r\n")])
    async with open_wire() as wire:
        with pytest.raises(UpstreamFailed) as caught:
            await wire.send(upstream_at(scripted.base_url), "POST", "/canary", [(b"x-canary", b"canary")], b"canary")
    assert "canary" not in f"{caught.value!r} {caught.value.message} {caught.value.__cause__!r}"
